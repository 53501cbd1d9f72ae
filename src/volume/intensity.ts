/** @file Intensities of voxels: windowed to [0, 1], standardised, and counted where they are not finite. */

import { inputError } from "../base/errors.ts";
import { allocate } from "../base/memory.ts";
import { type Volume, type Voxels, voxelCount, withData } from "./volume.ts";

/**
 *   y = min(max((x − lo) / (hi − lo), 0), 1)         NaN stays NaN
 *
 * @param lo - the intensity that becomes 0
 * @param hi - the intensity that becomes 1
 * @throws {@link AcsconvError} `input` unless lo < hi
 */
export function window(volume: Volume, lo: number, hi: number): Volume {
  if (!(Number.isFinite(lo) && Number.isFinite(hi) && lo < hi))
    throw inputError(`A window needs a lower and a higher intensity, not ${lo} and ${hi}.`);
  const { data } = volume;
  const result = allocate(() => new Float32Array(data.length), 4 * data.length);
  for (let i = 0; i < data.length; i++) result[i] = Math.min(Math.max((data[i]! - lo) / (hi - lo), 0), 1);
  return withData(volume, result, volume.channels);
}

/** How to standardise. */
export interface ZScoreOptions {
  /** Take mean and deviation over the voxels that are not 0, and leave those that are: background of MR. */
  readonly nonzero?: boolean;
}

/**
 *   y = (x − mean) / deviation
 *
 * with the population's deviation, as NumPy. Voxels that are not finite do not
 * count, and stay; a constant channel becomes 0.
 */
export function zscore(volume: Volume, { nonzero = false }: ZScoreOptions = {}): Volume {
  const { data, channels } = volume;
  const result = allocate(() => new Float32Array(data.length), 4 * data.length);
  for (let c = 0; c < channels; c++) {
    const start = c * voxelCount(volume);
    const end = start + voxelCount(volume);
    const counts = (x: number): boolean => Number.isFinite(x) && !(nonzero && x === 0);
    const { mean, deviation } = moments(data.subarray(start, end), (x) => (counts(x) ? x : undefined));
    for (let i = start; i < end; i++) {
      const x = data[i]!;
      result[i] = nonzero && x === 0 ? 0 : (x - mean) / deviation;
    }
  }
  return withData(volume, result, channels);
}

/**
 * The mean and the population's deviation (1 where it would be 0) of what `read`
 * makes of the values; those it makes undefined do not count.
 *
 * In two passes: the difference of large squares would lose the deviation of
 * Hounsfield units.
 */
export function moments(
  values: Voxels,
  read: (value: number) => number | undefined,
): { mean: number; deviation: number } {
  let count = 0;
  let sum = 0;
  for (const value of values) {
    const x = read(value);
    if (x === undefined) continue;
    count++;
    sum += x;
  }
  const mean = count > 0 ? sum / count : 0;
  let squares = 0;
  for (const value of values) {
    const x = read(value);
    if (x !== undefined) squares += (x - mean) ** 2;
  }
  return { mean, deviation: Math.sqrt(squares / (count || 1)) || 1 };
}

/** How many voxels are NaN or infinite. */
export function countNonFinite({ data }: Volume): number {
  if (!(data instanceof Float32Array)) return 0;
  let count = 0;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) count++;
  return count;
}

/** The least and the largest value. */
export function extremes(values: Iterable<number>): readonly [least: number, largest: number] {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  return [least, largest];
}
