/**
 * @file Resize: resampling by scale factors or to given sizes.
 *
 *   x [N, C, H, W], scales [1, 1, s, t]  →  y [N, C, ⌊sH⌋, ⌊tW⌋]
 *
 * Bilinear becomes trilinear, and depth is scaled as height is; a target size
 * taken from another tensor takes that tensor's depth.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Resize.html
 */

import { type Dim, floorDim, mulDims, sameDim } from "../graph/dim.ts";
import { intsAttr, stringAttr } from "../graph/graph.ts";
import { literalNumbers, type NdArray } from "../graph/nd-array.ts";
import { floatTensor } from "../graph/tensor.ts";
import { fail, normAxis, numbersIn, shaped, shapeOf } from "./common.ts";
import { cropsRegion, resize as gradient, withoutAxes } from "./resize-gradient.ts";
import {
  type Axes,
  type Axis,
  hasHeight,
  isHeight,
  isSpatial,
  liftedShape,
  type Role,
  showAxes,
} from "./roles.ts";
import type { InferContext, LiftContext, OpRule } from "./rule.ts";

/** The axes that scales and sizes speak of. */
const resizedAxes = (c: InferContext | LiftContext, rank: number): number[] =>
  intsAttr(c.node, "axes")?.map((axis) => normAxis(c, axis, rank)) ??
  Array.from({ length: rank }, (_, i) => i);

function resizeSizes(c: InferContext): readonly Dim[] | undefined {
  const x = shapeOf(c, 0);
  if (!x) return undefined;
  const axes = resizedAxes(c, x.length);
  const scales = c.node.inputs[2] ? numbersIn(c, 2) : undefined;
  if (scales?.some((scale) => !(scale > 0 && scale < Infinity)))
    fail(c, `its scales should be positive numbers, and are [${scales.join(", ")}]`);
  const sizes = c.node.inputs[3] ? c.inputs[3]?.value : undefined;
  const crop = cropsRegion(c.node);
  const policy = stringAttr(c.node, "keep_aspect_ratio_policy", "stretch");
  return x.map((n, axis) => {
    const at = axes.indexOf(axis);
    if (at < 0) return n;
    if (sizes && policy === "stretch") return sizes.data[at] ?? c.fresh();
    const scale = scales?.[at];
    if (scale === undefined || (crop && scale !== 1)) return c.fresh();
    // As runtimes do, in float32.
    return floorDim(typeof n === "number" ? Math.fround(n * scale) : mulDims(n, scale));
  });
}

export const Resize: OpRule = {
  infer: (c) => shaped(c, resizeSizes(c)),
  lift(c) {
    const refuse = (why: string): never => c.refuse("E_RESIZE", why);
    const { axes } = c.input(0);
    if (!hasHeight(axes)) {
      return refuse(`resizes ${showAxes(axes)}, which is no image`);
    }
    if (cropsRegion(c.node)) {
      return refuse("crops to a region of interest (tf_crop_and_resize), given for two axes only");
    }
    if (stringAttr(c.node, "keep_aspect_ratio_policy", "stretch") !== "stretch") {
      return refuse("keeps the aspect ratio of a slice, which says nothing about depth");
    }
    const over = resizedAxes(c, axes.length);
    if (axes.some((axis, i) => axis.length > 1 && over.includes(i) && isSpatial(axis))) {
      return refuse(`resizes the merged axis of ${showAxes(axes)}`);
    }
    const scales = c.node.inputs[2] ? literalNumbers(c.input(2).known.value) : undefined;
    const cubic = stringAttr(c.node, "mode", "nearest") === "cubic";
    if (!scales || scales.length === 0) return bySizes(c, axes, over, cubic);
    return fillsExport(c, axes, over, scales)
      ? toSizes(c, axes, over, { value: c.outputs[0]!.shape!, twin: c.outputs[0]!.shape! }, cubic)
      : byScales(c, axes, over, scales, cubic);
  },

  gradient,
  // Cubic interpolation overshoots.
  traits: { resamples: true, averages: (node) => stringAttr(node, "mode", "nearest") !== "cubic" },
};

/**
 * Whether a map that was pooled to one pixel is brought back to a size that the export baked in: its factor is the size
 * of another tensor.
 */
const fillsExport = (
  c: LiftContext,
  axes: Axes,
  over: readonly number[],
  scales: readonly number[],
): boolean =>
  c.baked &&
  axes.some((axis, i) => isSpatial(axis) && axis[0]!.size === 1 && (scales[over.indexOf(i)] ?? 1) > 1);

