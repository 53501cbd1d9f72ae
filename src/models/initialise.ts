/**
 * @file Fresh weights for a network, 2D or lifted, drawn as PyTorch draws them:
 *
 *   kernels   U(±√(6 / ((1 + a²) · fan-in)));  a = √5 by default ("default"), a = 0 for "kaiming"
 *   biases    U(±1 / √fan-in)
 *   BatchNorm scale 1, shift 0, running mean 0 and variance 1
 *
 * Every tensor has a stream of its own, which the seed and its name determine:
 * networks that share a layer share its values, too. Soft-ACS's logits stay.
 *
 * @see He et al., arXiv:1502.01852; https://pytorch.org/docs/stable/nn.init.html
 */

import type { Node } from "../graph/graph.ts";
import { seedFor, uniform } from "../graph/random.ts";
import { type Tensor, elementCount, floatTensor } from "../graph/tensor.ts";
import type { Model } from "../model.ts";
import { LIFTED_DOMAIN } from "../ops/lifted.ts";
import { slotsOf } from "../passes/untie.ts";

/** The input of a lifted convolution that holds soft-ACS's logits. */
const LOGITS = 3;

/** How kernels are drawn: as PyTorch's layers do by themselves, or wider by √6, as He et al. propose for ReLU. */
export type Initialisation = "default" | "kaiming";

/** @param seed - whole number; the same one gives the same weights on every machine */
export function initialise(
  model: Model,
  { kernels = "default", seed = 0 }: { readonly kernels?: Initialisation; readonly seed?: number } = {},
): Model {
  const { graph } = model;
  const fresh = new Map<string, Tensor>();
  for (const [node, { parameters, statistics }] of slotsOf(graph)) {
    for (const { name, input } of [...parameters, ...statistics]) {
      if (node.domain === LIFTED_DOMAIN && input === LOGITS) continue;
      const { dims } = graph.initializers.get(name)!;
      fresh.set(name, floatTensor(dims, valuesFor(node, input, name)));
    }
  }
  return model.withWeights(fresh);

  function valuesFor(node: Node, input: number, name: string): Float32Array {
    const count = elementCount(graph.initializers.get(name)!.dims);
    if (node.op === "BatchNormalization")
      return new Float32Array(count).fill(input === 1 || input === 4 ? 1 : 0);
    const fanIn = elementCount(graph.initializers.get(node.inputs[1]!)!.dims.slice(1));
    const bound = Math.sqrt((input === 1 && kernels === "kaiming" ? 6 : 1) / fanIn);
    const random = uniform(seedFor(seed, name));
    return Float32Array.from({ length: count }, () => bound * (2 * random() - 1));
  }
}
