/**
 * @file Resampling: the values of a volume at the places of another grid.
 *
 * A voxel's value stands at its centre. Centres of the new grid that lie up to
 * half a voxel outside the outermost centres still lie within the field of view
 * and take the border's value; beyond it the result is `fill`. Linear means
 * trilinear without prior smoothing, as nnU-Net and MONAI do it: thin structures
 * may vanish when a volume is made much coarser.
 */

import { inputError } from "../base/errors.ts";
import { type IndexMap, gridWithSpacing, indexMap } from "./geometry.ts";
import type { Vec3 } from "./vec3.ts";
import { allocate } from "../base/memory.ts";
import { type Grid, type Volume, type Voxels, emptyLike, voxelCount, withData } from "./volume.ts";

/** `linear` for intensities and probabilities; `nearest` for labels: it never makes new values. */
export type Interpolation = "linear" | "nearest";

/**
 * The volume over the same field of view with another spacing; its shape is
 * rounded and stays centred on the old one.
 *
 * @param spacing - millimetres along D, H, W
 * @returns float32 for `linear`, the volume's own type for `nearest`
 * @throws {@link AcsconvError} `input` unless the spacing is positive
 */
export function resample(volume: Volume, spacing: Vec3, interpolation: Interpolation): Volume {
  if (!spacing.every((mm) => Number.isFinite(mm) && mm > 0))
    throw inputError(
      `Resampling needs a positive spacing in mm along D, H and W, not [${spacing.join(", ")}].`,
    );
  return resampleLike(volume, gridWithSpacing(volume, spacing), interpolation);
}

/**
 * The volume's values on another grid, for example a prediction's on that of the
 * scan. The grid may be any part of that scan's (`subgrid`), so that large
 * results can be made slab by slab.
 *
 * @returns float32 for `linear`, the volume's own type for `nearest`; `fill` outside the volume
 */
export function resampleLike(volume: Volume, grid: Grid, interpolation: Interpolation, fill = 0): Volume {
  const length = volume.channels * voxelCount(grid);
  const data =
    interpolation === "nearest"
      ? emptyLike(volume.data, length)
      : allocate(() => new Float32Array(length), 4 * length);
  const sample = interpolation === "nearest" ? nearest : linear;
  const map = indexMap(volume, grid);
  for (let c = 0; c < volume.channels; c++) {
    const from = volume.data.subarray(c * voxelCount(volume), (c + 1) * voxelCount(volume));
    const to = data.subarray(c * voxelCount(grid), (c + 1) * voxelCount(grid));
    sample(from, volume.shape, to, grid.shape, map, fill);
  }
  return withData(grid, data, volume.channels);
}

/** Half a voxel, and what rounding may add to it. */
const REACH = 0.5 + 1e-6;

/** Whether index `x` lies on an axis of `size` voxels. */
const within = (x: number, size: number): boolean => x >= -REACH && x <= size - 1 + REACH;

const clamp = (x: number, size: number): number => (x < 0 ? 0 : x > size - 1 ? size - 1 : x);

type Sampler = (
  from: Voxels,
  fromShape: Vec3,
  to: Voxels,
  toShape: Vec3,
  map: IndexMap,
  fill: number,
) => void;

const nearest: Sampler = (
  from,
  [D, H, W],
  to,
  [depth, height, width],
  { start, steps: [sd, sh, sw] },
  fill,
) => {
  // Ties round up, whatever rounding made of them.
  const round = (x: number, size: number): number => clamp(Math.floor(x + REACH), size);
  let at = 0;
  for (let d = 0; d < depth; d++) {
    for (let h = 0; h < height; h++) {
      const z = start[0] + d * sd[0] + h * sh[0];
      const y = start[1] + d * sd[1] + h * sh[1];
      const x = start[2] + d * sd[2] + h * sh[2];
      for (let w = 0; w < width; w++) {
        const pz = z + w * sw[0];
        const py = y + w * sw[1];
        const px = x + w * sw[2];
        to[at++] =
          within(pz, D) && within(py, H) && within(px, W)
            ? from[(round(pz, D) * H + round(py, H)) * W + round(px, W)]!
            : fill;
      }
    }
  }
};

const linear: Sampler = (
  from,
  [D, H, W],
  to,
  [depth, height, width],
  { start, steps: [sd, sh, sw] },
  fill,
) => {
  let at = 0;
  for (let d = 0; d < depth; d++) {
    for (let h = 0; h < height; h++) {
      const z = start[0] + d * sd[0] + h * sh[0];
      const y = start[1] + d * sd[1] + h * sh[1];
      const x = start[2] + d * sd[2] + h * sh[2];
      for (let w = 0; w < width; w++, at++) {
        const pz = z + w * sw[0];
        const py = y + w * sw[1];
        const px = x + w * sw[2];
        if (!(within(pz, D) && within(py, H) && within(px, W))) {
          to[at] = fill;
          continue;
        }
        const cz = clamp(pz, D);
        const cy = clamp(py, H);
        const cx = clamp(px, W);
        const z0 = Math.floor(cz);
        const y0 = Math.floor(cy);
        const x0 = Math.floor(cx);
        const fz = cz - z0;
        const fy = cy - y0;
        const fx = cx - x0;
        // A neighbour of weight 0 is not read: it may be outside, or NaN.
        const base = (z0 * H + y0) * W + x0;
        const dz = fz > 0 ? H * W : 0;
        const dy = fy > 0 ? W : 0;
        const dx = fx > 0 ? 1 : 0;
        const a = from[base]! * (1 - fx) + from[base + dx]! * fx;
        const b = from[base + dy]! * (1 - fx) + from[base + dy + dx]! * fx;
        const c = from[base + dz]! * (1 - fx) + from[base + dz + dx]! * fx;
        const e = from[base + dz + dy]! * (1 - fx) + from[base + dz + dy + dx]! * fx;
        const front = a * (1 - fy) + b * fy;
        const back = c * (1 - fy) + e * fy;
        to[at] = front * (1 - fz) + back * fz;
      }
    }
  }
};
