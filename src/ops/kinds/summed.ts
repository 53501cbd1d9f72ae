/**
 * @file Kinds whose every output is a mixture of the three views, Σ_v α_v · view_v: linear in the kernel, so one
 * convolution with the summed K³ kernel computes it. Where the sides of the kernel differ, views are added instead.
 */

import { int, intsAttr } from "../../graph/graph.ts";
import { tapsAttrs } from "../geometry.ts";
import { omittedAxis, VIEWS } from "../views.ts";
import { type LiftedConvolution, present } from "./convolution.ts";
import { viewTaps } from "./planes.ts";

/** @param shares - writes the weight α of each view: a scalar, or per output channel [O, 1, 1, 1, 1] */
export function lowerSum(
  conv: LiftedConvolution,
  shares: (conv: LiftedConvolution) => readonly string[],
): void {
  const { taps } = conv;
  const [kh, kw] = conv.kernel;
  const isUniform = kh === kw && taps.every((t) => t.dilation === taps[0]!.dilation && t.kernel === kh);
  const weights = shares(conv);
  if (isUniform) conv.finishWhole(summedKernel(conv, weights), taps);
  else sumOfViews(conv, weights);
}

/** Σ_v α_v · w in the centre plane of view v: for K = 3, 19 of 27 taps are not zero. */
function summedKernel(conv: LiftedConvolution, shares: readonly string[]): string {
  const center = intsAttr(conv.node, "center") ?? [0, 0, 0];
  const [a, b, c] = VIEWS.map((view, i) => {
    const axis = omittedAxis(view);
    const { kernel, dilation } = conv.taps[axis]!;
    const at = center[axis]! / dilation;
    const before = [0, 0, 0, 0, 0].with(2 + axis, at);
    const after = [0, 0, 0, 0, 0].with(2 + axis, kernel - 1 - at);
    const plane = conv.add("Mul", [conv.unsqueeze(conv.w, 2 + axis), shares[i]!]);
    return conv.add("Pad", [plane, conv.ints([...before, ...after])]);
  });
  return conv.add("Add", [conv.add("Add", [a!, b!]), c!]);
}

function sumOfViews(conv: LiftedConvolution, shares: readonly string[]): void {
  const views = VIEWS.map((view, i) => {
    const own = conv.crop(conv.x, viewTaps(conv, view));
    const share = conv.add("Mul", [conv.unsqueeze(conv.w, 2 + omittedAxis(view)), shares[i]!]);
    const attrs = { ...tapsAttrs(own.taps), group: int(conv.groups) };
    return conv.add("Conv", present([own.x, share, i === 0 ? conv.bias : ""]), attrs);
  });
  conv.finishSum(views);
}
