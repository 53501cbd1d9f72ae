/** @file Counting voxels that are NaN or infinite, so that a caller can warn before they spread through a network. */

import type { Volume } from "./volume.ts";

/** How many voxels are NaN or infinite. */
export function countNonFinite({ data }: Volume): number {
  if (!(data instanceof Float32Array)) return 0;
  let count = 0;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) count++;
  return count;
}
