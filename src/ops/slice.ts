/**
 * @file Slice, Gather and Pad: parts of a tensor, and borders around it.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Slice.html
 */

import type { Dim } from "../graph/dim.ts";
import { addDims, ceilDivDims, minDims, subDims } from "../graph/dim.ts";
import { int, intAttr, stringAttr } from "../graph/graph.ts";
import { gatherNd, literalNumbers, sliceNd } from "../graph/nd-array.ts";
import { dtypeOf, fail, normAxis, numbersIn, shapeOf } from "./common.ts";
import type { Axis } from "./roles.ts";
import { atom, hasHeight, isHeight, isSpatial, liftedAxis, showAxes } from "./roles.ts";
import type { InferContext, Known, LiftContext, OpRule } from "./rule.ts";
import { omittedAxis } from "./views.ts";

interface Cut {
  readonly axis: number;
  readonly start: Dim;
  readonly end: Dim;
  readonly step: number;
}

const list = (known: Known | undefined): Dim[] | undefined => known?.value && Array.from(known.value.data);

/** The cuts of a Slice, or undefined if they depend on the data. */
function cutsOf(
  c: InferContext | LiftContext,
  at: (i: number) => Known | undefined,
  rank: number,
): Cut[] | undefined {
  const starts = list(at(1));
  const ends = list(at(2));
  const axes = c.node.inputs[3] ? literalNumbers(at(3)?.value) : starts?.map((_, i) => i);
  const steps = c.node.inputs[4] ? literalNumbers(at(4)?.value) : starts?.map(() => 1);
  if (!starts || !ends || !axes || !steps) return undefined;
  return axes.map((axis, i) => ({
    axis: normAxis(c, axis, rank),
    start: starts[i]!,
    end: ends[i]!,
    step: steps[i]!,
  }));
}

const FAR = 2 ** 31 - 1;

/** First index and number of elements of a cut through n elements; the spec clamps, and so do we. */
function cutRange(n: Dim, { start, end, step }: Cut): { first: Dim; size: Dim } {
  const from =
    typeof n !== "number" && typeof start === "number" && start >= 0 && start < FAR
      ? start
      : clampIndex(start, n, step);
  const to = clampIndex(end, n, step);
  const span = step > 0 ? subDims(to, from) : subDims(from, to);
  const size = ceilDivDims(span, Math.abs(step));
  return { first: from, size: typeof size === "number" ? Math.max(0, size) : size };
}

/** An index counted from the start, clamped to [0, n] going forwards and to [−1, n − 1] going backwards. */
function clampIndex(index: Dim, n: Dim, step: number): Dim {
  const low = step > 0 ? 0 : -1;
  const high = low;
  if (typeof index !== "number") {
    // Shape arithmetic of real exports stays inside the tensor.
    return index;
  }
  if (index >= FAR) return addDims(n, high);
  if (index <= -FAR) return low;
  const absolute = index < 0 ? addDims(n, index) : index;
  if (typeof absolute === "number" && typeof n === "number")
    return Math.min(Math.max(absolute, low), n + high);
  if (index < 0) return absolute;
  return index === 0 ? 0 : minDims(absolute, addDims(n, high));
}

export const Slice: OpRule = {
  infer(c) {
    const x = shapeOf(c, 0);
    if (!x) return [{ dtype: dtypeOf(c, 0) }];
    const cuts = cutsOf(c, (i) => c.inputs[i], x.length);
    const known = numbersIn(c, 3)?.map((axis) => normAxis(c, axis, x.length));
    const shape = x.map((n, axis) => {
      if (!cuts) return known && !known.includes(axis) ? n : c.fresh();
      const cut = cuts.find((candidate) => candidate.axis === axis);
      return cut ? cutRange(n, cut).size : n;
    });
    return [{ dtype: dtypeOf(c, 0), shape }];
  },

  value(c) {
    let out = c.inputs[0]?.value;
    const cuts = out && cutsOf(c, (i) => c.inputs[i], out.dims.length);
    if (!out || !cuts) return undefined;
    for (const cut of cuts) {
      const { first, size } = cutRange(out.dims[cut.axis]!, cut);
      if (typeof first !== "number" || typeof size !== "number") return undefined;
      out = sliceNd(out, cut.axis, first, cut.step, size);
    }
    return [out];
  },

  lift(c) {
    const { axes } = c.input(0);
    const cuts = cutsOf(c, (i) => c.inputs[i]?.known, axes.length);
    const twins = cutsOf(c, (i) => c.inputs[i]?.twin, axes.length);
    if (!cuts || !twins) return c.refuse("E_SLICE", "takes its range from the data");
    const lifted: (Cut & { depth?: boolean })[] = [];
    const out: Axis[] = [...axes];
    cuts.forEach((cut, i) => {
      const axis = axes[cut.axis]!;
      const n = axis.length === 1 ? axis[0]!.size : undefined;
      if (isSpatial(axis) && n === undefined) {
        c.refuse("E_SLICE_SPATIAL", `cuts the merged axis ${showAxes([axis])}`);
      }
      const own = c.baked && isSpatial(axis) ? fromEnd(c, cut, n!) : cut;
      const size = n === undefined ? cutRange(1, own).size : cutRange(n, own).size;
      if (isHeight(axis)) {
        const twin = c.baked ? own : twins[i]!;
        if (!isUncutDepth(c, cut, twins[i]!)) lifted.push({ ...twin, axis: liftedAxis(axes, cut.axis) - 1 });
        if (cut.step !== 1)
          c.warn(`cuts height with step ${cut.step}; depth is cut alike, so the two are tied`);
      }
      lifted.push({ ...own, axis: liftedAxis(axes, cut.axis) });
      out[cut.axis] = axis.length === 0 ? [] : [{ role: axis[0]!.role, size }];
    });
    const vector = (pick: (cut: Cut) => Dim): string => c.shape(lifted.map(pick));
    c.emit([
      c.name(0),
      vector((cut) => cut.start),
      vector((cut) => cut.end),
      vector((cut) => cut.axis),
      vector((cut) => cut.step),
    ]);
    return [out];
  },
};

