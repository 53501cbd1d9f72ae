/**
 * @file The gradients of a convolution, which are those of a transposed
 * convolution too, with the roles of input and output exchanged.
 *
 *   y[n, o, v] = b[o] + Σ_c,k w[o, c, k] · x[n, c, s·v + d·k − p₀]
 *
 * @see https://onnx.ai/onnx/operators/onnx__Conv.html
 */

import { int, ints } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { convTransposeSize, reach, type Taps, tapsAttrs, withoutCrops } from "./geometry.ts";
import type { Algebra } from "./gradient.ts";

/**
 * ∂loss/∂x, the transpose of the convolution:
 *
 *   dx[n, c, u] = Σ_o,k w[o, c, k] · dy[n, o, (u − d·k + p₀) / s]   where that is a whole number
 *
 * At stride 1 it is itself a convolution, of dy with the mirrored kernel whose
 * channels are exchanged. Runtimes are several times faster at that.
 *
 * @param sizes - of x: [N, C, ...n]
 */
export function inputGradient(
  c: Algebra,
  dy: string,
  w: string,
  taps: readonly Taps[],
  groups: number,
  sizes: readonly number[],
): string {
  const out = c.shape(dy).slice(2);
  if (taps.some((t) => t.stride !== 1)) {
    // What the last stride left over; without it the transpose would be too small.
    const extra = taps.map((t, i) => sizes[i + 2]! - (convTransposeSize(out[i]!, t, 0) as number));
    const attrs = { ...tapsAttrs(taps), output_padding: ints(extra), group: int(groups) };
    return c.op("ConvTranspose", [dy, w], attrs);
  }
  const mirrored = taps.map((t) => ({ ...t, before: reach(t) - t.before, after: reach(t) - t.after }));
  // More padding than the kernel reaches over: the outermost of dy saw nothing of x.
  const attrs = { ...tapsAttrs(withoutCrops(mirrored)), group: int(groups) };
  return c.op("Conv", [cropped(c, dy, mirrored), exchanged(c, w, groups)], attrs);
}

/** x without what negative padding takes off. */
export function cropped(c: Algebra, x: string, taps: readonly Taps[]): string {
  const crop = (end: "before" | "after"): number[] => [0, 0, ...taps.map((t) => Math.min(0, t[end]))];
  return c.pad(x, crop("before"), crop("after"));
}

/** The mirrored kernel, from [O, C/g, ...k] to [C, O/g, ...k]. */
function exchanged(c: Algebra, w: string, groups: number): string {
  const [outputs, inputs, ...kernel] = c.shape(w) as [number, number, ...number[]];
  const axes = kernel.flatMap((k, i) => (k > 1 ? [i + 2] : []));
  const every = (n: number): number[] => axes.map(() => n);
  const mirrored = axes.length > 0 ? c.slice(w, axes, every(-1), every(-(2 ** 31)), every(-1)) : w;
  const spatial = kernel.map((_, i) => i + 2);
  if (groups === 1) return c.transpose(mirrored, [1, 0, ...spatial]);
  const split = c.reshape(mirrored, [groups, outputs / groups, inputs, ...kernel]);
  const turned = c.transpose(split, [0, 2, 1, ...spatial.map((axis) => axis + 1)]);
  return c.reshape(turned, [inputs * groups, outputs / groups, ...kernel]);
}

/**
 * ∂loss/∂w, a product of two matrices with a column per place v and a row per
 * channel and tap:
 *
 *   dw[o, c, k] = Σ_n,v dy[n, o, v] · x[n, c, s·v + d·k − p₀]
 *
 * Either of the two can be the one that is copied once per tap; it is the one
 * with fewer channels. The products are taken over a few planes at a time, so that the
 * copies stay in cache and no memory is needed for all of them.
 *
 * @param x - [N, C, ...n]
 * @param dy - [N, O, ...n′]
 * @param kernel - sizes of w: [O, C/g, ...k]
 */
