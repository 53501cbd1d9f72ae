/** @file Small things done to volumes, beyond what acsconv/volume has. */

import { cropTo, orientationOf, withData } from "acsconv/volume";

/** @import { Vec3, Volume } from "acsconv/volume" */

/**
 * The smallest box round all voxels above a threshold.
 *
 * @param {Volume} volume
 * @param {number} threshold
 */
export function cropToBrighter(volume, threshold) {
  const [D, H, W] = volume.shape;
  const least = [D, H, W];
  const most = [0, 0, 0];
  for (let d = 0, i = 0; d < D; d++) {
    for (let h = 0; h < H; h++) {
      for (let w = 0; w < W; w++, i++) {
        if (volume.data[i] <= threshold) continue;
        [d, h, w].forEach((at, axis) => {
          least[axis] = Math.min(least[axis], at);
          most[axis] = Math.max(most[axis], at);
        });
      }
    }
  }
  const start = map3(volume.shape, (_, axis) => least[axis]);
  return cropTo(
    volume,
    start,
    map3(start, (from, axis) => most[axis] - from + 1),
  );
}

/**
 * Some of a volume's channels.
 *
 * @param {Volume} volume
 * @param {readonly number[]} channels
 */
export function pick(volume, channels) {
  const size = volume.data.length / volume.channels;
  const data = new Float32Array(channels.length * size);
  channels.forEach((c, i) => data.set(volume.data.subarray(c * size, (c + 1) * size), i * size));
  return withData(volume, data, channels.length);
}

/** @param {Volume} volume */
export function describe(volume) {
  const spacing = volume.spacing.map((mm) => +mm.toFixed(2));
  return `${volume.shape.join(" × ")} voxels of ${spacing.join(" × ")} mm, axes to ${orientationOf(volume)}`;
}

/**
 * @param {Vec3} values
 * @param {(value: number, axis: 0 | 1 | 2) => number} f
 * @returns {Vec3}
 */
export const map3 = ([d, h, w], f) => [f(d, 0), f(h, 1), f(w, 2)];
