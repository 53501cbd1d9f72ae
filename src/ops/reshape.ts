/**
 * @file Operators that only regroup elements: Reshape, Flatten, Squeeze,
 * Unsqueeze and Transpose.
 *
 * Reshape is lifted by matching row-major prefix products of the exported sizes
 * to the input's atoms: every output axis takes whole atoms, in order, and may
 * split a feature atom into factors. The order settles H = W.
 *
 *   [N, 116, 28, 28] → [N, 2, 58, 28, 28]     [N][C₁][C₂][H][W]
 *   [N, C, H, W]     → [N, C, −1]             [N][C][H·W]
 *
 * @see https://onnx.ai/onnx/operators/onnx__Reshape.html
 */

import { type Dim, exactQuotient, productOfDims, sameDim } from "../graph/dim.ts";
import { int, intAttr, ints, intsAttr, type Node, nodeOf } from "../graph/graph.ts";
import { ndArray, transposeNd } from "../graph/nd-array.ts";
import { elementCount } from "../graph/tensor.ts";
import { fail, freshSizes, normAxis, numbersIn, shaped, shapeOf } from "./common.ts";
import {
  type Atom,
  atom,
  type Axes,
  type Axis,
  axisSize,
  isHeight,
  liftedAxes,
  liftedAxis,
  liftedShape,
  showAxes,
} from "./roles.ts";
import type { InferContext, LiftContext, LiftRule, OpRule } from "./rule.ts";
import type { Traits } from "./traits.ts";

/** Output sizes of a Reshape: 0 copies the input's size, −1 takes what is left. */
function reshapeSizes(c: InferContext): readonly Dim[] | undefined {
  const target = c.inputs[1]?.value;
  const x = shapeOf(c, 0);
  if (!target) return freshSizes(c, 1);
  const copies = intAttr(c.node, "allowzero", 0) === 0;
  const sizes = Array.from(target.data, (size, i) => (size === 0 && copies ? (x?.[i] ?? c.fresh()) : size));
  const open = sizes.indexOf(-1);
  if (open < 0) return sizes;
  const rest = productOfDims(sizes.filter((_, i) => i !== open));
  const total = x && productOfDims(x);
  const left = total === undefined ? undefined : rest === 0 ? 0 : exactQuotient(total, rest);
  if (left === undefined && typeof total === "number" && typeof rest === "number") {
    fail(c, `cannot regroup ${String(total)} elements into [${Array.from(target.data).join(", ")}]`);
  }
  sizes[open] = left ?? c.fresh();
  return sizes;
}

/** The same elements under other sizes. */
const regrouping = (
  alias: Traits["alias"],
  sizesOf: (c: InferContext) => readonly Dim[] | undefined,
  lift: LiftRule,
  required = 1,
): OpRule => ({
  required,
  infer: (c) => shaped(c, sizesOf(c)),
  value(c) {
    const x = c.inputs[0]?.value;
    const shape = sizesOf(c);
    if (!x || !shape?.every((n): n is number => typeof n === "number")) return undefined;
    return elementCount(shape) === x.data.length ? [ndArray(shape, x.data)] : undefined;
  },
  lift,
  gradient: (c) => [c.reshape(c.dy(), c.shape(c.x()))],
  traits: { alias },
});

const liftReshape: LiftRule = (c) => {
  const target = c.input(1).known.value;
  if (!target) return c.refuse("E_RESHAPE", "takes its sizes from the data");
  const axes = matchAxes(c, c.input(0).axes, exportedSizes(c, Array.from(target.data)));
  c.reshape(c.name(0), axes, true);
  return [axes];
};
export const Reshape = regrouping("reshape", reshapeSizes, liftReshape, 2);

/** The target's sizes in the exported network, with 0 and −1 resolved. */
function exportedSizes(c: LiftContext, target: readonly Dim[]): number[] {
  const from = c.input(0).known.shape!.map((dim) => c.probe(dim));
  const copies = intAttr(c.node, "allowzero", 0) === 0;
  const sizes = target.map((dim, i) => (dim === 0 && copies ? from[i]! : c.probe(dim)));
  const open = sizes.indexOf(-1);
  if (open >= 0) sizes[open] = elementCount(from) / elementCount(sizes.toSpliced(open, 1));
  return sizes;
}

/** Features merged with features are features. */
const merged = (axis: Axis): Axis =>
  axis.length > 1 && axis.every((a) => a.role === "C") ? atom("C", axisSize(axis)) : axis;

/** Deals the input's atoms to output axes of the given sizes. */
function matchAxes(c: LiftContext, from: Axes, sizes: readonly number[]): Axes {
  const atoms: Atom[] = from.flat().filter((a) => a.size !== 1);
  const stuck = (): never =>
    c.refuse(
      "E_SPATIAL_SPLIT",
      `regroups ${showAxes(from)} of ${from.map((axis) => c.probe(axisSize(axis))).join("×")} into ${sizes.join("×")}, which parts or mixes spatial axes${c.baked ? "" : "; if the network takes one image size only, say which with size: [depth, height, width]"}`,
    );
  const axes: Axis[] = sizes.map((size) => {
    let left = size;
    const axis: Atom[] = [];
    // A size of 1 that is only so in the export (a batch of one, a map shrunk to one pixel) goes to an axis of 1.
    if (left === 1 && atoms[0] && c.probe(atoms[0].size) === 1) return [atoms.shift()!];
    while (left > 1) {
      const next = atoms[0];
      if (!next) return stuck();
      const size = c.probe(next.size);
      if (left % size === 0) {
        axis.push(next);
        atoms.shift();
        left /= size;
      } else if (next.role === "C" && size % left === 0) {
        const quotient = exactQuotient(next.size, left);
        if (quotient === undefined) return stuck();
        axis.push({ role: "C", size: left });
        atoms[0] = { role: "C", size: quotient };
        left = 1;
      } else {
        return stuck();
      }
    }
    return merged(axis);
  });
  const rest = atoms.filter((a) => c.probe(a.size) !== 1);
  if (rest.length > 0) return stuck();
  if (atoms.length > 0) axes[axes.length - 1] = [...(axes.at(-1) ?? []), ...atoms];
  return axes;
}

