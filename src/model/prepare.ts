/**
 * @file A scan in the form that a network was trained on. Prediction and
 * training share this, so that a network sees in use what it saw in training.
 *
 *   turn → resample → intensities
 *
 * Intensities are measured on the whole scan before it is resampled, or cut to its middle for a classifier.
 */

import { inputError } from "../base/errors.ts";
import { boxOf, cropTo } from "../volume/crop.ts";
import { countNonFinite } from "../volume/intensity.ts";
import { gridWithSpacing, sameGrid, subgrid } from "../volume/geometry.ts";
import { reorient, reorientGrid } from "../volume/reorient.ts";
import { resampleLike } from "../volume/resample.ts";
import { type Vec3, map3 } from "../volume/vec3.ts";
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
  const { orientation, window } = preparation;
  checkVolume(volume);
  const finite = withoutNonFinite(volume, onWarning);
  const scan = orientation ? reorient(finite, orientation) : finite;
  return {
    scan,
    grid: preparedGrid(scan, { spacing: preparation.spacing }),
    lines: intensityLines(scan, channels, normalizationOf(preparation), window),
  };
}

/** The grid on which a network works whose scan lies on `grid`. */
export function preparedGrid(
  grid: Grid,
  { orientation, spacing }: Pick<Preparation, "orientation" | "spacing">,
): Grid {
  const turned = orientation ? reorientGrid(grid, orientation) : grid;
  return spacing ? checkedGrid(turned, spacing) : turned;
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

/**
 * A box of what the network sees, which may reach beyond the scan: zeros there, after intensities.
 *
 * @returns `[lines.length, ...size]`
 */
export function readBox(prepared: PreparedScan, start: Vec3, size: Vec3): Float32Array {
  const { grid, lines } = prepared;
  const from = map3(start, (at) => Math.max(at, 0));
  const inside = map3(grid.shape, (extent, i) => Math.min(start[i] + size[i], extent) - from[i]);
  const data = new Float32Array(lines.length * inside[0] * inside[1] * inside[2]);
  boxReader(prepared)(from, inside, data);
  if (inside.every((n, i) => n === size[i])) return data;
  const volume = withData({ ...grid, shape: inside }, data, lines.length);
  const shift = map3(start, (at, i) => at - from[i]);
  return boxOf(volume, shift, size).data as Float32Array;
}

/** Where a box of `size` around the middle begins; negative where the scan is smaller. */
const middle = (shape: Vec3, size: Vec3): Vec3 =>
  map3(shape, (extent, i) => Math.floor(extent / 2) - Math.floor(size[i] / 2));

/** What of a scan lies in the box of `size` around its middle: all that a network sees that takes scans whole. */
export function middleOf({ scan, grid, lines }: PreparedScan, size: Vec3): PreparedScan {
  const from = map3(middle(grid.shape, size), (at) => Math.max(at, 0));
  const inside = map3(grid.shape, (extent, i) => Math.min(extent, size[i]));
  const part = sameGrid(grid, scan)
    ? cropTo(scan, from, inside)
    : resampleLike(scan, subgrid(grid, from, inside), "linear");
  return { scan: part, grid: part, lines };
}

/** A scan as a network sees it that takes it whole: {@link middleOf} it, between zeros where it is smaller than `size`. */
export const readMiddle = (prepared: PreparedScan, size: Vec3): Float32Array =>
  readBox(prepared, middle(prepared.grid.shape, size), size);

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
