/**
 * @file Transposed convolutions in a view. Along the omitted axis a sample is spread over one
 * stride by a box of s taps; of the s·n values, P are cropped so that the size
 * is the operator's, as near as can be to where the in-plane kernel is centred:
 *
 *   P = s − (e + 1) − op + p₀ + p₁        lo = p₀ + (s − 1)/2 − e/2, within [0, P]
 *
 * A negative P means that the operator reaches beyond; the axis is extended by
 * its border values first.
 */

import { type Attrs, int, ints, intsAttr, str } from "../../graph/graph.ts";
import { reach, type Taps, tapsAttrs } from "../geometry.ts";
import { omittedAxis, planeAxes, VIEWS } from "../views.ts";
import { type LiftedConvolution, present } from "./convolution.ts";
import { type Plane, wholePlane } from "./planes.ts";

/** A transposed convolution per plane, joined along the channels; one alone is the operator's output. */
export function lowerTransposedPlanes(conv: LiftedConvolution, planes: readonly Plane[]): void {
  const operandsOf = (plane: Plane): [string[], Attrs] =>
    transposedPlane(conv, plane, kernelOf(conv, plane), conv.rows(conv.bias, plane));
  const [only] = planes;
  if (planes.length === 1 && only) return conv.finish("ConvTranspose", ...operandsOf(only));
  const views = planes.map((plane) => conv.add("ConvTranspose", ...operandsOf(plane)));
  conv.finish("Concat", views, { axis: int(1) });
}

/** The mean of the three views. */
export function lowerTransposedMean(conv: LiftedConvolution): void {
  const views = VIEWS.map((view, i) => {
    const kernel = conv.add("Div", [conv.w, conv.scalar(3)]);
    const operands = transposedPlane(conv, wholePlane(conv, view), kernel, i > 0 ? "" : conv.bias);
    return conv.add("ConvTranspose", ...operands);
  });
  conv.finishSum(views);
}

/** The kernel's part that makes these channels. */
function kernelOf(conv: LiftedConvolution, plane: Plane): string {
  const { w, inputs, outputs, groups } = conv;
  if (conv.isWhole(plane)) return w;
  return groups === 1
    ? conv.slice(w, 1, plane.start, plane.end)
    : conv.slice(w, 0, (plane.start / outputs) * inputs, (plane.end / outputs) * inputs);
}

/** Operands and attributes of the plain operator that computes a plane. */
function transposedPlane(conv: LiftedConvolution, plane: Plane, w: string, bias: string): [string[], Attrs] {
  const { view } = plane;
  const padding = [...intsAttr(conv.node, "output_padding")!];
  const axis = omittedAxis(view);
  const [rows] = planeAxes(view);
  const [kh, kw] = conv.kernel as [number, number];
  const x = conv.inputOf(plane);
  const own = conv.taps.map((t, i) => planeTaps(t, i === rows ? kh : kw, i === axis));
  const t = conv.taps[axis]!;
  const s = t.stride;
  const total = s - (reach(t) + 1) - padding[axis]! + t.before + t.after;
  const centred = Math.floor(t.before + (s - 1) / 2 - reach(t) / 2);
  const lo = Math.min(Math.max(centred, Math.min(0, total)), Math.max(0, total));
  const hi = total - lo;
  const [more, extra] = [Math.max(0, Math.ceil(-lo / s)), Math.max(0, Math.ceil(-hi / s))];
  own[axis] = { kernel: s, stride: s, dilation: 1, before: lo + more * s, after: hi + extra * s };
  padding[axis] = 0;
  let input = x;
  if (more + extra > 0) {
    const pads = new Array<number>(10)
      .fill(0)
      .with(2 + axis, more)
      .with(7 + axis, extra);
    input = conv.add("Pad", [x, conv.ints(pads)], { mode: str("edge") });
  }
  const box = conv.add("Expand", [conv.unsqueeze(w, 2 + axis), conv.ints([1, 1, 1, 1, 1].with(2 + axis, s))]);
  const fitted = withoutCrops(conv, box, own);
  const attrs = {
    ...tapsAttrs(fitted.taps),
    output_padding: ints(padding),
    group: int(conv.groupsOf(plane)),
  };
  return [present([input, fitted.kernel, bias]), attrs];
}

/** Negative padding of a transposed convolution enlarges its output: so do taps of zero, which runtimes accept. */
function withoutCrops(
  conv: LiftedConvolution,
  kernel: string,
  taps: readonly Taps[],
): { kernel: string; taps: readonly Taps[] } {
  const more = taps.map((t) => [t.before, t.after].map((p) => Math.max(0, Math.ceil(-p / t.dilation))));
  const [front, back] = [more.map((m) => m[0]!), more.map((m) => m[1]!)];
  if (![...front, ...back].some((n) => n > 0)) return { kernel, taps };
  return {
    kernel: conv.add("Pad", [kernel, conv.ints([0, 0, ...front, 0, 0, ...back])]),
    taps: taps.map((t, i) => ({
      ...t,
      kernel: t.kernel + front[i]! + back[i]!,
      before: t.before + front[i]! * t.dilation,
      after: t.after + back[i]! * t.dilation,
    })),
  };
}

/** In-plane taps; a kernel side that differs from the axis's own is centred on it. */
function planeTaps(t: Taps, k: number, omitted: boolean): Taps {
  if (omitted || k === t.kernel) return t;
  const own = { ...t, kernel: k };
  const shift = Math.floor((reach(own) - reach(t)) / 2);
  return { ...own, before: t.before + shift, after: t.after + (reach(own) - reach(t)) - shift };
}
