/**
 * @file The gradients of a transposed convolution, which are those of the
 * convolution that it is the transpose of, with input and output exchanged:
 *
 *   y = b + convᵀ(x, w)    →    dx = conv(dy, w)
 *                               dw = the kernel's gradient where dy is convolved and x is the gradient
 *                               db = Σ dy over all but the channels
 *
 * @see https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
 */

import { int } from "../graph/graph.ts";
import { cropped, kernelGradient } from "./conv-gradient.ts";
import { groupsOf, reach, type Taps, tapsAttrs, withoutCrops } from "./geometry.ts";
import type { Algebra, GradientContext } from "./gradient.ts";

/** @param taps - those of the node, padding resolved */
export function convTransposeGradient(
  c: GradientContext,
  taps: readonly Taps[],
): readonly (string | undefined)[] {
  const [x, w] = [c.x(0), c.x(1)];
  const groups = groupsOf(c.node);
  const seen = touched(c, c.dy(), taps, c.shape(x));
  const attrs = { ...tapsAttrs(seen.taps), group: int(groups) };
  const spatial = taps.map((_, i) => i + 2);
  return [
    c.needs(0) ? c.op("Conv", [seen.dy, w], attrs) : undefined,
    c.needs(1) ? kernelGradient(c, seen.dy, x, seen.taps, groups, c.shape(w)) : undefined,
    c.needs(2) ? c.sum(c.dy(), [0, ...spatial]) : undefined,
  ];
}

/**
 * The part of dy that x has a hand in, and the taps that lead from there to x's
 * sizes: output padding, and a size that was asked for, leave voxels beyond it.
 */
function touched(
  c: Algebra,
  dy: string,
  taps: readonly Taps[],
  x: readonly number[],
): { dy: string; taps: Taps[] } {
  const exact = taps.map((t, i) => {
    const full = t.stride * (x[i + 2]! - 1) + reach(t) + 1;
    return { ...t, after: full - t.before - c.shape(dy)[i + 2]! };
  });
  return { dy: cropped(c, dy, exact), taps: withoutCrops(exact) };
}
