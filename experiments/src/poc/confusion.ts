/** @file Which class was taken for which, as counts that overlap is a ratio of. */

import { type Metric, confusionMatrix } from "acsconv/metrics";

/** Counts `confusion.T as P`, by the numbers of the classes. */
export const confusion = (classes: number): Metric =>
  confusionMatrix({ classes: Array.from({ length: classes }, (_, label) => String(label)) });

/** True positives of a class, and how many voxels are predicted and truly of it. */
export function countsOf(
  matrix: Metric,
  label: number,
): { readonly both: number; readonly predicted: number; readonly truth: number } {
  const counts = Object.entries(matrix.value());
  const total = (pattern: RegExp): number =>
    counts.reduce((sum, [name, count]) => (pattern.test(name) ? sum + count : sum), 0);
  return {
    both: total(new RegExp(`\\.${label} as ${label}$`)),
    predicted: total(new RegExp(` as ${label}$`)),
    truth: total(new RegExp(`\\.${label} as `)),
  };
}
