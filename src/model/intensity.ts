/**
 * @file Intensities as a network expects them. Windowing and every normalisation is one clamped line,
 *
 *   y = (min(max(x, low), high) − offset) · scale
 *
 * so it is found once and applied to each window of the volume as it is read: a large scan is never copied whole.
 */

import { inputError } from "../base/errors.ts";
import { extremes, moments } from "../volume/intensity.ts";
import { type Volume, voxelCount } from "../volume/volume.ts";

/**
 * - `zscore`: mean 0 and standard deviation 1, each channel by itself
 * - `minmax`: the least value becomes 0, the largest 1
 * - `imagenet`: from 0…1 to the mean and deviation of ImageNet's red, green and blue, as torchvision's networks take it
 * - `none`: as it is
 */
export type Normalization = "zscore" | "minmax" | "imagenet" | "none";

/** @see https://pytorch.org/vision/0.14/models.html */
const IMAGENET_MEAN = [0.485, 0.456, 0.406] as const;
const IMAGENET_STD = [0.229, 0.224, 0.225] as const;

export interface Line {
  readonly low: number;
  readonly high: number;
  readonly offset: number;
  readonly scale: number;
}

/**
 * The line for each of the network's channels. A volume of one channel serves them all.
 *
 * @param window - intensities are clamped to this range first, which `minmax`, `imagenet` and `none` map to 0…1
 */
export function intensityLines(
  volume: Volume,
  channels: number,
  normalize: Normalization,
  window?: readonly [low: number, high: number],
): readonly Line[] {
  const [low, high] = window ?? [-Infinity, Infinity];
  if (!(low < high))
    throw inputError(`A window needs a lower and a higher intensity, not ${low} and ${high}.`);
  if (normalize === "imagenet" && channels !== 3)
    throw inputError(
      `Normalising as for ImageNet needs a network of 3 channels, and this one has ${channels}.`,
    );
  const own = Array.from({ length: volume.channels }, (_, c): Line => {
    if (normalize === "zscore") {
      const { mean, deviation } = moments(channelOf(volume, c), (x) => Math.min(Math.max(x, low), high));
      return { low, high, offset: mean, scale: 1 / deviation };
    }
    if (normalize === "none" && !window) return { low, high, offset: 0, scale: 1 };
    const [first, last] = window ?? extremes(channelOf(volume, c));
    return { low, high, offset: first, scale: 1 / (last - first || 1) };
  });
  return Array.from({ length: channels }, (_, c) => {
    const line = own[volume.channels === 1 ? 0 : c]!;
    if (normalize !== "imagenet") return line;
    // ((x − offset)·scale − mean) / std = (x − (offset + mean / scale)) · scale / std
    const [mean, std] = [IMAGENET_MEAN[c]!, IMAGENET_STD[c]!];
    return { ...line, offset: line.offset + mean / line.scale, scale: line.scale / std };
  });
}

/** Applies the line in place. */
export function applyLine(values: Float32Array, { low, high, offset, scale }: Line): void {
  for (let i = 0; i < values.length; i++)
    values[i] = (Math.min(Math.max(values[i]!, low), high) - offset) * scale;
}

const channelOf = (volume: Volume, c: number): Volume["data"] =>
  volume.data.subarray(c * voxelCount(volume), (c + 1) * voxelCount(volume));
