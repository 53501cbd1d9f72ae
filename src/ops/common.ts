/** @file What operators' rules share: reading inputs, axes, and shapes that follow from others. */

import { AcsconvError } from "../base/errors.ts";
import { type Dim, maxDims, sameDim, symbolsOf } from "../graph/dim.ts";
import { int, intAttr, type Node, nodeLabel } from "../graph/graph.ts";
import { literalNumbers, vector } from "../graph/nd-array.ts";
import type { DType } from "../graph/tensor.ts";
import type { GradientContext, GradientRule } from "./gradient.ts";
import type { InferContext, Known, LiftContext, LiftRule, OpRule } from "./rule.ts";
import type { Traits } from "./traits.ts";
import { atom, type Axes, type Axis, hasHeight, isHeight, liftedAxis, showAxes } from "./roles.ts";

export const unknown: Known = {};

export function fail(c: { readonly node: Node }, problem: string): never {
  throw new AcsconvError("graph", `${nodeLabel(c.node)}: ${problem}`);
}

/** A non-negative axis. */
export function normAxis(c: { readonly node: Node }, axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) fail(c, `axis ${axis} is outside a tensor of rank ${rank}`);
  return axis < 0 ? axis + rank : axis;
}

export const shapeOf = (c: InferContext, i: number): readonly Dim[] | undefined => c.inputs[i]?.shape;
export const dtypeOf = (c: InferContext, i: number): DType | undefined => c.inputs[i]?.dtype;
export const numbersIn = (c: InferContext, i: number): number[] | undefined =>
  literalNumbers(c.inputs[i]?.value);

/** One output of the type of input 0, of other sizes. */
export const shaped = (c: InferContext, shape?: readonly Dim[]): Known[] => [{ dtype: dtypeOf(c, 0), shape }];
/** Sizes nothing is known of, as many as vector i has elements. */
export function freshSizes(c: InferContext, i: number): Dim[] | undefined {
  const rank = shapeOf(c, i)?.[0];
  return typeof rank === "number" ? Array.from({ length: rank }, () => c.fresh()) : undefined;
}

/** Shapes of a convolution's image and kernel, where both are known. */
export function operandShapes(c: InferContext): readonly (readonly Dim[])[] {
  const [x, w] = [shapeOf(c, 0), shapeOf(c, 1)];
  if (!x || !w) return [];
  if (x.length !== w.length) fail(c, `input of rank ${x.length} against a kernel of rank ${w.length}`);
  return [x, w];
}

/** Output like input 0: elementwise operators and normalisations. */
export const sameAsInput = (c: InferContext): Known[] => shaped(c, shapeOf(c, 0));

/** Elements of a vector of sizes. */
export const listOf = (known: Known | undefined): Dim[] | undefined =>
  known?.value && Array.from(known.value.data);

/** What inference would know of input i, for rules that gradients share with it. */
export const knownIn =
  (c: GradientContext) =>
  (i: number): Known | undefined => {
    const numbers = c.x(i) ? c.numbers(c.x(i)) : undefined;
    return numbers && { value: vector(numbers) };
  };

/** Sizes after broadcasting. A size that is not known to be 1 wins over 1. */
export function broadcastShapes(
  c: InferContext,
  shapes: readonly (readonly Dim[] | undefined)[],
): Dim[] | undefined {
  let out: readonly Dim[] = [];
  for (const shape of shapes) {
    if (!shape) return undefined;
    const rank = Math.max(out.length, shape.length);
    const before = out;
    out = Array.from({ length: rank }, (_, i) => {
      const a = before[before.length - rank + i] ?? 1;
      const b = shape[shape.length - rank + i] ?? 1;
      if (a === 1) return b;
      if (b === 1 || sameDim(a, b)) return a;
      if (typeof a === "number" && typeof b === "number") {
        return fail(c, `shapes [${before.join(", ")}] and [${shape.join(", ")}] do not broadcast`);
      }
      return typeof a === "number" ? a : typeof b === "number" ? b : maxDims(a, b);
    });
  }
  return [...out];
}

/** Roles of sizes that have none: 1 stands for nothing, batch for batch, the rest for features. */
export const plainAxes = (shape: readonly Dim[]): Axes =>
  shape.map((size) => (size === 1 ? [] : atom("C", size)));

