/**
 * @file Gradients of reductions. With g = ∂loss/∂y, given sizes of 1 where axes
 * were reduced, each is g times a derivative, broadcast over those axes.
 *
 * @see https://onnx.ai/onnx/operators/onnx__ReduceSum.html
 */

import { intAttr, type Node } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { normAxis } from "./common.ts";
import { shareOfExtreme } from "./elementwise-gradient.ts";
import type { GradientContext, GradientRule, Operand } from "./gradient.ts";

/** A reduction y of x over `axes`; y and g have sizes of 1 there. */
interface Reduction {
  readonly x: string;
  readonly y: string;
  readonly g: string;
  readonly axes: readonly number[];
}

const over =
  (rule: (c: GradientContext, reduction: Reduction) => string): GradientRule =>
  (c) => {
    const sizes = c.shape(c.x());
    const axes = reducedAxes(c.node, c.x(1) ? c.numbers(c.x(1)) : [], sizes.length);
    if (!axes) return c.refuse("the axes it reduces are computed");
    const kept = sizes.map((n, axis) => (axes.includes(axis) ? 1 : n));
    const reduction = { x: c.x(), y: c.reshape(c.y(), kept), g: c.reshape(c.dy(), kept), axes };
    return [rule(c, reduction)];
  };

/** Whether a reduction without axes reduces none. */
export const isNoop = (node: Node): boolean => intAttr(node, "noop_with_empty_axes", 0) === 1;

/**
 * The axes that a node reduces: all where none is given, unless that is said to mean none.
 *
 * @param given - as they are known; undefined where they are not
 */
export function reducedAxes(node: Node, given: readonly number[] | undefined, rank: number) {
  if (given?.length === 0) return isNoop(node) ? [] : Array.from({ length: rank }, (_, i) => i);
  return given?.map((axis) => normAxis({ node }, axis, rank));
}

/** Each x counts by f′. */
const weighing = (derivative: (c: GradientContext, reduction: Reduction) => Operand): GradientRule =>
  over((c, reduction) => c.mul(reduction.g, derivative(c, reduction)));

/** a / b, and 0 where b is 0: for norms, at 0. */
export const quotientOrZero = (c: GradientContext, a: Operand, b: string): string =>
  c.where(c.equal(b, 0), 0, c.div(a, b));

export const reduceSum = over((_, { g }) => g);
export const reduceMean = over((c, { x, g, axes }) =>
  c.mul(g, 1 / elementCount(axes.map((axis) => c.shape(x)[axis]!))),
);
/** The extreme's share of each element that attains it (PyTorch's amax). */
export const reduceExtreme = over((c, { x, y, g, axes }) => {
  const is = c.equal(x, y);
  return shareOfExtreme(c, is, c.sum(c.cast(is, c.dtype(x)), axes, true), g);
});
/** Σ|x|: sign x. */
export const reduceL1 = weighing((c, { x }) => c.op("Sign", [x]));
/** √Σx²: x / y. */
export const reduceL2 = over((c, { x, y, g }) => c.mul(x, quotientOrZero(c, g, y)));
/** Σx²: 2x. */
export const reduceSumSquare = over((c, { x, g }) => c.mul(x, c.mul(g, 2)));
/** ln Σx: 1 / Σx = e^−y. */
export const reduceLogSum = weighing((c, { y }) => c.exp(c.neg(y)));
/** ln Σeˣ: e^(x − y). */
export const reduceLogSumExp = weighing((c, { x, y }) => c.exp(c.sub(x, y)));
