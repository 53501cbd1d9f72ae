/**
 * @file The views of a lifted convolution as plain (transposed) convolutions.
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

import type { Dim } from "../graph/dim.ts";
import type { Attrs, Node } from "../graph/graph.ts";
import { int, ints, intsAttr, stringAttr } from "../graph/graph.ts";
import { int64Tensor, tensorOf } from "../graph/tensor.ts";
import type { GraphBuilder } from "../ops/builder.ts";
import type { Taps } from "../ops/geometry.ts";
import { groupsOf, reach, tapsAttrs, tapsOf } from "../ops/geometry.ts";
import type { View } from "../ops/rule.ts";
import { omittedAxis, planeAxes, VIEWS } from "../ops/views.ts";

const MAX = 2 ** 63;

/** A view with the output channels [start, end) that it makes. */
interface Part {
  readonly view: View;
  readonly start: number;
  readonly end: number;
}

function partsOf(node: Node, channels: number): Part[] {
  if (stringAttr(node, "kind", "acs") !== "acs") return [{ view: planarView(node), start: 0, end: channels }];
  let start = 0;
  return intsAttr(node, "split")!.flatMap((count, i) => {
    const part = { view: VIEWS[i]!, start, end: start + count };
    start += count;
    return count > 0 ? [part] : [];
  });
}

const planarView = (node: Node): View =>
  stringAttr(node, "kind", "acs") === "2.5d" ? (stringAttr(node, "view", "axial") as View) : "axial";

/** Names helpers after the node's output. */
class Emitter {
  readonly #builder: GraphBuilder;
  readonly #node: Node;

  constructor(builder: GraphBuilder, node: Node) {
    this.#builder = builder;
    this.#node = node;
  }

  add(op: string, inputs: readonly string[], attrs: Attrs = {}): string {
    return this.#builder.add(op, inputs, attrs, `${this.#node.outputs[0]!}/${op}`)[0]!;
  }

  /** The node whose output is the operator's own. */
  finish(op: string, inputs: readonly string[], attrs: Attrs = {}, output = this.#node.outputs[0]!): void {
    this.#builder.push({ op, domain: "", name: this.#node.name, inputs, outputs: [output], attrs });
  }

  ints(values: readonly number[]): string {
    return this.#builder.constant(int64Tensor(values));
  }

  /** A scalar in the type of `like`. */
  scalar(value: number, like: string): string {
    const { dtype } = this.#builder.known(like);
    return this.#builder.constant(tensorOf(dtype ?? "float32", [], [value]));
  }

  slice(x: string, axis: number, start: number, end: number): string {
    return this.add("Slice", [x, this.ints([start]), this.ints([end]), this.ints([axis])]);
  }

  unsqueeze(x: string, axis: number): string {
    return this.add("Unsqueeze", [x, this.ints([axis])]);
  }

  shape(x: string): readonly Dim[] | undefined {
    return this.#builder.known(x).shape;
  }

  sizes(x: string): number[] {
    return this.#builder.known(x).shape as number[];
  }

  /** Crops [D, H, W] where padding is negative; the padding that is left. */
  crop(x: string, taps: readonly Taps[]): { x: string; taps: Taps[] } {
    const cut = taps.flatMap((t, i) => (t.before < 0 || t.after < 0 ? [i] : []));
    const left = taps.map((t) => ({ ...t, before: Math.max(0, t.before), after: Math.max(0, t.after) }));
    if (cut.length === 0) return { x, taps: left };
    // A crop of more than one voxel may take more than there is: what is padded on the other side comes first.
    const far = left.map((_, i) => taps[i]!.before < -1 || taps[i]!.after < -1);
    const borders = [
      ...left.map((t, i) => (far[i] ? t.before : 0)),
      ...left.map((t, i) => (far[i] ? t.after : 0)),
    ];
    const wide = borders.some((n) => n > 0)
      ? this.add("Pad", [x, this.ints([0, 0, ...borders.slice(0, 3), 0, 0, ...borders.slice(3)])])
      : x;
    const cropped = this.add("Slice", [
      wide,
      this.ints(cut.map((i) => Math.max(0, -taps[i]!.before))),
      this.ints(cut.map((i) => (taps[i]!.after < 0 ? taps[i]!.after : MAX))),
      this.ints(cut.map((i) => i + 2)),
    ]);
    return { x: cropped, taps: left.map((t, i) => (far[i] ? { ...t, before: 0, after: 0 } : t)) };
  }

  /** Input channels of the groups that make output channels [start, end). */
  groups(x: string, part: Part, channels: number, groups: number, inputs: number): string {
    if (groups === 1 || (part.start === 0 && part.end === channels)) return x;
    const per = inputs / groups;
    const outputs = channels / groups;
    return this.slice(x, 1, (part.start / outputs) * per, (part.end / outputs) * per);
  }
}