export const Flatten = regrouping("merge", flattenSizes, (c) => {
  const { axes } = c.input(0);
  const axis = flattenAxis(c, axes.length);
  const out = [axes.slice(0, axis), axes.slice(axis)].map((part) =>
    merged(part.flat().filter((a) => a.size !== 1)),
  );
  const at = axis === 0 ? 0 : axis < axes.length ? liftedAxes(axes, axis)[0]! : liftedShape(axes).length;
  c.emit([c.name(0)], { attrs: { axis: int(at) } });
  return [out];
});

function flattenAxis(c: InferContext | LiftContext, rank: number): number {
  const axis = intAttr(c.node, "axis", 1);
  return axis === rank ? rank : normAxis(c, axis, rank);
}

function flattenSizes(c: InferContext): Dim[] | undefined {
  const x = shapeOf(c, 0);
  if (!x) return undefined;
  const axis = flattenAxis(c, x.length);
  return [productOfDims(x.slice(0, axis)), productOfDims(x.slice(axis))];
}

/** Axes to drop; without a list, every axis of size 1. */
function squeezed(c: InferContext, shape: readonly Dim[]): number[] | undefined {
  if (!c.node.inputs[1]) return shape.flatMap((n, axis) => (n === 1 ? [axis] : []));
  return numbersIn(c, 1)?.map((axis) => normAxis(c, axis, shape.length));
}

function squeezeSizes(c: InferContext): Dim[] | undefined {
  const x = shapeOf(c, 0);
  const drop = x && squeezed(c, x);
  return drop && x.filter((_, axis) => !drop.includes(axis));
}

export const Squeeze = regrouping("ones", squeezeSizes, (c) => {
  const { axes } = c.input(0);
  const given = c.node.inputs[1]
    ? c.numbers(1)
    : axes.flatMap((axis, i) => (axis.every((a) => a.size === 1) ? [i] : []));
  if (!given) return c.refuse("E_AXES", "takes its axes from a computation");
  const drop = given.map((axis) => normAxis(c, axis, axes.length));
  if (drop.some((axis) => isHeight(axes[axis]) && !sameDim(axes[axis]![0]!.size, 1)))
    c.pin("it drops an axis of height, which must stay 1");
  c.emit([c.name(0), c.ints(drop.flatMap((axis) => liftedAxes(axes, axis)))]);
  return [axes.filter((_, axis) => !drop.includes(axis))];
});

function unsqueezed(c: InferContext | LiftContext, given: readonly number[], rank: number): number[] {
  return given.map((axis) => normAxis(c, axis, rank + given.length)).sort((a, b) => a - b);
}

function insertOnes<T>(items: readonly T[], at: readonly number[], one: T): T[] {
  const out = [...items];
  for (const axis of at) out.splice(axis, 0, one);
  return out;
}

function unsqueezeSizes(c: InferContext): Dim[] | undefined {
  const x = shapeOf(c, 0);
  const given = numbersIn(c, 1);
  return x && given && insertOnes<Dim>(x, unsqueezed(c, given, x.length), 1);
}

const liftUnsqueeze: LiftRule = (c) => {
  const { axes } = c.input(0);
  const given = c.numbers(1);
  if (!given) return c.refuse("E_AXES", "takes its axes from a computation");
  const at = unsqueezed(c, given, axes.length);
  const out = insertOnes<Axis>(axes, at, []);
  c.emit([c.name(0), c.ints(at.map((axis) => liftedAxis(out, axis)))]);
  return [out];
};
export const Unsqueeze = regrouping("ones", unsqueezeSizes, liftUnsqueeze, 2);

/** The axes in their new order; reversed where the node does not say. */
function permutation(c: { readonly node: Node }, rank: number): readonly number[] {
  const perm = intsAttr(c.node, "perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  if (perm.length !== rank) fail(c, `permutes ${perm.length} axes of a tensor of rank ${rank}`);
  if (perm.some((_, axis) => !perm.includes(axis)))
    fail(c, `perm [${perm.join(", ")}] is no order of ${rank} axes`);
  return perm;
}

export const Transpose: OpRule = {
  infer(c) {
    const x = shapeOf(c, 0);
    const perm = x && permutation(c, x.length);
    return shaped(c, perm && perm.map((axis) => x[axis]!));
  },
  value(c) {
    const x = c.inputs[0]?.value;
    return x && [transposeNd(x, permutation(c, x.dims.length))];
  },
  lift(c) {
    const { axes } = c.input(0);
    const perm = permutation(c, axes.length);
    c.emit([c.name(0)], { attrs: { perm: ints(perm.flatMap((axis) => liftedAxes(axes, axis))) } });
    return [perm.map((axis) => axes[axis]!)];
  },
  gradient(c) {
    const perm = permutation(c, c.shape(c.x()).length);
    const back = perm.map((_, axis) => perm.indexOf(axis));
    return [c.transpose(c.dy(), back)];
  },
  traits: { moves: "permute" },
};

/** A node that turns the axes of `input` into those of `output`: axis i of it is axis `perm[i]` of the input. */
export const transposed = (input: string, output: string, perm: readonly number[]): Node =>
  nodeOf("Transpose", [input], output, { perm: ints(perm) });
