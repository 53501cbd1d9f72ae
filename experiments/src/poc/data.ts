/**
 * @file The data sets of the proof of concept. Nothing is stored: each example
 * follows from the seed, the set and its number.
 */

import { type Dataset, seedFor, uniform } from "acsconv/data";
import { CANVAS, type Rotation, type Sample, image2d, volume3d } from "./shapes.ts";

/** Training and test examples are different streams of one seed. */
export type Part = "train" | "test";

/** Which examples. */
export interface ShapesOptions {
  readonly part: Part;
  readonly seed: number;
}

/** The sample of a number. */
export type Samples = (index: number) => Sample;

/** Images [48, 48] of squares and circles. */
export const samples2d =
  ({ part, seed }: ShapesOptions): Samples =>
  (index) =>
    image2d(uniform(seedFor(seed, `2d:${part}:${index}`)));

/** Volumes [48, 48, 48] of cones, pyramids, cubes, cylinders and balls. */
export const samples3d =
  ({ part, seed, rotate }: ShapesOptions & { readonly rotate: Rotation }): Samples =>
  (index) =>
    volume3d(uniform(seedFor(seed, `3d:${part}:${index}`)), rotate);

/** Samples as a trainer reads them: images [1, …] and a class per element. */
export function datasetOf(samples: Samples, length: number, dimensions: 2 | 3): Dataset {
  const dims = Array.from({ length: dimensions }, () => CANVAS);
  return {
    length,
    get(index) {
      const { image, labels } = samples(index);
      return {
        name: `shape_${index}`,
        image: { dtype: "float32", dims: [1, ...dims], data: image },
        target: { dtype: "uint8", dims, data: labels },
      };
    },
  };
}