const geometry = (node: Node): { taps: Taps[]; center: readonly number[] } => ({
  taps: tapsOf(node, intsAttr(node, "kernel_shape")!, [])!,
  center: intsAttr(node, "center") ?? [0, 0, 0],
});

/** Taps of a view along each axis, with the padding that centres them. */
function viewTaps(
  taps: readonly Taps[],
  center: readonly number[],
  view: View,
  kernel: readonly number[],
): Taps[] {
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

const biasOf = (node: Node): string => node.inputs[2] ?? "";
const rowsOf = (e: Emitter, x: string, part: Part, channels: number, axis = 0): string =>
  x === "" || (part.start === 0 && part.end === channels) ? x : e.slice(x, axis, part.start, part.end);
const present = (inputs: readonly string[]): string[] =>
  inputs.at(-1) === "" ? inputs.slice(0, -1) : [...inputs];

/** @returns whether the activation was taken along */
export function lowerConv(builder: GraphBuilder, node: Node, activation: Node | undefined): boolean {
  const e = new Emitter(builder, node);
  const kind = stringAttr(node, "kind", "acs");
  const [x, w] = node.inputs as [string, string];
  const [channels, , kh, kw] = e.sizes(w) as [number, number, number, number];
  const groups = groupsOf(node);
  const { taps, center } = geometry(node);
  const single = (input: string, kernel: string, own: readonly Taps[]): boolean => {
    const cropped = e.crop(input, own);
    const attrs = { ...tapsAttrs(cropped.taps), group: int(groups) };
    e.finish("Conv", present([cropped.x, kernel, biasOf(node)]), attrs);
    return false;
  };
  if (kh === 1 && kw === 1) return single(x, e.unsqueeze(w, 2), taps);
  if (kind === "i3d") return single(x, inflated(e, w, taps[0]!.kernel), taps);
  const uniform = kh === kw && taps.every((t) => t.dilation === taps[0]!.dilation && t.kernel === kh);
  if (kind !== "acs" && kind !== "2.5d") {
    if (uniform) return single(x, summedKernel(e, node, taps, center), taps);
    sumOfViews(e, node, taps, center);
    return false;
  }
  const parts = partsOf(node, channels);
  const [only] = parts;
  if (parts.length === 1 && only) {
    return single(x, e.unsqueeze(w, 2 + omittedAxis(only.view)), viewTaps(taps, center, only.view, [kh, kw]));
  }
  const inputs = e.sizes(w)[1]! * groups;
  const views = parts.map((part) => {
    const own = e.crop(
      e.groups(x, part, channels, groups, inputs),
      viewTaps(taps, center, part.view, [kh, kw]),
    );
    const rows = rowsOf(e, w, part, channels);
    const bias = rowsOf(e, biasOf(node), part, channels);
    const share = groups === 1 ? 1 : ((part.end - part.start) * groups) / channels;
    const kernel = e.unsqueeze(rows, 2 + omittedAxis(part.view));
    const y = e.add("Conv", present([own.x, kernel, bias]), { ...tapsAttrs(own.taps), group: int(share) });
    return activation ? e.add(activation.op, [y, ...activation.inputs.slice(1)], activation.attrs) : y;
  });
  e.finish("Concat", views, { axis: int(1) }, (activation ?? node).outputs[0]);
  return activation !== undefined;
}

/** w / K repeated K times along depth. */
function inflated(e: Emitter, w: string, K: number): string {
  const scaled = e.add("Div", [e.unsqueeze(w, 2), e.scalar(K, w)]);
  return e.add("Expand", [scaled, e.ints([1, 1, K, 1, 1])]);
}

/** Weight of each view per output channel, [O, 1, 1, 1, 1], or a number where it is the same for all. */
function viewShares(e: Emitter, node: Node, rank: number): string[] {
  const logits = node.inputs[3];
  if (!logits) return VIEWS.map(() => e.scalar(1 / 3, node.inputs[1]!));
  const shares = e.add("Softmax", [logits], { axis: int(1) });
  const axes = Array.from({ length: rank - 2 }, (_, i) => i + 2);
  return VIEWS.map((_, view) => e.add("Unsqueeze", [e.slice(shares, 1, view, view + 1), e.ints(axes)]));
}

/** Σ_v α_v · w in the centre plane of view v: for K = 3, 19 of 27 taps are not zero. */
function summedKernel(e: Emitter, node: Node, taps: readonly Taps[], center: readonly number[]): string {
  const w = node.inputs[1]!;
  const shares = viewShares(e, node, 5);
  const planes = VIEWS.map((view, i) => {
    const axis = omittedAxis(view);
    const { kernel, dilation } = taps[axis]!;
    const at = center[axis]! / dilation;
    const before = [0, 0, 0, 0, 0].with(2 + axis, at);
    const after = [0, 0, 0, 0, 0].with(2 + axis, kernel - 1 - at);
    const plane = e.add("Mul", [e.unsqueeze(w, 2 + axis), shares[i]!]);
    return e.add("Pad", [plane, e.ints([...before, ...after])]);
  });
  return e.add("Add", [e.add("Add", [planes[0]!, planes[1]!]), planes[2]!]);
}

function sumOfViews(e: Emitter, node: Node, taps: readonly Taps[], center: readonly number[]): void {
  const [x, w] = node.inputs as [string, string];
  const kernel = e.sizes(w).slice(2);
  const shares = viewShares(e, node, 5);
  const views = VIEWS.map((view, i) => {
    const own = e.crop(x, viewTaps(taps, center, view, kernel));
    const share = e.add("Mul", [e.unsqueeze(w, 2 + omittedAxis(view)), shares[i]!]);
    const attrs = { ...tapsAttrs(own.taps), group: int(groupsOf(node)) };
    return e.add("Conv", present([own.x, share, i === 0 ? biasOf(node) : ""]), attrs);
  });
  e.finish("Add", [e.add("Add", [views[0]!, views[1]!]), views[2]!]);
}

/**
 * Transposed convolutions. Along the omitted axis a sample is spread over one
 * stride by a box of s taps; of the s·n values, P are cropped so that the size
 * is the operator's, as near as can be to where the in-plane kernel is centred:
 *
 *   P = s − (e + 1) − op + p₀ + p₁        lo = p₀ + (s − 1)/2 − e/2, within [0, P]
 *
 * A negative P means that the operator reaches beyond; the axis is extended by
 * its border values first.
 */
export function lowerConvTranspose(builder: GraphBuilder, node: Node): void {
  const e = new Emitter(builder, node);
  const kind = stringAttr(node, "kind", "acs");
  const [x, w] = node.inputs as [string, string];
  const [inputs, perGroup] = e.sizes(w) as [number, number];
  const groups = groupsOf(node);
  const channels = perGroup * groups;
  const parts =
    kind === "mean-acs" ? VIEWS.map((view) => ({ view, start: 0, end: channels })) : partsOf(node, channels);
  const views = parts.map((part, i) => {
    const whole = part.start === 0 && part.end === channels;
    const own = whole
      ? w
      : groups === 1
        ? e.slice(w, 1, part.start, part.end)
        : e.slice(w, 0, (part.start / channels) * inputs, (part.end / channels) * inputs);
    const kernel = kind === "mean-acs" ? e.add("Div", [own, e.scalar(3, w)]) : own;
    const bias = kind === "mean-acs" && i > 0 ? "" : rowsOf(e, biasOf(node), part, channels);
    const share = groups === 1 ? 1 : ((part.end - part.start) * groups) / channels;
    const last = parts.length === 1;
    return transposedView(
      e,
      node,
      part.view,
      e.groups(x, part, channels, groups, inputs),
      kernel,
      bias,
      share,
      last,
    );
  });
  if (views.length === 1) return;
  if (kind === "mean-acs") e.finish("Add", [e.add("Add", [views[0]!, views[1]!]), views[2]!]);
  else e.finish("Concat", views, { axis: int(1) });
}

function transposedView(
  e: Emitter,
  node: Node,
  view: View,
  x: string,
  w: string,
  bias: string,
  group: number,
  last: boolean,
): string {
  const { taps } = geometry(node);
  const padding = [...intsAttr(node, "output_padding")!];
  const axis = omittedAxis(view);
  const [rows] = planeAxes(view);
  const [, , kh, kw] = e.sizes(w) as [number, number, number, number];
  const own = taps.map((t, i) => planeTaps(t, i === rows ? kh : kw, i === axis));
  const t = taps[axis]!;
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
    input = e.add("Pad", [x, e.ints(pads)], { mode: { kind: "string", value: "edge" } });
  }
  const box = e.add("Expand", [e.unsqueeze(w, 2 + axis), e.ints([1, 1, 1, 1, 1].with(2 + axis, s))]);
  const fitted = withoutCrops(e, box, own);
  const attrs = { ...tapsAttrs(fitted.taps), output_padding: ints(padding), group: int(group) };
  const operands = present([input, fitted.kernel, bias]);
  if (!last) return e.add("ConvTranspose", operands, attrs);
  e.finish("ConvTranspose", operands, attrs);
  return node.outputs[0]!;
}

/** Negative padding of a transposed convolution enlarges its output: so do taps of zero, which runtimes accept. */
function withoutCrops(e: Emitter, kernel: string, taps: readonly Taps[]): { kernel: string; taps: Taps[] } {
  const more = taps.map((t) => [t.before, t.after].map((p) => Math.max(0, Math.ceil(-p / t.dilation))));
  const [front, back] = [more.map((m) => m[0]!), more.map((m) => m[1]!)];
  if (![...front, ...back].some((n) => n > 0)) return { kernel, taps: [...taps] };
  return {
    kernel: e.add("Pad", [kernel, e.ints([0, 0, ...front, 0, 0, ...back])]),
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
