/** @file Which images of a DICOM series the slices of a volume are. */

import { inputError } from "../../base/errors.ts";
import { pointOf } from "../geometry.ts";
import { type Vec3, dot, norm, subtract } from "../vec3.ts";
import type { Grid } from "../volume.ts";
import {
  type Placing,
  type Plane,
  describeGrid,
  describePlane,
  lastVoxel,
  placePlane,
  stridesOf,
} from "./plane.ts";
import type { SourceImage, SourceSeries } from "./source.ts";

const REMEDY = "a segmentation is of the series that its volume was read from, on the same grid";

/** A volume's voxels as the images that it was read from have them. */
export interface Matched {
  readonly rows: number;
  readonly columns: number;
  /** Images by slice, those of several times or echoes together; at least one each. */
  readonly slices: readonly (readonly SourceImage[])[];
  /** The voxel of pixel (row i, column j) of slice d is `start + d · slice + i · row + j · column`. */
  readonly start: number;
  readonly strides: { readonly slice: number; readonly row: number; readonly column: number };
}

/**
 * Finds the image of every slice by its position and orientation.
 *
 * @throws {@link AcsconvError} `input` if a slice of the volume is no image of the series
 */
export function matchImages(grid: Grid, { images, name }: SourceSeries): Matched {
  // All of a slice, not a part of it.
  const fits = (plane: Plane, placing: Placing): boolean => {
    const last = lastVoxel(placing, plane);
    return placing.steps.every((step) => {
      const along = step.findIndex((x) => x !== 0) as 0 | 1 | 2;
      const ends = [placing.first[along], last[along]];
      return Math.min(...ends) === 0 && Math.max(...ends) === grid.shape[along] - 1;
    });
  };
  const placed = images.flatMap((image) => {
    const placing = placePlane(grid, image);
    return placing && fits(image, placing) ? [{ image, placing }] : [];
  });
  const one = placed[0];
  if (!one) {
    const away = ({ position }: SourceImage): number => norm(subtract(position, grid.origin));
    const nearest = images.reduce((best, image) => (away(image) < away(best) ? image : best));
    throw inputError(
      `No image of ${name} lies in the volume: that has ${describeGrid(grid)}, but the nearest of ${images.length} images has ${describePlane(nearest)}; ${REMEDY}.`,
    );
  }
  const { axis, steps, first } = one.placing;
  const slices = Array.from({ length: grid.shape[axis] }, (): SourceImage[] => []);
  for (const { image, placing } of placed) {
    const isAlike =
      placing.axis === axis && placing.steps.every((step, i) => step.every((x, k) => x === steps[i]![k]));
    if (isAlike) slices[placing.first[axis]]?.push(image);
  }
  const missing = slices.findIndex((found) => found.length === 0);
  if (missing >= 0)
    throw inputError(
      `Slice ${missing + 1} of the volume's ${slices.length} is no image of ${name}: none lies within a tenth of a voxel of [${placeOf(grid, axis, missing).join(", ")}] mm; ${REMEDY}.`,
    );
  const strides = stridesOf(grid);
  return {
    rows: one.image.rows,
    columns: one.image.columns,
    slices,
    start: dot(strides, first) - first[axis] * strides[axis],
    strides: { slice: strides[axis], row: dot(strides, steps[0]), column: dot(strides, steps[1]) },
  };
}

const placeOf = (grid: Grid, axis: 0 | 1 | 2, index: number): readonly number[] =>
  pointOf(grid, [0, 1, 2].map((k) => (k === axis ? index : 0)) as unknown as Vec3).map((x) => +x.toFixed(3));
