/**
 * @file Tensors as they go into a session and come out of one: an element
 * type, sizes, and the elements in row-major order.
 *
 * @see graph/tensor.ts for the constants inside a model, which keep the file's bytes.
 */

import { type DType, DTYPES } from "../base/dtypes.ts";

/**
 * The array that holds each element type. `float16` holds bits (not every
 * JavaScript engine has a Float16Array), `bool` one byte per element.
 */
export interface RunArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
  string: string[];
}

/** The element types that can cross into ONNX Runtime from JavaScript. */
export type RunDType = keyof RunArrays & DType;

/** A tensor to feed or one that was computed. `RunTensor<"float32">` narrows `data` to a Float32Array. */
export type RunTensor<T extends RunDType = RunDType> = {
  [K in T]: { readonly dtype: K; readonly dims: readonly number[]; readonly data: RunArrays[K] };
}[T];

/** Tensors by the name of the model's input or output. */
export type RunTensors = Readonly<Record<string, RunTensor>>;

/** Voxels along `[D, H, W]`. */
export type Size3 = readonly [number, number, number];

/** Whether a type that ONNX Runtime names is one we can hold. */
export const isRunDType = (name: string): name is RunDType =>
  name === "string" || (Object.hasOwn(DTYPES, name) && "array" in DTYPES[name as DType]);

/** The kind of array that holds elements of `dtype`. */
export const arrayTypeOf = (dtype: RunDType) => (dtype === "string" ? Array : DTYPES[dtype].array);
