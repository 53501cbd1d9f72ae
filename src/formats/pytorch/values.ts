/**
 * @file What a pickle can hold here: plain data, tensors as views of storages, and things that are
 * known by name and nothing else. Building one of them runs no code of the file's.
 */

import type { DType } from "../../graph/tensor.ts";
import { byteLength } from "../../graph/tensor.ts";
import { decodeText } from "../foreign.ts";

/** A Python object. Byte strings stay bytes: Python 2 wrote texts as such. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | LatinBytes
  | PyDict
  | PyList
  | PyTuple
  | Named
  | Storage
  | TensorView
  | NumpyType
  | NumpyArray;

/** Bytes as protocol 2 writes them: a text of as many letters. Encoded when they are needed, and not before. */
export class LatinBytes {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A dict. What was copied from another one, or from pairs, is shared with it. */
export class PyDict {
  /** Keys and values in turn; of equal keys the last holds. */
  readonly items: Value[] = [];
  /** What it held at first: a dict, or a list of pairs. */
  base: Value = null;
}

/** An object that is its fields. */
export class PyObject extends PyDict {}

/** A list, set or deque. */
export class PyList {
  readonly items: Value[];
  constructor(items: Value[] = []) {
    this.items = items;
  }
}

export class PyTuple {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

/** Something of which only the name counts: a global, or an object of a class that is not looked into. */
export class Named {
  /** Module and name, as in `collections.OrderedDict`. */
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** Elements that tensors are views of. */
export class Storage {
  /** In a zip file the entry `data/<key>`, in a stream one of the blocks at its end. */
  readonly key: string;
  readonly dtype: DType;
  /** How many elements it has. */
  readonly count: number;
  /** How far into the block of this key it begins, in elements. */
  readonly start: number;
  /** Elements, where they stand in the pickle itself. */
  readonly bytes: Uint8Array | LatinBytes | undefined;

  constructor(key: string, dtype: DType, count: number, start = 0, bytes?: Uint8Array | LatinBytes) {
    this.key = key;
    this.dtype = dtype;
    this.count = count;
    this.start = start;
    this.bytes = bytes;
  }

  get byteLength(): number {
    return byteLength(this.dtype, [this.count]);
  }
}

/** A tensor as PyTorch keeps it: element [i, j, …] stands at `offset + i·strides[0] + j·strides[1] + …`. */
export class TensorView {
  readonly storage: Storage;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly strides: readonly number[];
  /** In elements, as the strides. */
  readonly offset: number;
  readonly bigEndian: boolean;

  constructor(view: Pick<TensorView, "storage" | "dtype" | "dims" | "strides" | "offset" | "bigEndian">) {
    this.storage = view.storage;
    this.dtype = view.dtype;
    this.dims = view.dims;
    this.strides = view.strides;
    this.offset = view.offset;
    this.bigEndian = view.bigEndian;
  }
}

/** NumPy's element type, of which the pickle tells the byte order later. */
export class NumpyType {
  /** Kind and size: `f4`. */
  readonly code: string;
  bigEndian = false;
  constructor(code: string) {
    this.code = code;
  }
}

/** NumPy's array, of which the pickle tells everything later; without a view if it holds no numbers. */
export class NumpyArray {
  view: TensorView | undefined;
}

/** Longer byte strings are no names. Decoding one again and again would take for ever. */
const MAX_TEXT_BYTES = 1000;

/** A text, also one of Python 2's. */
export function textOf(value: Value | undefined): string | undefined {
  if (typeof value === "string") return value;
  if (value instanceof LatinBytes) return value.text;
  return value instanceof Uint8Array && value.length <= MAX_TEXT_BYTES ? decodeText(value) : undefined;
}

/** The elements of a tuple, list or set. */
export const itemsOf = (value: Value | undefined): readonly Value[] | undefined =>
  value instanceof PyTuple || value instanceof PyList ? value.items : undefined;

export const isBytes = (value: Value | undefined): value is Uint8Array | LatinBytes =>
  value instanceof Uint8Array || value instanceof LatinBytes;

export const lengthOf = (bytes: Uint8Array | LatinBytes): number =>
  bytes instanceof LatinBytes ? bytes.text.length : bytes.length;

export const encoded = (bytes: Uint8Array | LatinBytes): Uint8Array =>
  bytes instanceof LatinBytes
    ? Uint8Array.from({ length: bytes.text.length }, (_, i) => bytes.text.charCodeAt(i))
    : bytes;

/** As many axes as PyTorch and NumPy have. */
const MAX_RANK = 64;

/** Sizes or strides of a tensor, in a tuple. */
export function sizesOf(value: Value | undefined): readonly number[] | undefined {
  const items = itemsOf(value);
  return items && items.length <= MAX_RANK && items.every(isSize) ? items : undefined;
}

/** A size, an offset, a count. */
export const isSize = (value: Value | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