export function kernelGradient(
  c: Algebra,
  x: string,
  dy: string,
  taps: readonly Taps[],
  groups: number,
  kernel: readonly number[],
): string {
  const [outputs, inputs] = kernel as [number, number];
  const batch = c.shape(x)[0]!;
  const offsets = tapsOfKernel(taps);
  const perGroup = outputs / groups;
  const many = taps.some((t) => t.stride !== 1);
  const moved = many ? stridedColumns(c, x, dy, taps) : flatColumns(c, x, dy, taps, inputs < perGroup);
  const [copied, still] = moved.shifts === "x" ? [inputs, perGroup] : [perGroup, inputs];
  const bytes = 4 * batch * groups * copied * offsets.length * moved.places;
  const chunks =
    offsets.length === 1 ? 1 : Math.min(MOST_CHUNKS, Math.max(1, Math.round(bytes / CHUNK_BYTES)));
  const step = Math.max(1, Math.floor(moved.planes / chunks));
  const products: string[] = [];
  for (let start = 0; start < moved.planes; start += step) {
    const end = Math.min(start + step, moved.planes);
    const matrix = (of: string, rows: number): string => {
      const places = elementCount(c.shape(of)) / (batch * groups * rows);
      return c.reshape(of, groups === 1 ? [batch, rows, places] : [batch, groups, rows, places]);
    };
    const copies = offsets.map((tap) => matrix(moved.shifted(tap, start, end), copied));
    const rows = c.concat(copies, -2);
    const columns = matrix(moved.still(start, end), still);
    products.push(c.op("MatMul", [rows, swapped(c, columns)]));
  }
  const total = c.sum(c.total(products), [0]);
  // [g, k, O/g, C/g] or [g, k, C/g, O/g]
  const split = c.reshape(total, [groups, offsets.length, copied, still]);
  const ordered = c.transpose(split, moved.shifts === "x" ? [0, 3, 2, 1] : [0, 2, 3, 1]);
  return c.reshape(ordered, kernel);
}

/** What the copies of one product may take together; small enough for caches, large enough to keep nodes few. */
const CHUNK_BYTES = 2 ** 23;
/**
 * Each product is a dozen nodes or more, and the time to open a session grows faster than their number: without a limit
 * a U-Net on 160³ voxels has 13,000 nodes and takes 12 s to open. Maps of up to 63 planes may still take theirs one by one.
 */
const MOST_CHUNKS = 32;

/** x and dy as columns that belong together, a range of planes (of the first spatial axis) at a time. */
interface Columns {
  /** Which of the two differs from tap to tap. */
  readonly shifts: "x" | "dy";
  readonly planes: number;
  /** Columns of all planes together. */
  readonly places: number;
  shifted(tap: readonly number[], start: number, end: number): string;
  still(start: number, end: number): string;
}

/** Columns at any stride: one per voxel of dy. x is sliced along every axis. */
function stridedColumns(c: Algebra, x: string, dy: string, taps: readonly Taps[]): Columns {
  const out = c.shape(dy).slice(2);
  const { low, high } = border(taps);
  const padded = c.pad(x, [0, 0, ...low], [0, 0, ...high]);
  const axes = taps.map((_, i) => i + 2);
  const strides = taps.map((t) => t.stride);
  return {
    shifts: "x",
    planes: out[0]!,
    places: elementCount(out),
    shifted(tap, start, end) {
      const starts = taps
        .map((t, i) => low[i]! - t.before + t.dilation * tap[i]!)
        .map((at, i) => at + (i === 0 ? start * strides[0]! : 0));
      const counts = out.map((n, i) => (i === 0 ? end - start : n));
      const ends = starts.map((at, i) => at + strides[i]! * (counts[i]! - 1) + 1);
      return c.slice(padded, axes, starts, ends, strides);
    },
    still: (start, end) => c.slice(dy, [2], [start], [end]),
  };
}

/**
 * Columns at stride 1: one per voxel of x with a border along all axes but the
 * first, so that a step along any axis is an offset in memory and a shifted copy
 * is one block per channel. Where dy has no voxel it is zero.
 */