function byScales(
  c: LiftContext,
  axes: Axes,
  over: readonly number[],
  scales: readonly number[],
  cubic: boolean,
) {
  const shape = c.outputs[0]!.shape!;
  const factors = axes.flatMap((axis, i) => {
    const scale = scales[over.indexOf(i)] ?? 1;
    if (!isHeight(axis)) return [scale];
    return [scale > 1 ? c.depthScale(scale) : scale < 1 ? 1 / c.depthFactor("stride", 1 / scale) : 1, scale];
  });
  const out = axes.map((axis, i): Axis =>
    axis.length === 1 ? [{ role: axis[0]!.role, size: shape[i]! }] : axis,
  );
  if (cubic) return liftCubic(c, axes, out, factors);
  c.emit([c.name(0), "", c.constant(floatTensor([factors.length], factors))], { attrs: withoutAxes(c.node) });
  return [out];
}

function bySizes(c: LiftContext, axes: Axes, over: readonly number[], cubic: boolean) {
  const value = c.node.inputs[3] ? c.input(3).known.value : undefined;
  const twin = c.node.inputs[3] ? c.input(3).twin.value : undefined;
  if (!value || !twin) return c.refuse("E_RESIZE", "takes its target size from the data");
  const ofAxes = ({ data }: NdArray): (Dim | undefined)[] => axes.map((_, i) => data[over.indexOf(i)]);
  return toSizes(c, axes, over, { value: ofAxes(value), twin: ofAxes(twin) }, cubic);
}

/** @param target - sizes per axis, in the 2D network and as they are for depth */
function toSizes(
  c: LiftContext,
  axes: Axes,
  over: readonly number[],
  target: { readonly value: readonly (Dim | undefined)[]; readonly twin: readonly (Dim | undefined)[] },
  cubic: boolean,
) {
  const out = axes.map((axis, i): Axis => {
    const size = target.value[i];
    const role = axis[0]?.role;
    if (!over.includes(i) || size === undefined || !isSpatial(axis)) return axis;
    return [targetAtom(c, axis, size, target.twin[i]!, role === "W" ? "W" : "H")];
  });
  if (cubic) return liftCubic(c, axes, out, undefined);
  c.emit([c.name(0), "", "", c.shape(liftedShape(out))], { attrs: withoutAxes(c.node) });
  return [out];
}

/** What a target size stands for: a size of another tensor, or a factor of this one's. */
function targetAtom(
  c: LiftContext,
  axis: Axis,
  target: Dim,
  twin: Dim,
  role: Role & ("H" | "W"),
): Axis[number] {
  const own = axis[0]!;
  if (typeof target !== "number" || !c.baked)
    return { role, size: target, ...(role === "H" && { depth: twin }) };
  const bound = c.bind(target, role);
  if (bound) return { role, size: bound.size, ...(role === "H" && { depth: bound.depth ?? bound.size }) };
  const now = c.probe(own.size);
  if (target % now === 0) {
    const factor = target / now;
    const depth = role === "H" ? mulDims(own.depth ?? 1, c.depthScale(factor)) : undefined;
    return { role, size: mulDims(own.size, factor), ...(depth !== undefined && { depth }) };
  }
  c.warn(`resizes to ${target} pixels, which is no other tensor's size; it keeps the ratio to its input`);
  const depth = role === "H" ? floorDim(mulDims(own.depth ?? 1, target / now)) : undefined;
  return { role, size: floorDim(mulDims(own.size, target / now)), ...(depth !== undefined && { depth }) };
}

/**
 * Tricubic as two bicubic passes, since ONNX Runtime resizes at most two axes
 * by cubic interpolation. The kernel is separable, so the order does not matter.
 *
 *   [N, C·D, H, W] → [N, C·D, H′, W′]    then    [N, C, D, H′·W′] → [N, C, D′, H′·W′]
 */
function liftCubic(c: LiftContext, from: Axes, to: Axes, factors: readonly number[] | undefined): Axes[] {
  if (from.length !== 4 || !isHeight(from[2])) {
    return c.refuse("E_RESIZE", `cubic interpolation needs [N][C][H][W], got ${showAxes(from)}`);
  }
  const [N, C, D, H, W] = liftedShape(from) as [Dim, Dim, Dim, Dim, Dim];
  // Not known yet for scales: taken from the lifted factors.
  const grown = (n: Dim, i: number): Dim => floorDim(mulDims(n, factors![i]!));
  const target = factors ? [grown(D, 2), grown(H, 3), grown(W, 4)] : liftedShape(to).slice(2);
  const [D2, H2, W2] = target as [Dim, Dim, Dim];
  const attrs = withoutAxes(c.node);
  const fold = c.add("Reshape", [c.name(0), c.shape([N, mulDims(C, D), H, W])]);
  const plane = c.add("Resize", [fold, "", "", c.shape([N, mulDims(C, D), H2, W2])], attrs);
  const lines = c.add("Reshape", [plane, c.shape([N, C, D, mulDims(H2, W2)])]);
  const depth = sameDim(D, D2)
    ? lines
    : c.add("Resize", [lines, "", "", c.shape([N, C, D2, mulDims(H2, W2)])], attrs);
  c.finish("Reshape", [depth, c.shape([N, C, D2, H2, W2])]);
  return [to];
}