/** A crop of a fixed-size export, counted from the end, so that other sizes crop alike on both sides. */
function fromEnd(c: LiftContext, cut: Cut, n: Dim): Cut {
  if (typeof cut.end !== "number" || cut.end < 0 || cut.end >= FAR || cut.step < 0) return cut;
  const size = c.probe(n);
  return { ...cut, end: cut.end >= size ? 2 ** 63 : cut.end - size };
}

/** 2.5d crops nothing along the axis it omits: its convolutions have not grown or shrunk it either. */
const isUncutDepth = (c: LiftContext, cut: Cut, twin: Cut): boolean =>
  c.kind === "2.5d" &&
  omittedAxis(c.view) === 0 &&
  typeof cut.start === "number" &&
  typeof cut.end === "number" &&
  cut.start === twin.start &&
  cut.end === twin.end;

export const Gather: OpRule = {
  infer(c) {
    const [x, indices] = [shapeOf(c, 0), shapeOf(c, 1)];
    if (!x || !indices) return [{ dtype: dtypeOf(c, 0) }];
    const axis = normAxis(c, intAttr(c.node, "axis", 0), x.length);
    return [{ dtype: dtypeOf(c, 0), shape: [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)] }];
  },

  value(c) {
    const x = c.inputs[0]?.value;
    const indices = numbersIn(c, 1);
    if (!x || !indices) return undefined;
    const axis = normAxis(c, intAttr(c.node, "axis", 0), x.dims.length);
    const bad = indices.find((i) => i < -x.dims[axis]! || i >= x.dims[axis]!);
    if (bad !== undefined) fail(c, `index ${bad} is outside an axis of ${x.dims[axis]}`);
    return [gatherNd(x, axis, { dims: c.inputs[1]!.value!.dims, data: indices })];
  },

  lift(c) {
    const { axes, constant } = c.input(0);
    const axis = normAxis(c, intAttr(c.node, "axis", 0), axes.length);
    if (constant || !c.input(1).constant) {
      return c.refuse(
        "E_GATHER",
        "picks by index out of data; only constant indices into features can be lifted",
      );
    }
    if (isSpatial(axes[axis]))
      return c.refuse("E_GATHER_SPATIAL", `picks positions of ${showAxes(axes)} along a spatial axis`);
    c.emit(c.names(), { attrs: { axis: int(liftedAxis(axes, axis)) } });
    const picked = (c.input(1).known.shape ?? []).map((n): Axis => (n === 1 ? [] : atom("C", n)));
    return [[...axes.slice(0, axis), ...picked, ...axes.slice(axis + 1)]];
  },
};

/** Borders [before..., after...] of every axis, or undefined if they depend on the data. */
function padsOf(
  c: InferContext | LiftContext,
  at: (i: number) => Known | undefined,
  rank: number,
): { before: Dim[]; after: Dim[] } | undefined {
  const pads = list(at(1));
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
  if (c.feedsWindow) return c.kind === "2.5d" && omittedAxis(c.view) === 0;
  return !c.poolsDepth;
}

export const Pad: OpRule = {
  infer(c) {
    const x = shapeOf(c, 0);
    const pads = x && padsOf(c, (i) => c.inputs[i], x.length);
    return [
      {
        dtype: dtypeOf(c, 0),
        shape: x?.map((n, i) => (pads ? addDims(n, addDims(pads.before[i]!, pads.after[i]!)) : c.fresh())),
      },
    ];
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
};
