/**
 * @file Augmentation: random changes of examples that should not change what
 * a network says of them. Voxels of image and target move together.
 *
 * Crop, rot90 and flip are those with which the ACS paper trained on LIDC
 * (Yang et al., https://arxiv.org/abs/1911.10477); the others are common practice.
 */

import { inputError } from "../base/errors.ts";
import { between, integer, normal } from "../base/random.ts";
import { boxOf } from "../volume/crop.ts";
import { pointOf } from "../volume/geometry.ts";
import { extremes } from "../volume/intensity.ts";
import { reorient } from "../volume/reorient.ts";
import { resampleLike } from "../volume/resample.ts";
import { map3 } from "../volume/vec3.ts";
import { type Grid, plainGrid } from "../volume/volume.ts";
import type { Example } from "../model/dataset.ts";
import { type Transform, axesOf, moveVoxels, shapeOf } from "./transform.ts";

/** Numbers are drawn evenly between the two. */
export type Range = readonly [low: number, high: number];

/**
 * A crop around the middle, moved by up to `jitter` voxels along each axis:
 *
 *   centre = ⌊n / 2⌋ + U{−jitter … jitter},   start = centre − ⌊size / 2⌋
 *
 * What lies outside is 0 (background). Without jitter it is the crop for evaluation.
 *
 * @param size - voxels along each axis, [D, H, W] or [H, W]
 */
export const randomCentreCrop =
  (size: readonly number[], jitter = 5): Transform =>
  (example, random) => {
    const shape = shapeOf(example);
    const axes = axesOf(example);
    if (size.length !== axes.length)
      throw inputError(
        `A crop of [${size.join(", ")}] voxels does not fit example "${example.name}", [${example.image.dims.join(", ")}].`,
      );
    const cropped: [number, number, number] = [1, ...size].slice(-3) as [number, number, number];
    const start = map3(shape, (n, axis) =>
      axes.includes(axis)
        ? Math.floor(n / 2) + integer(random, -jitter, jitter) - Math.floor(cropped[axis] / 2)
        : 0,
    );
    return moveVoxels(example, (volume) => boxOf(volume, start, cropped));
  };

/**
 * Quarter turns in each plane, none to three of them, one plane after the other: (D, H), (D, W), (H, W). Sizes stay: in
 * a plane whose two sizes differ only half turns are drawn, because examples of a batch have to be of one size.
 */
export const randomRot90: Transform = (example, random) => {
  const shape = shapeOf(example);
  let pose = UPRIGHT;
  for (const [a, b] of PLANES) {
    if (!axesOf(example).includes(a)) continue;
    const turns = shape[a] === shape[b] ? integer(random, 0, 3) : 2 * integer(random, 0, 1);
    for (let i = 0; i < turns; i++) pose = quarterTurn(pose, a, b);
  }
  return posed(example, pose);
};

/** Mirrors along one axis or none, each as probable. */
export const randomFlip: Transform = (example, random) => {
  const axes = axesOf(example);
  const axis = axes[integer(random, -1, axes.length - 1)];
  return axis === undefined ? example : posed(example, mirrored(UPRIGHT, axis));
};

/**
 * Larger or smaller by a random factor, about the centre; the size in voxels stays. The image is
 * interpolated linearly, classes are those of the nearest voxel; what lies outside is 0 (background).
 */
export const randomScale =
  (factors: Range): Transform =>
  (example, random) => {
    const shape = shapeOf(example);
    const step = 1 / between(random, ...factors);
    const plain = plainGrid(shape);
    const grid: Grid = {
      ...plain,
      spacing: [step, step, step],
      origin: pointOf(
        plain,
        map3(shape, (n) => ((n - 1) / 2) * (1 - step)),
      ),
    };
    return moveVoxels(example, (volume, isLabel) =>
      resampleLike(volume, grid, isLabel ? "nearest" : "linear"),
    );
  };

/** How intensities change. */
export interface Jitter {
  /** A factor. */
  readonly gain?: Range;
  /** What is added, in units of the normalised image. */
  readonly offset?: Range;
  /** An exponent: below 1 lightens what lies between the least and the largest value. */
  readonly gamma?: Range;
}

/**
 * Other intensities, the same for all channels; least and largest are those of each channel:
 *
 *   t = (x − least) / (largest − least)
 *   y = gain · (least + (largest − least) · t^gamma) + offset
 */
export const randomIntensity =
  ({ gain = [1, 1], offset = [0, 0], gamma = [1, 1] }: Jitter): Transform =>
  (example, random) => {
    const factor = between(random, ...gain);
    const shift = between(random, ...offset);
    const exponent = between(random, ...gamma);
    return withImage(example, (values) => {
      const [least, largest] = extremes(values);
      const range = largest - least || 1;
      for (let i = 0; i < values.length; i++) {
        const x = values[i]!;
        const bent = exponent === 1 ? x : least + range * ((x - least) / range) ** exponent;
        values[i] = factor * bent + shift;
      }
    });
  };

/** Adds noise of mean 0 to every voxel of every channel, of a random deviation (in units of the normalised image). */
export const randomNoise =
  (deviations: Range): Transform =>
  (example, random) => {
    const deviation = between(random, ...deviations);
    const draw = normal(random);
    return withImage(example, (values) => {
      for (let i = 0; i < values.length; i++) values[i] = values[i]! + deviation * draw();
    });
  };

/** A copy whose image is changed in place, channel by channel. */
function withImage(example: Example, change: (channel: Float32Array) => void): Example {
  const { image } = example;
  const data = image.data.slice();
  const length = data.length / image.dims[0]!;
  for (let start = 0; start < data.length; start += length) change(data.subarray(start, start + length));
  return { ...example, image: { ...image, data } };
}

/** Where the axes D, H, W of an array point, as letters of {@link reorient}. */
type Pose = readonly [string, string, string];

/** The pose of {@link plainGrid}. */
const UPRIGHT: Pose = ["S", "P", "L"];
const OPPOSITE: Readonly<Record<string, string>> = { S: "I", I: "S", P: "A", A: "P", L: "R", R: "L" };

const PLANES = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const;

const mirrored = (pose: Pose, axis: 0 | 1 | 2): Pose =>
  map3(pose, (letter, i) => (i === axis ? OPPOSITE[letter]! : letter));

/** From the first axis towards the second, as NumPy's `rot90(array, 1, (a, b))`. */
const quarterTurn = (pose: Pose, a: 0 | 1 | 2, b: 0 | 1 | 2): Pose =>
  map3(pose, (letter, i) => (i === a ? OPPOSITE[pose[b]]! : i === b ? pose[a] : letter));

function posed(example: Example, pose: Pose): Example {
  const code = [...pose].reverse().join("");
  return moveVoxels(example, (volume) => reorient(volume, code));
}
