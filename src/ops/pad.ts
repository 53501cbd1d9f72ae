/**
 * @file Pad: borders around a tensor. Negative ones crop.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Pad.html
 */

import { addDims, type Dim } from "../graph/dim.ts";
import { str, stringAttr } from "../graph/graph.ts";
import { literalNumbers } from "../graph/nd-array.ts";
import { knownIn, listOf, normAxis, shaped, shapeOf } from "./common.ts";
import type { GradientContext, GradientRule } from "./gradient.ts";
import { omittedBy } from "./kinds/index.ts";
import { type Axis, hasHeight, isHeight, isSpatial, showAxes } from "./roles.ts";
import type { InferContext, Known, LiftContext, OpRule } from "./rule.ts";
import { identity, pullBack } from "./separable.ts";

/** Borders [before..., after...] of every axis, or undefined if they depend on the data. */
function padsOf(
  c: InferContext | LiftContext | GradientContext,
  at: (i: number) => Known | undefined,
  rank: number,
): { before: Dim[]; after: Dim[] } | undefined {
  const pads = listOf(at(1));
  const axes = c.node.inputs[3] ? literalNumbers(at(3)?.value) : Array.from({ length: rank }, (_, i) => i);
  if (!pads || !axes) return undefined;
  const before = new Array<Dim>(rank).fill(0);
  const after = new Array<Dim>(rank).fill(0);
  axes.forEach((axis, i) => {
    before[normAxis(c, axis, rank)] = pads[i]!;
    after[normAxis(c, axis, rank)] = pads[axes.length + i]!;
  });
  return { before, after };
}

/**
 * Whether borders of a fixed number of pixels stop short of depth. Before a
 * window they belong to it, and 2.5d windows pad nothing along the axis they
 * omit; elsewhere they make up for rounding when height was halved, and depth
 * that is kept needs none.
 */
function leavesDepthAlone(c: LiftContext): boolean {
  if (c.feedsWindow) return omittedBy(c.kind, c.view) === 0;
  return !c.poolsDepth;
}

/** Crops the borders; what they repeat of the image gets their gradients too. */
const gradient: GradientRule = (c) => {
  const sizes = c.shape(c.x());
  const pads = padsOf(c, knownIn(c), sizes.length) as Record<"before" | "after", number[]> | undefined;
  if (!pads) return c.refuse("it takes its borders from the data");
  const { before, after } = pads;
  const mode = stringAttr(c.node, "mode", "constant");
  if (mode === "constant") {
    const [first, last] = [before, after].map((border) => border.map((n) => -n));
    const dx = c.pad(c.dy(), first!, last!);
    return [dx, undefined, c.needs(2) ? c.sub(c.sum(c.dy()), c.sum(dx)) : undefined];
  }
  const maps = sizes.flatMap((n, axis) => {
    const border = [0, before[axis]!, 0, after[axis]!];
    if (border.every((width) => width === 0)) return [];
    return [{ axis, matrix: c.op("Pad", [identity(c, n, c.x()), c.ints(border)], { mode: str(mode) }) }];
  });
  return [pullBack(c, c.dy(), maps)];
};

export const Pad: OpRule = {
  required: 2,
  infer(c) {
    const x = shapeOf(c, 0);
    const pads = x && padsOf(c, (i) => c.inputs[i], x.length);
    const shape = x?.map((n, i) => (pads ? addDims(n, addDims(pads.before[i]!, pads.after[i]!)) : c.fresh()));
    return shaped(c, shape);
  },

  lift(c) {
    const { axes } = c.input(0);
    const pads = padsOf(c, (i) => c.inputs[i]?.known, axes.length);
    const twin = padsOf(c, (i) => c.inputs[i]?.twin, axes.length);
    if (!pads || !twin) return c.refuse("E_PAD", "takes its borders from the data");
    const before: Dim[] = [];
    const after: Dim[] = [];
    const out = axes.map((axis, i): Axis => {
      const [lo, hi] = [pads.before[i]!, pads.after[i]!];
      const none = lo === 0 && hi === 0;
      if (!none && isSpatial(axis) && axis.length > 1) {
        c.refuse("E_PAD_SPATIAL", `pads the merged axis ${showAxes([axis])}`);
      }
      if (isHeight(axis)) {
        const alone = typeof lo === "number" && typeof hi === "number" && leavesDepthAlone(c);
        before.push(alone ? 0 : twin.before[i]!, lo);
        after.push(alone ? 0 : twin.after[i]!, hi);
      } else {
        before.push(lo);
        after.push(hi);
      }
      if (none) return axis;
      const size = addDims(axis[0]?.size ?? 1, addDims(lo, hi));
      return [{ role: axis[0]?.role ?? "C", size }];
    });
    if (hasHeight(axes) && stringAttr(c.node, "mode", "constant") === "wrap")
      c.warn("wraps around; depth wraps too");
    const value = c.node.inputs[2] ? c.name(2) : "";
    const inputs = [c.name(0), c.shape([...before, ...after]), value];
    c.emit(value ? inputs : inputs.slice(0, 2));
    return [out];
  },

  gradient,
  traits: { moves: "pad" },
};
