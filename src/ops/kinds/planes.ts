/**
 * @file The planes in which a lifted convolution reads, each a plain convolution.
 *
 * Geometry, per axis of [D, H, W]: the operator is sized as a convolution of
 * virtual taps (k, s, d, p₀, p₁), of reach e = d(k−1), whose centre is at c. A
 * view has taps (k′, d′) of its own there (one tap where it omits the axis) and
 * reads the same places relative to the centre with padding
 *
 *   lo = p₀ − c + c′        hi = p₁ − (e − c) + (e′ − c′)
 *
 * so that every view has the operator's size, whatever the input's. Negative
 * padding is a crop before the convolution; where neither is needed, none is made.
 */

import { int, intsAttr, type Node, stringAttr } from "../../graph/graph.ts";
import { reach, type Taps, tapsAttrs } from "../geometry.ts";
import type { View } from "../rule.ts";
import { omittedAxis, planeAxes, VIEWS } from "../views.ts";
import { type Channels, type LiftedConvolution, present } from "./convolution.ts";

/** A view with the output channels that it makes. */
export interface Plane extends Channels {
  readonly view: View;
}

/** Output channels dealt to the three views, as the operator says. */
export function dealtPlanes({ node }: LiftedConvolution): Plane[] {
  let start = 0;
  return intsAttr(node, "split")!.flatMap((count, i) => {
    const plane = { view: VIEWS[i]!, start, end: start + count };
    start += count;
    return count > 0 ? [plane] : [];
  });
}

/** All output channels in one view. */
export const wholePlane = ({ outputs }: LiftedConvolution, view: View): Plane => ({
  view,
  start: 0,
  end: outputs,
});

/** The view of an operator that has one. */
export const viewOf = (node: Node): View => stringAttr(node, "view", "axial") as View;

/** Taps of a view along each axis, with the padding that centres them. */
export function viewTaps({ node, taps, kernel }: LiftedConvolution, view: View): Taps[] {
  const center = intsAttr(node, "center") ?? [0, 0, 0];
  const [rows] = planeAxes(view);
  return taps.map((t, axis) => {
    const omitted = axis === omittedAxis(view);
    const side = axis === rows ? 0 : 1;
    const k = omitted ? 1 : kernel[side]!;
    const d = omitted ? 1 : taps[1 + side]!.dilation;
    const own = { kernel: k, stride: t.stride, dilation: d, before: 0, after: 0 };
    const c = center[axis]!;
    const same = k === t.kernel && (d === t.dilation || k === 1);
    const c2 = same ? c : d * Math.floor(k / 2);
    return { ...own, before: t.before - c + c2, after: t.after - (reach(t) - c) + (reach(own) - c2) };
  });
}

/** A convolution per plane, joined along the channels; one alone is the operator's output. */
export function lowerPlanes(conv: LiftedConvolution, planes: readonly Plane[]): void {
  const [only] = planes;
  if (planes.length === 1 && only) {
    conv.finishWhole(conv.unsqueeze(conv.w, 2 + omittedAxis(only.view)), viewTaps(conv, only.view));
    return;
  }
  const activation = conv.takeActivation();
  const views = planes.map((plane) => {
    const own = conv.crop(conv.inputOf(plane), viewTaps(conv, plane.view));
    const rows = conv.rows(conv.w, plane);
    const bias = conv.rows(conv.bias, plane);
    const kernel = conv.unsqueeze(rows, 2 + omittedAxis(plane.view));
    const attrs = { ...tapsAttrs(own.taps), group: int(conv.groupsOf(plane)) };
    const y = conv.add("Conv", present([own.x, kernel, bias]), attrs);
    return activation ? conv.add(activation.op, [y, ...activation.inputs.slice(1)], activation.attrs) : y;
  });
  conv.finish("Concat", views, { axis: int(1) });
}
