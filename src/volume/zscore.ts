/** @file Standardising: zero mean and unit variance, each channel by itself. */

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
    let count = 0;
    let sum = 0;
    for (let i = start; i < end; i++) {
      if (!counts(data[i]!)) continue;
      count++;
      sum += data[i]!;
    }
    const mean = count > 0 ? sum / count : 0;
    // A second pass: the difference of large squares would lose the deviation of HU-like values.
    let squares = 0;
    for (let i = start; i < end; i++) if (counts(data[i]!)) squares += (data[i]! - mean) ** 2;
    const deviation = count > 0 && squares > 0 ? Math.sqrt(squares / count) : 1;
    for (let i = start; i < end; i++) {
      const x = data[i]!;
      result[i] = nonzero && x === 0 ? 0 : (x - mean) / deviation;
    }
  }
  return withData(volume, result, channels);
}
