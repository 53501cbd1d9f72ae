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

import { seedFor, uniform } from "../base/random.ts";
import { type Tensor, elementCount, floatTensor } from "../graph/tensor.ts";
import { Model } from "../model/model.ts";
import { slotsOf } from "../ops/parameters.ts";
import type { SlotRole } from "../ops/slots.ts";
import { separateVectors } from "../passes/separate-vectors.ts";

/** What tensors begin with that are not drawn. */
const CONSTANT: Partial<Record<SlotRole, number>> = { scale: 1, shift: 0, mean: 0, variance: 1 };

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
  const network = new Model(separateVectors(model.graph), model.lifted, model.report);
  const fresh = new Map<string, Tensor>();
  for (const [node, slots] of slotsOf(network.graph)) {
    const kernel = slots.find(({ layout }) => layout);
    for (const slot of slots) {
      const { name, role } = slot;
      if (!only(name)) continue;
      const { dims } = slot.tensor;
      const count = elementCount(dims);
      const constant = CONSTANT[role];
      if (constant !== undefined) fresh.set(name, floatTensor(dims, new Float32Array(count).fill(constant)));
      if (role !== "kernel" && role !== "bias") continue;
      const { layout, tensor } = role === "kernel" ? slot : (kernel ?? slot);
      const fanIn = layout?.(node, tensor.dims).fanIn ?? count;
      const bound = Math.sqrt((role === "kernel" && kernels === "kaiming" ? 6 : 1) / fanIn);
      fresh.set(name, floatTensor(dims, drawn(count, bound, seedFor(seed, name))));
    }
  }
  return network.withWeights(fresh);
}

function drawn(count: number, bound: number, seed: number): Float32Array {
  const random = uniform(seed);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = bound * (2 * random() - 1);
  return values;
}
