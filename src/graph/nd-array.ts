/**
 * @file Small n-dimensional arrays of known elements: constants, and the shape
 * arithmetic of exported models, whose elements may be symbolic sizes.
 */

import type { Dim } from "./dim.ts";
import { elementCount } from "./tensor.ts";

/** Row-major array. Elements are numbers, or sizes that depend on the input. */
export interface NdArray {
  readonly dims: readonly number[];
  readonly data: ArrayLike<Dim>;
}

export const ndArray = (dims: readonly number[], data: ArrayLike<Dim>): NdArray => ({ dims, data });
export const vector = (data: ArrayLike<Dim>): NdArray => ({ dims: [data.length], data });

/** Row-major strides, in elements. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let i = dims.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * dims[i + 1]!;
  return strides;
}

/** The array of sizes `dims` whose element at `index` is `source(index)` of `data`. */
export function buildFrom(
  data: ArrayLike<Dim>,
  dims: readonly number[],
  source: (index: readonly number[]) => number,
): NdArray {
  const count = elementCount(dims);
  const out = new Array<Dim>(count);
  const index = new Array<number>(dims.length).fill(0);
  for (let i = 0; i < count; i++) {
    out[i] = data[source(index)]!;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < dims[axis]!) break;
      index[axis] = 0;
    }
  }
  return { dims, data: out };
}

const dot = (index: readonly number[], strides: readonly number[]): number =>
  index.reduce((sum, at, axis) => sum + at * strides[axis]!, 0);

export function transposeNd({ dims, data }: NdArray, perm: readonly number[]): NdArray {
  const strides = stridesOf(dims);
  const permuted = perm.map((axis) => strides[axis]!);
  return buildFrom(
    data,
    perm.map((axis) => dims[axis]!),
    (index) => dot(index, permuted),
  );
}

/** Sizes after numpy-style broadcasting, or undefined where they do not agree. */
export function broadcastSizes(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    out.push(x === 1 ? y : x);
  }
  return out;
}

export function expandNd({ dims, data }: NdArray, sizes: readonly number[]): NdArray {
  const lead = sizes.length - dims.length;
  const strides = stridesOf(dims);
  return buildFrom(data, sizes, (index) =>
    dims.reduce((sum, size, axis) => sum + (size === 1 ? 0 : index[lead + axis]! * strides[axis]!), 0),
  );
}

/** Elementwise over broadcast operands; undefined where sizes disagree or `f` has no answer. */
export function zipNd(a: NdArray, b: NdArray, f: (x: Dim, y: Dim) => Dim | undefined): NdArray | undefined {
  const dims = broadcastSizes(a.dims, b.dims);
  if (!dims) return undefined;
  const x = expandNd(a, dims).data;
  const y = expandNd(b, dims).data;
  const out = new Array<Dim>(x.length);
  for (let i = 0; i < x.length; i++) {
    const value = f(x[i]!, y[i]!);
    if (value === undefined) return undefined;
    out[i] = value;
  }
  return { dims, data: out };
}

/** Elementwise; undefined where `f` has no answer. */
export function mapNd({ dims, data }: NdArray, f: (x: Dim) => Dim | undefined): NdArray | undefined {
  const out = new Array<Dim>(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = f(data[i]!);
    if (value === undefined) return undefined;
    out[i] = value;
  }
  return { dims, data: out };
}

export function concatNd(parts: readonly NdArray[], axis: number): NdArray {
  const first = parts[0]!.dims;
  const total = parts.reduce((sum, part) => sum + part.dims[axis]!, 0);
  const dims = first.map((size, i) => (i === axis ? total : size));
  const outer = elementCount(first.slice(0, axis));
  const out: Dim[] = [];
  for (let o = 0; o < outer; o++) {
    for (const part of parts) {
      const run = part.data.length / outer;
      for (let i = 0; i < run; i++) out.push(part.data[o * run + i]!);
    }
  }
  return { dims, data: out };
}

/** `data[..., start : start + step·size : step, ...]` on one axis; `step` may be negative. */
export function sliceNd(
  { dims, data }: NdArray,
  axis: number,
  start: number,
  step: number,
  size: number,
): NdArray {
  const strides = stridesOf(dims);
  return buildFrom(
    data,
    dims.map((d, i) => (i === axis ? size : d)),
    (index) => index.reduce((sum, at, i) => sum + (i === axis ? start + at * step : at) * strides[i]!, 0),
  );
}

/** numpy.take: the axis is replaced by the sizes of `indices`. */
export function gatherNd(
  { dims, data }: NdArray,
  axis: number,
  indices: { readonly dims: readonly number[]; readonly data: ArrayLike<number> },
): NdArray {
  const strides = stridesOf(dims);
  const rank = indices.dims.length;
  const indexStrides = stridesOf(indices.dims);
  return buildFrom(data, [...dims.slice(0, axis), ...indices.dims, ...dims.slice(axis + 1)], (index) => {
    let at = indices.data[dot(index.slice(axis, axis + rank), indexStrides)]!;
    if (at < 0) at += dims[axis]!;
    let sum = at * strides[axis]!;
    for (let i = 0; i < axis; i++) sum += index[i]! * strides[i]!;
    for (let i = axis + 1; i < dims.length; i++) sum += index[i - 1 + rank]! * strides[i]!;
    return sum;
  });
}

/** The elements as plain numbers, or undefined if one depends on the input. */
export function literalNumbers(array: NdArray | undefined): number[] | undefined {
  if (!array) return undefined;
  const out: number[] = [];
  for (let i = 0; i < array.data.length; i++) {
    const element = array.data[i]!;
    if (typeof element !== "number") return undefined;
    out.push(element);
  }
  return out;
}