/** Input k, aligned at the right with `axes`, with an axis of size 1 wherever these have depth and it has none. */
export function alignedDepth(c: LiftContext, k: number, axes: Axes): string {
  const own = c.input(k).axes;
  const missing = axes.flatMap((axis, i) => {
    const at = i - (axes.length - own.length);
    // One that would start the operand is not needed: alignment supplies it.
    return isHeight(axis) && at > 0 && !isHeight(own[at]) ? [at] : [];
  });
  return missing.length > 0 ? c.add("Unsqueeze", [c.name(k), c.ints(missing)]) : c.name(k);
}

/** The same roles with the output's sizes; depths are filled in from the lifted graph. */
export const resize = (axes: Axes, shape: readonly Dim[]): Axes =>
  axes.map((axis, i): Axis => {
    const size = shape[i]!;
    if (axis.length === 1) return [{ ...axis[0]!, size }];
    if (axis.length === 0) return size === 1 ? [] : atom("C", size);
    return axis;
  });

/** Lifts an operator that treats every element alike (or only axes we remap elsewhere). */
export const liftSame: LiftRule = (c) => {
  c.emit(c.names());
  return c.outputs.map(() => c.input(0).axes);
};

/** Lifts an operator with an `axis` attribute that leaves sizes alone, such as Softmax. */
export const remapAxis =
  (otherwise: number): LiftRule =>
  (c) => {
    const { axes } = c.input(0);
    const axis = normAxis(c, intAttr(c.node, "axis", otherwise), axes.length);
    if (isHeight(axes[axis])) {
      return c.refuse(
        "E_AXIS_H",
        `works along height alone (axis ${axis} of ${showAxes(axes)}); in 3D that would be one of two axes`,
      );
    }
    c.emit(c.names(), { attrs: { ...c.node.attrs, axis: int(liftedAxis(axes, axis)) } });
    return c.outputs.map(() => axes);
  };

/**
 * The axes of an image tensor `[batch][features][H][W]`. Refuses anything else
 * whose height would be read as something it is not; a tensor without height
 * is undefined: it needs no lifting.
 */
export function imageAxes(c: LiftContext, i = 0): Axes | undefined {
  const { axes } = c.input(i);
  if (!hasHeight(axes)) return undefined;
  const ok =
    axes.length === 4 &&
    !hasHeight(axes.slice(0, 2)) &&
    isHeight(axes[2]) &&
    axes[3]!.length <= 1 &&
    axes[3]![0]?.role !== "C" &&
    axes[3]![0]?.role !== "N";
  if (!ok) {
    return c.refuse(
      "E_LAYOUT",
      `needs an image laid out as [N][C][H][W], but its input is ${showAxes(axes)}`,
    );
  }
  return axes;
}

/** Height and width of an image in the network as exported. */
export const planeSizes = (c: LiftContext, axes: Axes): number[] => [
  c.probe(axes[2]![0]!.size),
  c.probe(axes[3]![0]?.size ?? 1),
];

/**
 * Sizes of a kernel that is constant: a weight of the file, or computed from
 * such weights alone (spectral and weight normalisation).
 */
export function constantDims(c: LiftContext, i: number): number[] {
  const { constant, known } = c.input(i);
  const dims = known.shape?.filter((n) => typeof n === "number") ?? [];
  if (constant && dims.length > 0 && dims.length === known.shape?.length) return dims;
  return c.refuse(
    "E_DYNAMIC_WEIGHT",
    "computes its kernel from the image; only constant kernels can be lifted, so cut the graph before it with `outputs`",
  );
}

/** What axis i of a tensor of computed sizes stands for: the input's symbols say it, or its number and place. */
export function axisOfSize(c: LiftContext, size: Dim, twin: Dim, i: number, rank: number): Axis {
  if (!sameDim(size, twin)) return [{ role: "H", size, depth: twin }];
  if (typeof size !== "number") {
    const symbols = symbolsOf(size);
    return atom(symbols.has("W") ? "W" : symbols.has("N") ? "N" : "C", size);
  }
  const place = rank === 4 && i >= 2 ? (i === 2 ? "H" : "W") : undefined;
  const bound = c.baked && place ? c.bind(size, place) : undefined;
  if (bound && place)
    return [{ role: place, size: bound.size, ...(bound.depth !== undefined && { depth: bound.depth }) }];
  return atom("C", size);
}

/** Copies a node that has no height anywhere. */
export const verbatim: LiftRule = (c) => {
  c.emit(c.names());
  return c.outputs.map((output) => plainAxes(output.shape ?? []));
};

/** The rule of an operator that lifting refuses. */
export const refused = (
  why: string,
  infer: (c: InferContext) => readonly Known[],
  gradient: GradientRule | null = null,
  traits: Traits = {},
): OpRule => ({ infer, lift: { refuse: why }, gradient, traits });
