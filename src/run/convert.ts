/**
 * @file Between our own tensors, float32 with channels first, and those that networks take and give: any numeric type,
 * and channels on any axis.
 */

import { inputError } from "../base/errors.ts";
import { elementCount, numbersOf, tensorOf } from "../graph/tensor.ts";
import { arrayTypeOf, type RunDType, type RunTensor } from "./tensor.ts";

/** Least and largest number of the integer types. */
export const LIMITS: Partial<Record<RunDType, readonly [least: number, largest: number]>> = {
  bool: [0, 1],
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 53), 2 ** 53],
  uint64: [0, 2 ** 53],
};

/** Numbers in the type that an input takes; for integers they are rounded, and held within its limits. */
export function castTensor({ dims, data }: RunTensor<"float32">, dtype: RunDType): RunTensor {
  if (dtype === "float32") return { dtype, dims, data };
  const [least, largest] = LIMITS[dtype] ?? [];
  const values =
    least === undefined
      ? data
      : Float64Array.from(data, (x) => Math.min(Math.max(Math.round(x), least), largest!));
  const { bytes } = tensorOf(dtype, dims, values);
  const make = arrayTypeOf(dtype) as Uint8ArrayConstructor;
  return { dtype, dims, data: new make(bytes.buffer, bytes.byteOffset, elementCount(dims)) } as RunTensor;
}

/** The numbers of an output of any type; float32 is handed on as it is. */
export function floatsOf({ dtype, dims, data }: RunTensor): Float32Array {
  if (data instanceof Float32Array) return data;
  if (!ArrayBuffer.isView(data))
    throw inputError(`Expected numbers as the network's output, found ${dtype}.`);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Float32Array.from(numbersOf({ dtype, dims, bytes }));
}

/**
 * Moves an axis to another place, as elements lie in memory.
 *
 * @example moveAxis({ dims: [2, 5, 6, 7, 3], data }, 4, 1) has dims [2, 3, 5, 6, 7]
 */
export function moveAxis(
  { dims, data }: { readonly dims: readonly number[]; readonly data: Float32Array },
  from: number,
  to: number,
): { dims: number[]; data: Float32Array } {
  const moved = dims.toSpliced(from, 1).toSpliced(to, 0, dims[from]!);
  if (from === to || dims[from] === 1) return { dims: moved, data };
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  const span = dims.slice(low, high + 1);
  // Seen from `low` on there are three axes, of which the first two or the last two are exchanged.
  const [first, second] =
    from > to ? [elementCount(span.slice(0, -1)), dims[from]!] : [dims[from]!, elementCount(span.slice(1))];
  const inner = elementCount(dims.slice(high + 1));
  const block = first * second * inner;
  const result = new Float32Array(data.length);
  for (let start = 0; start < data.length; start += block) {
    for (let i = 0; i < first; i++) {
      for (let j = 0; j < second; j++) {
        const source = start + (i * second + j) * inner;
        const target = start + (j * first + i) * inner;
        if (inner === 1) result[target] = data[source]!;
        else result.set(data.subarray(source, source + inner), target);
      }
    }
  }
  return { dims: moved, data: result };
}
