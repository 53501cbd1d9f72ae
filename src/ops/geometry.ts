/**
 * @file The geometry of sliding operators along one axis, and what it does to sizes.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Conv.html
 */

import { addDims, ceilDivDims, type Dim, floorDivDims, maxDims, mulDims, subDims } from "../graph/dim.ts";
import { type Attrs, intAttr, ints, intsAttr, type Node, stringAttr } from "../graph/graph.ts";
import { fail } from "./common.ts";

/** One spatial axis of a convolution or a pool. Padding may be negative (a crop). */
export interface Taps {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}

/** Extent of a dilated kernel beyond its first tap. */
export const reach = (t: Taps): number => t.dilation * (t.kernel - 1);

/** Padded by half the reach at each side. */
export function centred(t: Taps): Taps {
  const before = Math.floor(reach(t) / 2);
  return { ...t, before, after: reach(t) - before };
}

/** An axis that is left alone. */
export const STILL: Taps = { kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };

/** The same kernel, moved so that it changes no size at stride 1; the odd tap of an even one is at the end. */
export function sameSize(t: Taps): Taps {
  const before = t.dilation * Math.floor(t.kernel / 2);
  return { ...t, before, after: reach(t) - before };
}

/** Padding, without what of it is a crop. */
export const withoutCrops = (taps: readonly Taps[]): Taps[] =>
  taps.map((t) => ({ ...t, before: Math.max(0, t.before), after: Math.max(0, t.after) }));

/** Output size of a convolution: ⌊(n + p₀ + p₁ − d(k−1) − 1) / s⌋ + 1 */
export function convSize(n: Dim, t: Taps): Dim {
  return addDims(floorDivDims(addDims(n, t.before + t.after - reach(t) - 1), t.stride), 1);
}

/**
 * Output size of a pool. With `ceil_mode` a last window may hang over, but it
 * must start inside the input or the left padding.
 */
export function poolSize(n: Dim, t: Taps, ceil: boolean): Dim {
  if (!ceil) return convSize(n, t);
  const size = addDims(ceilDivDims(addDims(n, t.before + t.after - reach(t) - 1), t.stride), 1);
  const lastStart = mulDims(subDims(size, 1), t.stride);
  const inside = addDims(n, t.before);
  if (typeof lastStart === "number" && typeof inside === "number") {
    return lastStart >= inside ? (size as number) - 1 : size;
  }
  // starts at (size − 1)·s, which must be below n + p₀:  size ≤ ⌈(n + p₀) / s⌉
  const bound = ceilDivDims(inside, t.stride);
  const difference = subDims(bound, size);
  if (typeof difference === "number") return difference < 0 ? bound : size;
  return subDims(0, maxDims(subDims(0, size), subDims(0, bound)));
}

/** Output size of a transposed convolution: s(n−1) + output_padding + d(k−1) + 1 − p₀ − p₁ */
export function convTransposeSize(n: Dim, t: Taps, outputPadding: number): Dim {
  return addDims(mulDims(subDims(n, 1), t.stride), outputPadding + reach(t) + 1 - t.before - t.after);
}

type AutoPad = "NOTSET" | "SAME_UPPER" | "SAME_LOWER" | "VALID";

export const autoPad = (node: Node): AutoPad => {
  const mode = stringAttr(node, "auto_pad", "NOTSET") || "NOTSET";
  if (mode === "NOTSET" || mode === "SAME_UPPER" || mode === "SAME_LOWER" || mode === "VALID") return mode;
  return fail({ node }, `auto_pad is "${mode}"; ONNX knows NOTSET, SAME_UPPER, SAME_LOWER and VALID`);
};

/**
 * Taps per spatial axis. `auto_pad` SAME is resolved where it can be: always at
 * stride 1, otherwise only if the size is a number.
 *
 * @returns undefined if the padding depends on a size that is not known
 */
export function tapsOf(node: Node, kernel: readonly number[], sizes: readonly Dim[]): Taps[] | undefined {
  const rank = kernel.length;
  for (const name of ["kernel_shape", "strides", "dilations", "pads"]) {
    const { kind } = node.attrs[name] ?? {};
    if (kind !== undefined && kind !== "ints")
      fail({ node }, `${name} should be whole numbers, and is ${kind}`);
  }
  const told = intsAttr(node, "kernel_shape");
  if (told && (told.length !== rank || told.some((size, i) => size !== kernel[i])))
    fail(
      { node },
      `its kernel_shape is [${told.join(", ")}], and its weights have a kernel of [${kernel.join(", ")}]`,
    );
  const strides = intsAttr(node, "strides") ?? new Array<number>(rank).fill(1);
  const dilations = intsAttr(node, "dilations") ?? new Array<number>(rank).fill(1);
  const pads = intsAttr(node, "pads") ?? new Array<number>(2 * rank).fill(0);
  if (strides.length !== rank || dilations.length !== rank || pads.length !== 2 * rank) {
    fail({ node }, `strides, dilations and pads must fit a kernel of ${rank} axes`);
  }
  if ([...strides, ...dilations, ...kernel].some((value) => value < 1)) {
    fail(
      { node },
      `kernel [${kernel.join(", ")}], strides [${strides.join(", ")}] and dilations [${dilations.join(", ")}] must be positive`,
    );
  }
  const mode = autoPad(node);
  const taps: Taps[] = [];
  for (let i = 0; i < rank; i++) {
    const t = { kernel: kernel[i]!, stride: strides[i]!, dilation: dilations[i]!, before: 0, after: 0 };
    const n = t.stride === 1 ? 1 : sizes[i];
    if (mode === "NOTSET") taps.push({ ...t, before: pads[i]!, after: pads[rank + i]! });
    if (mode === "VALID") taps.push(t);
    if (mode === "NOTSET" || mode === "VALID") continue;
    // At stride 1 it is the same for every size.
    if (typeof n !== "number") return undefined;
    const total = Math.max(0, (Math.ceil(n / t.stride) - 1) * t.stride + reach(t) + 1 - n);
    taps.push(padded(t, total, mode));
  }
  return taps;
}

/** Padding of `total`, of which the odd one is at the end under SAME_UPPER and otherwise at the beginning. */
export function padded(t: Taps, total: number, mode: AutoPad): Taps {
  const small = Math.floor(total / 2);
  const before = mode === "SAME_UPPER" ? small : total - small;
  return { ...t, before, after: total - before };
}

/** Output sizes under `auto_pad` SAME, whatever the padding: ⌈n / s⌉ */
export const sameSizes = (node: Node, sizes: readonly Dim[]): Dim[] =>
  sizes.map((n, i) => ceilDivDims(n, intsAttr(node, "strides")?.[i] ?? 1));

/** Attributes that say what `taps` say. */
export const tapsAttrs = (taps: readonly Taps[]): Attrs => ({
  kernel_shape: ints(taps.map((t) => t.kernel)),
  strides: ints(taps.map((t) => t.stride)),
  dilations: ints(taps.map((t) => t.dilation)),
  pads: ints([...taps.map((t) => t.before), ...taps.map((t) => t.after)]),
});

export const groupsOf = (node: Node): number => intAttr(node, "group", 1);
