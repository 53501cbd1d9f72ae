/**
 * @file Constant tensors: an element type, sizes, and the little-endian bytes
 * exactly as they stand in the file, so that a 250 MB model is read and written
 * without being copied or rounded.
 */

import { Float16Array } from "@petamoriken/float16";
import { type ArrayType, type DType, DTYPES, elementType } from "../base/dtypes.ts";
import { AcsconvError } from "../base/errors.ts";

export { type DType, DTYPES, dtypeFromOnnx } from "../base/dtypes.ts";

/** A constant tensor: a weight, or a setting. */
export interface Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  /** Elements in row-major order, little-endian; sub-byte types packed, low bits first. Empty for strings. */
  readonly bytes: Uint8Array;
  /** The elements of a `string` tensor, as UTF-8. */
  readonly strings?: readonly Uint8Array[];
}

/** Elements as JavaScript numbers (float16 and bfloat16 widened, int64 as double). */
export type Numbers =
  Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

/** How many elements a tensor of these sizes has. */
export const elementCount = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** Bytes that `dims` elements of `dtype` take. */
export const byteLength = (dtype: DType, dims: readonly number[]): number =>
  Math.ceil((elementCount(dims) * DTYPES[dtype].bits) / 8);

/** The bytes of an array, in place. */
export const bytesOf = <B extends ArrayBufferLike>({
  buffer,
  byteOffset,
  byteLength,
}: ArrayBufferView<B>): Uint8Array<B> => new Uint8Array(buffer, byteOffset, byteLength);

/** Typed-array view of a tensor's bytes, copied only if they are not aligned. */
function view<T>(
  type: { new (buffer: ArrayBufferLike, offset: number, length: number): T; BYTES_PER_ELEMENT: number },
  bytes: Uint8Array,
): T {
  const { buffer, byteOffset, byteLength } =
    bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new type(buffer, byteOffset, Math.floor(byteLength / type.BYTES_PER_ELEMENT));
}

/** Every float16 by its bits: looking one up takes a hundredth of the time of converting it. */
let widened: Float32Array | undefined;

/**
 * The elements as numbers. float16/bfloat16 become a Float32Array and
 * int64/uint64 a Float64Array (exact to 2^53); other types are viewed in place.
 *
 * @throws {@link AcsconvError} for types without a number (strings, complex, 8-bit floats and smaller)
 */
export function numbersOf(tensor: Tensor): Numbers {
  const { dtype, bytes } = tensor;
  switch (dtype) {
    case "int64":
      return Float64Array.from(view(BigInt64Array, bytes), Number);
    case "uint64":
      return Float64Array.from(view(BigUint64Array, bytes), Number);
    case "float16": {
      const halves = view(Uint16Array, bytes);
      const wide = new Float32Array(halves.length);
      widened ??= Float32Array.from(
        new Float16Array(Uint16Array.from({ length: 2 ** 16 }, (_, i) => i).buffer),
      );
      for (let i = 0; i < halves.length; i++) wide[i] = widened[halves[i]!]!;
      return wide;
    }
    case "bfloat16": {
      const halves = view(Uint16Array, bytes);
      const wide = new Uint32Array(halves.length);
      for (let i = 0; i < halves.length; i++) wide[i] = halves[i]! << 16;
      return new Float32Array(wide.buffer);
    }
    default:
      return view(plainArray(dtype, `Cannot compute with a tensor of ${dtype} elements.`), bytes);
  }
}

/** The inverse of {@link numbersOf}: numbers, rounded to `dtype`. */
export function tensorOf(dtype: DType, dims: readonly number[], values: ArrayLike<number>): Tensor {
  return { dtype, dims, bytes: bytesOf(encode(dtype, values)) };
}

function encode(dtype: DType, values: ArrayLike<number>): ArrayBufferView {
  switch (dtype) {
    case "float32":
      return values instanceof Float32Array ? values : Float32Array.from(values);
    case "bool":
      return Uint8Array.from(values, (value) => (value ? 1 : 0));
    case "int64":
      return BigInt64Array.from(Array.from(values, toInt64));
    case "uint64":
      return BigUint64Array.from(Array.from(values, (value) => BigInt(Math.trunc(value))));
    case "float16":
      return new Uint16Array(Float16Array.from(values).buffer);
    case "bfloat16":
      return Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), roundToBfloat16);
    default:
      return plainArray(dtype, `Cannot make a tensor of ${dtype} elements from numbers.`).from(values);
  }
}

interface PlainArray {
  new (buffer: ArrayBufferLike, offset: number, length: number): Numbers;
  from(values: ArrayLike<number>): Numbers;
  readonly BYTES_PER_ELEMENT: number;
}

/** The array of a type whose elements are numbers as they stand there. */
function plainArray(dtype: DType, refusal: string): PlainArray {
  const { array } = elementType(dtype);
  if (array && isPlain(array)) return array;
  throw new AcsconvError("graph", refusal, { code: "E_UNSUPPORTED" });
}

const isPlain = (
  array: ArrayType,
): array is Exclude<ArrayType, typeof BigInt64Array | typeof BigUint64Array> =>
  array !== BigInt64Array && array !== BigUint64Array;

/** Round to nearest, ties to even, on the bits of a float32. */
const roundToBfloat16 = (bits: number): number => (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;

const INT64_MAX = 2n ** 63n - 1n;
/** ONNX writes "to the end" as INT64_MAX, which a double can only name as 2^63: saturate. */
export function toInt64(value: number): bigint {
  if (value >= 2 ** 63) return INT64_MAX;
  if (value <= -(2 ** 63)) return -(2n ** 63n);
  return BigInt(Math.trunc(value));
}

/** A float32 tensor. */
export const floatTensor = (dims: readonly number[], values: ArrayLike<number>): Tensor =>
  tensorOf("float32", dims, values);

/** A 1-D int64 tensor: how ONNX passes axes, shapes, pads and sizes. */
export const int64Tensor = (values: readonly number[], dims: readonly number[] = [values.length]): Tensor =>
  tensorOf("int64", dims, values);