function flatColumns(c: Algebra, x: string, dy: string, taps: readonly Taps[], shiftX: boolean): Columns {
  const { low, high } = border(taps);
  const out = c.shape(dy).slice(2);
  const n = c.shape(x).slice(2);
  const sizes = n.map((size, i) => (i === 0 ? size : low[i]! + size + high[i]!));
  const strides = sizes.map((_, i) => elementCount(sizes.slice(i + 1)));
  const plane = strides[0]!;
  // Planes before x lie at negative offsets.
  const offset = (tap: readonly number[]): number => {
    const along = (t: Taps, i: number): number => (i === 0 ? 0 : low[i]!) - t.before + t.dilation * tap[i]!;
    const sum = taps.reduce((all, t, i) => all + strides[i]! * along(t, i), 0);
    return shiftX ? sum : -sum;
  };
  const flat = (of: string): string =>
    c.reshape(of, [...c.shape(of).slice(0, 2), elementCount(c.shape(of).slice(2))]);
  const grow = (of: string, first: readonly number[], last: readonly number[]): string =>
    flat(c.pad(of, [0, 0, ...first], [0, 0, ...last]));
  const columnsOf = (of: string, start: number, end: number): string => {
    const whole = start === 0 && end === c.shape(of)[2];
    // Axis 1 is named, too: ONNX Runtime would turn slices of one axis that abut into a Split, which keeps them all.
    return whole ? of : c.slice(of, [1, 2], [0, start], [c.shape(of)[1]!, end]);
  };
  const missing = sizes.map((size, i) => size - out[i]!);
  const sides = [
    { of: x, planes: n[0]!, first: low, last: high },
    { of: dy, planes: out[0]!, first: sizes.map(() => 0), last: missing },
  ] as const;
  const [moved, still] = shiftX ? sides : [sides[1], sides[0]];
  const offsets = tapsOfKernel(taps).map(offset);
  const before = Math.max(0, Math.ceil(-Math.min(...offsets) / plane));
  // The last shifted copy ends beyond the last plane.
  const after = Math.max(0, still.planes + Math.ceil(Math.max(...offsets) / plane) - moved.planes);
  const grown = grow(moved.of, moved.first.with(0, before), moved.last.with(0, after));
  return {
    shifts: shiftX ? "x" : "dy",
    planes: still.planes,
    places: still.planes * plane,
    shifted(tap, start, end) {
      const at = offset(tap);
      return columnsOf(grown, (before + start) * plane + at, (before + end) * plane + at);
    },
    /** A few planes, with the border of the other axes. */
    still: (start, end) =>
      grow(columnsOf(still.of, start, end), still.first.with(0, 0), still.last.with(0, 0)),
  };
}

/** Indices of the taps, the last axis fastest, as they lie in the kernel. */
const tapsOfKernel = (taps: readonly Taps[]): number[][] =>
  taps.reduce<number[][]>(
    (all, t) => all.flatMap((head) => Array.from({ length: t.kernel }, (_, k) => [...head, k])),
    [[]],
  );

/**
 * Zeros around x. Axes along which the kernel is one tap get the border of the
 * others: the three views of an ACS convolution share the padded x so.
 */
function border(taps: readonly Taps[]): { low: readonly number[]; high: readonly number[] } {
  const single = (t: Taps): boolean => t.kernel === 1 && t.before === 0 && t.after === 0;
  const most = (of: (t: Taps) => number): number[] => {
    const largest = Math.max(0, ...taps.map(of));
    return taps.map((t) => (single(t) ? largest : of(t)));
  };
  return { low: most((t) => t.before), high: most((t) => t.after) };
}

/** With its last two axes exchanged; runtimes fuse that into the matrix product. */
function swapped(c: Algebra, matrix: string): string {
  const axes = [...c.shape(matrix).keys()];
  return c.transpose(matrix, [...axes.slice(0, -2), ...axes.slice(-2).reverse()]);
}
