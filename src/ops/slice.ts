/**
 * @file Slice: a part of a tensor.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Slice.html
 */

import { addDims, ceilDivDims, type Dim, minDims, subDims } from "../graph/dim.ts";
import { literalNumbers, sliceNd } from "../graph/nd-array.ts";
import { knownIn, listOf, normAxis, numbersIn, shaped, shapeOf } from "./common.ts";
import type { Algebra, GradientContext, GradientRule } from "./gradient.ts";
import { omittedBy } from "./kinds/index.ts";
import { type Axis, isHeight, isSpatial, liftedAxis, showAxes } from "./roles.ts";
import type { InferContext, Known, LiftContext, OpRule } from "./rule.ts";

interface Cut {
  readonly axis: number;
  readonly start: Dim;
  readonly end: Dim;
  readonly step: number;
}

/** The cuts of a Slice, or undefined if they depend on the data. */
function cutsOf(
  c: InferContext | LiftContext | GradientContext,
  at: (i: number) => Known | undefined,
  rank: number,
): Cut[] | undefined {
  const starts = listOf(at(1));
  const ends = listOf(at(2));
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

/** dy at the places that were read, zeros between and around them. */
const uncut: GradientRule = (c) => {
  const sizes = c.shape(c.x());
  const cuts = cutsOf(c, knownIn(c), sizes.length);
  if (!cuts) return c.refuse("it takes its range from the data");
  const before = sizes.map(() => 0);
  const after = sizes.map(() => 0);
  const spread = cuts.reduce((g, cut) => {
    const { axis } = cut;
    const { first, size } = cutRange(sizes[axis]!, cut) as { first: number; size: number };
    const step = Math.abs(cut.step);
    before[axis] = cut.step > 0 ? first : first - (size - 1) * step;
    // Negative where the zeros after the last one reach beyond the end.
    after[axis] = sizes[axis]! - before[axis] - size * step;
    const forwards = cut.step > 0 ? g : c.slice(g, [axis], [-1], [-FAR], [-1]);
    return spaced(c, forwards, axis, step);
  }, c.dy());
  return [c.pad(spread, before, after)];
};

/** Puts step − 1 zeros behind every element along an axis. */
function spaced(c: Algebra, g: string, axis: number, step: number): string {
  if (step === 1) return g;
  const sizes = c.shape(g);
  const apart = sizes.toSpliced(axis + 1, 0, 1);
  const zeros = apart.map((_, i) => (i === axis + 1 ? step - 1 : 0));
  const none = apart.map(() => 0);
  return c.reshape(c.pad(c.reshape(g, apart), none, zeros), sizes.with(axis, sizes[axis]! * step));
}

export const Slice: OpRule = {
  required: 3,
  infer(c) {
    const x = shapeOf(c, 0);
    if (!x) return shaped(c);
    const cuts = cutsOf(c, (i) => c.inputs[i], x.length);
    const known = numbersIn(c, 3)?.map((axis) => normAxis(c, axis, x.length));
    const shape = x.map((n, axis) => {
      if (!cuts) return known && !known.includes(axis) ? n : c.fresh();
      const cut = cuts.find((candidate) => candidate.axis === axis);
      return cut ? cutRange(n, cut).size : n;
    });
    return shaped(c, shape);
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

  gradient: uncut,
  traits: { moves: "crop" },
};

/** A crop of a fixed-size export, counted from the end, so that other sizes crop alike on both sides. */
function fromEnd(c: LiftContext, cut: Cut, n: Dim): Cut {
  if (typeof cut.end !== "number" || cut.end < 0 || cut.end >= FAR || cut.step < 0) return cut;
  const size = c.probe(n);
  return { ...cut, end: cut.end >= size ? 2 ** 63 : cut.end - size };
}

/** 2.5d crops nothing along the axis it omits: its convolutions have not grown or shrunk it either. */
const isUncutDepth = (c: LiftContext, cut: Cut, twin: Cut): boolean =>
  omittedBy(c.kind, c.view) === 0 &&
  typeof cut.start === "number" &&
  typeof cut.end === "number" &&
  cut.start === twin.start &&
  cut.end === twin.end;
