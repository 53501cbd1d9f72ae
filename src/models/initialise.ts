/**
 * @file Fresh weights for a network, 2D or lifted, drawn as PyTorch draws them:
 *
 *   kernels   U(±√(6 / ((1 + a²) · fan-in)));  a = √5 by default ("default"), a = 0 for "kaiming"
 *   biases    U(±1 / √fan-in)
 *   normalisations   scale 1, shift 0; BatchNorm's running mean 0 and variance 1
 *
 * Every tensor has a stream of its own, which the seed and its name determine:
 * networks that share a layer share its values, too. Soft-ACS's logits stay, and what is only
 * added or multiplied (ConvNeXt's layer scales).
 *
 * @see He et al., arXiv:1502.01852; https://pytorch.org/docs/stable/nn.init.html
 */

import { intAttr, type Node } from "../graph/graph.ts";
import { seedFor, uniform } from "../base/random.ts";
import { type Tensor, elementCount, floatTensor } from "../graph/tensor.ts";
import type { Model } from "../model/model.ts";
import { LIFTED_DOMAIN } from "../ops/lifted.ts";
import { slotsOf } from "../passes/untie.ts";

/** The input of a lifted convolution that holds soft-ACS's logits. */
const LOGITS = 3;

/** Inputs that are 1 at first; the others are 0. */
const NORMALISATIONS: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [1, 4],
  GroupNormalization: [1],
  InstanceNormalization: [1],
  LayerNormalization: [1],
};

const DRAWN = new Set(["Conv", "ConvTranspose", "LiftedConv", "LiftedConvTranspose", "Gemm", "MatMul"]);

/**
 * How kernels are drawn: as PyTorch's layers do by themselves, or wider by √6, as He et al. propose for ReLU. `none`
 * draws nothing and leaves all as it is, which saves time where weights are loaded next.
 */
export type Initialisation = "default" | "kaiming" | "none";

/** Of {@link initialise}. */
export interface InitialiseOptions {
  /** Default: as PyTorch's layers do. */
  readonly kernels?: Initialisation;
  /** Whole number; the same one gives the same weights on every machine. Default 0. */
  readonly seed?: number;
  /** Weights that are drawn; the others stay. Default: all. */
  readonly only?: (name: string) => boolean;
}

/** The network with fresh weights. */
export function initialise(model: Model, options: InitialiseOptions = {}): Model {
  const { kernels = "default", seed = 0, only = () => true } = options;
  if (kernels === "none") return model;
  const { graph } = model;
  const fresh = new Map<string, Tensor>();
  for (const [node, { parameters, statistics }] of slotsOf(graph)) {
    const kernel = parameters.find(({ input }) => input === 1);
    for (const { name, input } of [...parameters, ...statistics]) {
      if (!only(name) || (node.domain === LIFTED_DOMAIN && input === LOGITS)) continue;
      const { dims } = graph.initializers.get(name)!;
      const count = elementCount(dims);
      const ones = NORMALISATIONS[node.op];
      if (ones)
        fresh.set(name, floatTensor(dims, new Float32Array(count).fill(ones.includes(input) ? 1 : 0)));
      if (!DRAWN.has(node.op)) continue;
      const fanIn = kernel ? fanInOf(node, graph.initializers.get(kernel.name)!.dims) : count;
      const bound = Math.sqrt((input === 1 && kernels === "kaiming" ? 6 : 1) / fanIn);
      fresh.set(name, floatTensor(dims, drawn(count, bound, seedFor(seed, name))));
    }
  }
  return model.withWeights(fresh);
}

/** What one output sums over: [outputs, inputs, …] but for products that have them the other way round. */
function fanInOf(node: Node, dims: readonly number[]): number {
  const isSwapped = node.op === "MatMul" || (node.op === "Gemm" && intAttr(node, "transB", 0) === 0);
  return isSwapped ? dims.at(-2)! : elementCount(dims.slice(1));
}

function drawn(count: number, bound: number, seed: number): Float32Array {
  const random = uniform(seed);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = bound * (2 * random() - 1);
  return values;
}
