/** @file Mean and deviation of intensities. */

import type { Voxels } from "./volume.ts";

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

/** The least and the largest value. */
export function extremes(values: Iterable<number>): readonly [least: number, largest: number] {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  return [least, largest];
}
