/** @file Changing examples as they are read: transforms, put together, over a data set. */

import { inputError } from "../base/errors.ts";
import { type Vec3 } from "../volume/vec3.ts";
import { type Volume, plainGrid, withData } from "../volume/volume.ts";
import type { Dataset, Example, Random } from "../model/dataset.ts";

/** Makes another example of one. All chance comes from `random`. */
export type Transform = (example: Example, random: Random) => Example;

/** One transform after the other. */
export const inTurn =
  (...transforms: readonly Transform[]): Transform =>
  (example, random) =>
    transforms.reduce((changed, transform) => transform(changed, random), example);

/** Applies a transform to a share of the examples. */
export const sometimes =
  (share: number, transform: Transform): Transform =>
  (example, random) =>
    random() < share ? transform(example, random) : example;

/** A data set whose examples are changed as they are read. */
export const mapDataset = (dataset: Dataset, transform: Transform): Dataset => ({
  length: dataset.length,
  get: async (index, random) => transform(await dataset.get(index, random), random),
});

/** The axes of a {@link Volume} on which an example lies; a 2D one has no depth. */
export const axesOf = ({ image }: Example): readonly (0 | 1 | 2)[] =>
  image.dims.length === 3 ? [1, 2] : [0, 1, 2];

/** Voxels [D, H, W]; 1 for the depth of a 2D example. */
export function shapeOf({ name, image }: Example): Vec3 {
  const [, ...spatial] = image.dims;
  if (spatial.length === 3) return spatial as unknown as Vec3;
  if (spatial.length === 2) return [1, ...spatial] as unknown as Vec3;
  throw inputError(`Example "${name}" should be [C, D, H, W] or [C, H, W], not [${image.dims.join(", ")}].`);
}

/**
 * Moves the voxels of image and target alike. A target that has no voxels (a class, a number) stays.
 *
 * @param move - gets image, or target, as a volume on a plain grid; labels are to be kept, not interpolated
 */
export function moveVoxels(example: Example, move: (volume: Volume, isLabel: boolean) => Volume): Example {
  const { name, image, target } = example;
  const shape = shapeOf(example);
  const rank = image.dims.length - 1;
  const moved = <T extends Example["image" | "target"]>(tensor: T, isLabel: boolean): T => {
    const channels = tensor.dims.slice(0, -rank);
    const count = channels.reduce((product, n) => product * n, 1);
    const result = move(withData(plainGrid(shape), tensor.data as Volume["data"], count), isLabel);
    return { ...tensor, dims: [...channels, ...result.shape.slice(3 - rank)], data: result.data };
  };
  const changed = moved(image, false);
  if (target.dims.length < rank) return { name, image: changed, target };
  const voxels = target.dims.slice(-rank);
  if (voxels.some((n, i) => n !== image.dims[i + 1]))
    throw inputError(
      `Example "${name}" has an image of [${image.dims.slice(1).join(", ")}] voxels and a target of [${voxels.join(", ")}]: both must be moved alike.`,
    );
  return { name, image: changed, target: moved(target, target.dtype === "uint8") };
}
