/**
 * @file A scan in the form that a network was trained on. Prediction and
 * training share this, so that a network sees in use what it saw in training.
 *
 *   turn → resample → intensities
 *
 * Intensities are measured on the whole scan before it is resampled.
 */

import { inputError } from "../base/errors.ts";
import { cropTo } from "../volume/crop.ts";
import { countNonFinite } from "../volume/intensity.ts";
import { gridWithSpacing, sameGrid, subgrid } from "../volume/geometry.ts";
import { reorient } from "../volume/reorient.ts";
import { resampleLike } from "../volume/resample.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { type Grid, type Volume, checkVolume, voxelCount, withData } from "../volume/volume.ts";
import { type Line, type Normalization, applyLine, intensityLines } from "./intensity.ts";

/** What a network expects of a scan. Training and prediction must agree on it. */
export interface Preparation {
  /** Millimetres along D, H, W at which the network works; by default the scan's own. */
  readonly spacing?: Vec3;
  /** How the scan is turned for the network, such as `LPS` (axial slices, as radiologists look at them); by default not. */
  readonly orientation?: string;
  /** Intensities are clamped to this range; unless normalised otherwise, it becomes 0…1. */
  readonly window?: readonly [low: number, high: number];
  /** By default `zscore`, or `none` where a window is given. */
  readonly normalize?: Normalization;
}

/** A scan, turned; and what is still to be done to its voxels as they are read. */
export interface PreparedScan {
  /** As it was read, but for its orientation; every voxel is a number. */
  readonly scan: Volume;
  /** The grid on which the network works. */
  readonly grid: Grid;
  /** The intensities of each of the network's channels. */
  readonly lines: readonly Line[];
}

export const normalizationOf = ({ normalize, window }: Preparation): Normalization =>
  normalize ?? (window ? "none" : "zscore");

/** @param channels - those of the network; a volume of one channel serves them all */
export function prepareScan(
  volume: Volume,
  channels: number,
  preparation: Preparation,
  onWarning?: (sentence: string) => void,
): PreparedScan {
  const { spacing, orientation, window } = preparation;
  checkVolume(volume);
  const finite = withoutNonFinite(volume, onWarning);
  const scan = orientation ? reorient(finite, orientation) : finite;
  return {
    scan,
    grid: spacing ? checkedGrid(scan, spacing) : scan,
    lines: intensityLines(scan, channels, normalizationOf(preparation), window),
  };
}

/**
 * Reading a box of what the network sees: from the scan itself, or from its
 * interpolation where the network works on another grid.
 *
 * @returns copies the box of `size` at `origin` into `into` `[lines.length, ...size]`; it must lie within the grid
 */
export function boxReader({ scan, grid, lines }: PreparedScan) {
  const isSame = sameGrid(grid, scan);
  return (origin: Vec3, size: Vec3, into: Float32Array): void => {
    const { data } = isSame
      ? cropTo(scan, origin, size)
      : resampleLike(scan, subgrid(grid, origin, size), "linear");
    const length = size[0] * size[1] * size[2];
    lines.forEach((line, c) => {
      const values = into.subarray(c * length, (c + 1) * length);
      const from = scan.channels === 1 ? 0 : c * length;
      values.set(data.subarray(from, from + length));
      applyLine(values, line);
    });
  };
}

function withoutNonFinite(volume: Volume, onWarning: ((sentence: string) => void) | undefined): Volume {
  const count = countNonFinite(volume);
  if (count === 0) return volume;
  onWarning?.(`Voxels that are NaN or infinite are taken as 0: ${count} of ${volume.data.length}.`);
  return withData(
    volume,
    volume.data.map((value) => (Number.isFinite(value) ? value : 0)),
    volume.channels,
  );
}

/** Voxels a scan may be resampled to: 25 times a CT of the whole body. Windows over it are counted in thousands. */
const MAX_VOXELS = 2 ** 32;

function checkedGrid(scan: Grid, spacing: Vec3): Grid {
  if (!spacing.every((mm) => Number.isFinite(mm) && mm > 0))
    throw inputError(`Spacing is three positive numbers of millimetres, not [${spacing.join(", ")}].`);
  const grid = gridWithSpacing(scan, spacing);
  if (voxelCount(grid) > MAX_VOXELS)
    throw inputError(
      `At a spacing of [${spacing.join(", ")}] mm the scan has [${grid.shape.join(", ")}] voxels, more than can be worked on: choose a coarser one.`,
    );
  return grid;
}
