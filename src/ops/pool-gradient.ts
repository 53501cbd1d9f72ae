/**
 * @file Gradients of pooling.
 *
 *   mean:     every voxel gets its share of its windows' gradients
 *   maximum:  the first of a window's largest voxels gets all of it, as in PyTorch
 *   p-norm:   y = (Σ|x|ᵖ)^(1/p)   →   ∂y/∂x = f(x) / f(y),   f(v) = sign v · |v|^(p−1)
 *
 * @see https://onnx.ai/onnx/operators/onnx__MaxPool.html
 */

import { int, intAttr, ints, intsAttr, str } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { reach, type Taps, tapsAttrs, tapsOf } from "./geometry.ts";
import type { GradientContext, GradientRule } from "./gradient.ts";
import { quotientOrZero } from "./reduce-gradient.ts";
import { identity, pullBack } from "./separable.ts";

/** Taps of a pool's window, padding resolved; every size is a number here. */
const windowOf = (c: GradientContext): Taps[] =>
  tapsOf(c.node, intsAttr(c.node, "kernel_shape")!, c.shape(c.x()).slice(2))!;

/**
 * To the winners. Which voxels these are is asked of a second MaxPool, since the
 * first need not have said: it costs less than comparing every voxel with its
 * window's maximum, and has no ties (after Relu, whole windows are zero).
 */
export const maxPool: GradientRule = (c) => {
  const { storage_order: _, ...attrs } = c.node.attrs;
  const rowMajor = intAttr(c.node, "storage_order", 0) === 0;
  const winners = (rowMajor && c.y(1)) || c.ops("MaxPool", 2, [c.x()], attrs)[1]!;
  const sizes = c.shape(c.x());
  const taps = windowOf(c);
  const apart = taps.every((t, i) => {
    const end = t.stride * (c.shape(c.y())[i + 2]! - 1) + t.kernel;
    return t.stride > reach(t) && end <= sizes[i + 2]!;
  });
  if (!apart) return [scatter(c, winners)];
  // Windows that neither overlap nor hang over: MaxUnpool puts the gradients in place, in less time and memory.
  const window = { kernel_shape: ints(taps.map((t) => t.kernel)), strides: ints(taps.map((t) => t.stride)) };
  return [c.op("MaxUnpool", [c.dy(), winners, c.ints(sizes)], window)];
};

/** dy, added up at the places in x (row-major) that `winners` names. */
function scatter(c: GradientContext, winners: string): string {
  const flat = (value: string): string => c.reshape(value, [elementCount(c.shape(value))]);
  // Zeros made while running: runtimes would compute a constant once and keep it.
  const zeros = c.op("Clip", [c.x(), 0, 0]);
  const sums = c.op("ScatterElements", [flat(zeros), flat(winners), flat(c.dy())], { reduction: str("add") });
  return c.reshape(sums, c.shape(c.x()));
}

/** A window as large as the map. */
export const globalMaxPool: GradientRule = (c) => {
  const sizes = c.shape(c.x()).slice(2);
  const [, winners] = c.ops("MaxPool", 2, [c.x()], { kernel_shape: ints(sizes) });
  return [scatter(c, winners!)];
};

/** dy pulled back through windows that sum what is in them, or average it. */
function spread(c: GradientContext, dy: string, op: "AveragePool" | "LpPool"): string {
  const taps = windowOf(c);
  const sizes = c.shape(c.x());
  const { ceil_mode, count_include_pad } = c.node.attrs;
  const maps = taps.map((t, i) => {
    const { dilations, ...line } = tapsAttrs([t]);
    const attrs = {
      ...line,
      // Averages have known dilations only since opset 19.
      ...(t.dilation > 1 && { dilations: dilations! }),
      ...(ceil_mode && { ceil_mode }),
      // Of |x|¹, the norm is the sum.
      ...(op === "LpPool" ? { p: int(1) } : count_include_pad && { count_include_pad }),
    };
    const n = sizes[i + 2]!;
    const lines = c.op(op, [c.reshape(identity(c, n, c.x()), [n, 1, n])], attrs);
    return { axis: i + 2, matrix: c.reshape(lines, [n, c.shape(lines)[2]!]) };
  });
  return pullBack(c, dy, maps);
}

export const averagePool: GradientRule = (c) => [spread(c, c.dy(), "AveragePool")];

export const globalAveragePool: GradientRule = (c) => [c.div(c.dy(), elementCount(c.shape(c.x()).slice(2)))];

/** sign v · |v|^(p−1) */
function normSlope(c: GradientContext, v: string): string {
  const p = intAttr(c.node, "p", 2);
  return p === 2 ? v : c.mul(c.op("Sign", [v]), c.pow(c.abs(v), p - 1));
}

export const lpPool: GradientRule = (c) => [
  c.mul(normSlope(c, c.x()), spread(c, quotientOrZero(c, c.dy(), normSlope(c, c.y())), "LpPool")),
];

export const globalLpPool: GradientRule = (c) => [
  c.mul(normSlope(c, c.x()), quotientOrZero(c, c.dy(), normSlope(c, c.y()))),
];
