/** @file Standardising: zero mean and unit variance, each channel by itself. */

import { moments } from "./moments.ts";
import { type Volume, allocate, voxelCount, withData } from "./volume.ts";

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
