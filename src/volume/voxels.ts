/** @file From the numbers of a file to voxels: scaling, 64-bit types, interleaved components. */

import { formatError } from "../base/errors.ts";
import { allocate } from "../base/memory.ts";
import type { Voxels } from "./volume.ts";

/** Element arrays that files hold; wider than {@link Voxels}. */
export type FileNumbers =
  Voxels | Float64Array<ArrayBuffer> | BigInt64Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>;

/** Numbers as voxels: float64 is rounded to float32; 64-bit integers become int32. */
export function voxelsOf(numbers: FileNumbers, name: string): Voxels {
  if (numbers instanceof Float64Array) return allocate(() => Float32Array.from(numbers), 4 * numbers.length);
  if (!(numbers instanceof BigInt64Array || numbers instanceof BigUint64Array)) return numbers;
  const result = allocate(() => new Int32Array(numbers.length), 4 * numbers.length);
  for (let i = 0; i < numbers.length; i++) {
    result[i] = Number(numbers[i]);
    if (BigInt(result[i]!) !== numbers[i])
      throw formatError(
        `"${name}" holds the 64-bit integer ${numbers[i]}, too large for a voxel: save it as float32.`,
        { code: "E_UNSUPPORTED" },
      );
  }
  return result;
}

/** value · slope + inter, as float32. */
export function rescale(numbers: FileNumbers, slope: number, inter: number): Voxels {
  const result = allocate(() => new Float32Array(numbers.length), 4 * numbers.length);
  for (let i = 0; i < numbers.length; i++) result[i] = Number(numbers[i]) * slope + inter;
  return result;
}

/** [voxels, components] → [components, voxels]: RGB and vector images store components side by side. */
export function separate<T extends FileNumbers>(numbers: T, components: number): T {
  if (components === 1) return numbers;
  const result = numbers.slice() as T;
  const voxels = numbers.length / components;
  for (let c = 0; c < components; c++)
    for (let i = 0; i < voxels; i++) result[c * voxels + i] = numbers[i * components + c]!;
  return result;
}
