/** @file Cropping and padding: other voxels of the same lattice. */

import { inputError } from "../base/errors.ts";
import { subgrid } from "./geometry.ts";
import { type Vec3, map3 } from "./vec3.ts";
import { type Volume, type Voxels, emptyLike, voxelCount, withData } from "./volume.ts";

/**
 * The box of `shape` voxels that starts at index `start`.
 *
 * @throws {@link AcsconvError} `input` if the box reaches outside the volume
 */
export function cropTo(volume: Volume, start: Vec3, shape: Vec3): Volume {
  const fits = shape.every(
    (size, i) =>
      Number.isInteger(size) &&
      Number.isInteger(start[i]) &&
      size > 0 &&
      start[i]! >= 0 &&
      start[i]! + size <= volume.shape[i]!,
  );
  if (!fits)
    throw inputError(
      `A crop of [${shape.join(", ")}] voxels at [${start.join(", ")}] must lie within the volume's [${volume.shape.join(", ")}].`,
    );
  return boxOf(volume, start, shape);
}

/**
 * The volume in the middle of at least `shape` voxels of value `fill`; an axis
 * that is large enough already stays. An odd voxel goes to the end.
 */
export function padTo(volume: Volume, shape: Vec3, fill = 0): Volume {
  const padded = map3(volume.shape, (size, i) => Math.max(size, shape[i]));
  const start = map3(volume.shape, (size, i) => -Math.floor((padded[i] - size) / 2) + 0);
  return boxOf(volume, start, padded, fill);
}

/** The voxels from `start` on (negative: outside), `fill` where there are none. */
export function boxOf(volume: Volume, start: Vec3, shape: Vec3, fill = 0): Volume {
  const { channels, data } = volume;
  const [depth, height, width] = shape;
  const [D, H, W] = volume.shape;
  const result: Voxels = emptyLike(data, channels * depth * height * width);
  if (fill !== 0) result.fill(fill);
  const from = Math.max(start[2], 0);
  const to = Math.min(start[2] + width, W);
  for (let c = 0; c < channels; c++) {
    for (let d = Math.max(0, -start[0]); d < Math.min(depth, D - start[0]); d++) {
      for (let h = Math.max(0, -start[1]); h < Math.min(height, H - start[1]); h++) {
        const row = c * voxelCount(volume) + ((d + start[0]) * H + h + start[1]) * W;
        const at = ((c * depth + d) * height + h) * width + from - start[2];
        result.set(data.subarray(row + from, row + to), at);
      }
    }
  }
  return withData(subgrid(volume, start, shape), result, channels);
}
