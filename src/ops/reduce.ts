/**
 * @file Reductions over axes, and searches along one.
 *
 *   x [N, C, H, W], axes {2, 3}  →  y [N, C, 1, 1]  (keepdims)  or  [N, C]
 *
 * @see https://onnx.ai/onnx/operators/onnx__ReduceMean.html
 */

import { int, intAttr } from "../graph/graph.ts";
import type { NdArray } from "../graph/nd-array.ts";
import { addDims, type Dim, maxDims, minDims, mulDims } from "../graph/dim.ts";
import { normAxis, numbersIn, shaped, shapeOf } from "./common.ts";
import type { GradientRule } from "./gradient.ts";
import { isNoop, reducedAxes } from "./reduce-gradient.ts";
import { type Axis, hasRole, isSpatial, liftedAxes, liftedAxis, showAxes } from "./roles.ts";
import type { InferContext, LiftContext, OpRule } from "./rule.ts";

const keepsDims = (c: InferContext | LiftContext): boolean => intAttr(c.node, "keepdims", 1) === 1;

/** Axes to reduce; every axis where none is named; undefined if they are not constant. */
const axesIn = (c: InferContext, rank: number): number[] | undefined =>
  reducedAxes(c.node, c.node.inputs[1] ? numbersIn(c, 1) : [], rank);

/** The sizes that are left once these axes are reduced. */
const leftOf = (c: InferContext, sizes: readonly Dim[], axes: readonly number[]): Dim[] =>
  keepsDims(c)
    ? sizes.map((n, axis) => (axes.includes(axis) ? 1 : n))
    : sizes.filter((_, axis) => !axes.includes(axis));

function reduceValue(c: InferContext, join: (a: Dim, b: Dim) => Dim): readonly NdArray[] | undefined {
  const x = c.inputs[0]?.value;
  const axes = x && axesIn(c, x.dims.length);
  if (!x || !axes || axes.length < x.dims.length || x.data.length === 0) return undefined;
  const total = Array.from(x.data).reduce(join);
  return [{ dims: keepsDims(c) ? x.dims.map(() => 1) : [], data: [total] }];
}

const JOINS = { sum: addDims, product: mulDims, max: maxDims, min: minDims };

export const reduce = (gradient: GradientRule | null, join?: keyof typeof JOINS): OpRule => ({
  infer(c) {
    const x = shapeOf(c, 0);
    const axes = x && axesIn(c, x.length);
    if (!x || !axes) {
      return shaped(c, x && keepsDims(c) ? x.map(() => c.fresh()) : undefined);
    }
    return shaped(c, leftOf(c, x, axes));
  },

  ...(join && { value: (c) => reduceValue(c, JOINS[join]) }),

  lift(c) {
    const { axes } = c.input(0);
    const over = reducedAxes(c.node, c.node.inputs[1] ? c.numbers(1) : [], axes.length);
    if (!over) return c.refuse("E_AXES", "takes its axes from a computation");
    const height = over.some((axis) => hasRole(axes[axis], "H"));
    const width = over.some((axis) => hasRole(axes[axis], "W"));
    const hasWidth = axes.some((axis) => hasRole(axis, "W"));
    if (height && !width && hasWidth) c.warn("reduces height but not width; depth goes with height");
    const lifted = over.flatMap((axis) => liftedAxes(axes, axis)).sort((a, b) => a - b);
    const isListed = lifted.length > 0 || isNoop(c.node);
    c.emit(isListed ? [c.name(0), c.ints(lifted)] : [c.name(0)]);
    if (!keepsDims(c)) return [axes.filter((_, axis) => !over.includes(axis))];
    return [axes.map((axis, i): Axis => (over.includes(i) ? shrink(axis) : axis))];
  },

  gradient,
});

/** A reduced height stays an axis of height, of size 1, and so depth does; width stays width. */
const shrink = (axis: Axis): Axis =>
  axis.length === 1 && isSpatial(axis) ? [{ role: axis[0]!.role, size: 1 }] : [];

/** ArgMax and ArgMin: the index of the extreme element along one axis. */
export const argExtreme: OpRule = {
  infer(c) {
    const x = shapeOf(c, 0);
    if (!x) return [{ dtype: "int64" }];
    const axis = normAxis(c, intAttr(c.node, "axis", 0), x.length);
    return [{ dtype: "int64", shape: leftOf(c, x, [axis]) }];
  },
  lift(c) {
    const { axes } = c.input(0);
    const axis = normAxis(c, intAttr(c.node, "axis", 0), axes.length);
    if (isSpatial(axes[axis])) {
      return c.refuse("E_ARG_SPATIAL", `looks for a position along one spatial axis of ${showAxes(axes)}`);
    }
    c.emit(c.names(), { attrs: { ...c.node.attrs, axis: int(liftedAxis(axes, axis)) } });
    return [keepsDims(c) ? axes.map((a, i) => (i === axis ? [] : a)) : axes.filter((_, i) => i !== axis)];
  },
  gradient: null,
  traits: { indices: true },
};
