/** @file The convolution of kind `3d`: a K³ kernel of its own, in place of the 2D one. */

import { int } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { groupsOf, type Taps, tapsAttrs } from "./geometry.ts";
import type { LiftContext } from "./rule.ts";

/**
 * Emits a convolution with a kernel as He et al. draw it (uniform over fan-in, ±√(6 / fan-in)), under the 2D kernel's name.
 *
 * @param weight - sizes of the 2D kernel, [O, C/g, Kh, Kw]
 * @param taps - over [D, H, W]
 */
export function denseConvolution(c: LiftContext, weight: readonly number[], taps: readonly Taps[]): void {
  const [outputs, inputs, kh, kw] = weight as [number, number, number, number];
  const dims = [outputs, inputs, kh, kh, kw];
  const bound = Math.sqrt((6 * outputs) / elementCount(dims));
  const name = c.tensor(1) ? c.node.inputs[1]! : `${c.node.inputs[1]!}.dense`;
  const kernel = c.parameter(name, dims, (random) => bound * (2 * random - 1));
  c.emit([c.name(0), kernel, ...c.names().slice(2)], {
    attrs: { ...tapsAttrs(taps), group: int(groupsOf(c.node)) },
  });
}
