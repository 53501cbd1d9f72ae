/**
 * @file The slices of a DICOM series: what their headers say, and whether they
 * make up one evenly spaced volume.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.6.2.html
 */

import { AcsconvError } from "../base/errors.ts";
import type { PixelFormat } from "./dicom-pixels.ts";
import { gridFromSteps } from "./geometry.ts";
import { type Mat3, type Vec3, cross, dot, norm, scale, subtract, unit } from "./vec3.ts";
import { type Grid, plainGrid } from "./volume.ts";

/** One image file, as far as its header tells. */
export interface Slice {
  readonly path: string;
  readonly instance: string;
  readonly series: string;
  readonly seriesNumber: number;
  readonly description: string;
  readonly modality: string;
  readonly rows: number;
  readonly columns: number;
  /** Above 1 in multi-frame files, which hold a volume of their own. */
  readonly frames: number;
  /** Missing where only ITK can decode the pixels: compressed, in colour, or several frames. */
  readonly pixels?: PixelFormat;
  /** Slope and intercept. */
  readonly rescale: readonly [number, number];
  /** The centre of the first pixel, LPS millimetres. */
  readonly position?: Vec3;
  /** The directions along a row (W) and along a column (H). */
  readonly orientation?: readonly [Vec3, Vec3];
  /** Millimetres between rows (H) and between columns (W). */
  readonly pixelSpacing?: readonly [number, number];
  /** What the header says of the third axis; only asked where there is one slice. */
  readonly thickness?: number;
}

/** Slices in the order of their positions, and where they lie. */
export interface Stack {
  readonly slices: readonly Slice[];
  readonly grid: Grid;
}

/** Direction cosines are written with few digits; larger differences are other orientations. */
const SAME_DIRECTION = 1e-3;
/** Positions closer than this, in mm, are one position. */
const SAME_POSITION = 1e-3;
/** Gaps that differ by more than this part of the spacing are worth a word. */
const UNEVEN = 0.02;
/** Gaps of more than this many spacings are where slices are missing. */
const MISSING = 1.5;

/**
 * Sorts slices by position along their normal. Spacing is that of the positions;
 * thickness tags say nothing about gaps. A tilted gantry makes a sheared grid.
 *
 * @param what - the series, for messages
 * @param warn - told where the gaps differ a little
 * @throws {@link AcsconvError} `format` where slices differ in size or orientation, are missing, or share a position
 */
export function stackSlices(files: readonly Slice[], what: string, warn: (sentence: string) => void): Stack {
  const fail = (problem: string): never => {
    throw new AcsconvError("format", `${what} ${problem}.`);
  };
  // The same image twice, as copies of files, is one image.
  const slices = [...new Map(files.map((slice) => [slice.instance || slice.path, slice])).values()];
  const first = slices[0]!;
  const sizes = new Set(slices.map((slice) => `${slice.columns}×${slice.rows}`));
  if (sizes.size > 1) fail(`mixes images of ${[...sizes].join(" and ")} pixels, which make no volume`);

  const placed = slices.map((slice) => {
    const { position, orientation, pixelSpacing } = slice;
    return position && orientation && pixelSpacing
      ? { slice, position, orientation, pixelSpacing }
      : undefined;
  });
  const start = placed[0];
  if (!start || placed.includes(undefined)) {
    if (slices.length > 1)
      fail("has images without position, orientation or pixel spacing, which cannot be ordered");
    warn(`${what} does not say where its image lies: it is placed at the origin.`);
    const [height, width] = first.pixelSpacing ?? [1, 1];
    return {
      slices,
      grid: plainGrid([1, first.rows, first.columns], [first.thickness ?? 1, height, width]),
    };
  }

  const known = placed.filter((slice) => slice !== undefined);
  // Written with few digits, cosines are not quite of length 1; spacing is to stay as it is written.
  const [alongRow, alongColumn] = [unit(start.orientation[0]), unit(start.orientation[1])];
  const odd = known.filter(
    ({ orientation, pixelSpacing }) =>
      norm(subtract(orientation[0], alongRow)) > SAME_DIRECTION ||
      norm(subtract(orientation[1], alongColumn)) > SAME_DIRECTION ||
      pixelSpacing.some((mm, i) => Math.abs(mm - start.pixelSpacing[i]!) > SAME_DIRECTION * mm),
  );
  if (odd.length > 0)
    fail(
      `mixes orientations or pixel spacings: ${odd.length} of its ${slices.length} images differ from "${first.path}" (a localizer?)`,
    );

  const normal = cross(alongRow, alongColumn);
  const height = (slice: { position: Vec3 }): number => dot(slice.position, normal);
  const sorted = known.sort((a, b) => height(a) - height(b));
  const gaps = sorted.slice(1).map((slice, i) => height(slice) - height(sorted[i]!));
  const positions = 1 + gaps.filter((gap) => gap > SAME_POSITION).length;
  if (positions < sorted.length)
    fail(
      `holds ${sorted.length} images at ${positions} positions (time points, echoes?): one volume needs one image per position`,
    );
  if (gaps.length > 0) checkGaps(gaps, fail, (problem) => warn(`${what} ${problem}.`));

  const bottom = sorted[0]!;
  const top = sorted[sorted.length - 1]!;
  const along =
    gaps.length > 0
      ? scale(subtract(top.position, bottom.position), 1 / gaps.length)
      : scale(normal, first.thickness ?? 1);
  const [betweenRows, betweenColumns] = start.pixelSpacing;
  const steps: Mat3 = [along, scale(alongColumn, betweenRows), scale(alongRow, betweenColumns)];
  return {
    slices: sorted.map(({ slice }) => slice),
    grid: gridFromSteps([sorted.length, first.rows, first.columns], bottom.position, steps),
  };
}

function checkGaps(
  gaps: readonly number[],
  fail: (problem: string) => never,
  warn: (problem: string) => void,
): void {
  const ordered = gaps.toSorted((a, b) => a - b);
  const usual = ordered[Math.floor(ordered.length / 2)]!;
  const [smallest, largest] = [ordered[0]!, ordered[ordered.length - 1]!];
  if (largest > MISSING * usual) {
    const missing = gaps.reduce((sum, gap) => sum + Math.max(0, Math.round(gap / usual) - 1), 0);
    fail(
      `has a gap of ${largest.toFixed(2)} mm where its slices are ${usual.toFixed(2)} mm apart: about ${Math.max(1, missing)} of them are missing`,
    );
  }
  if (largest - smallest > UNEVEN * usual)
    warn(
      `has slices ${smallest.toFixed(3)} to ${largest.toFixed(3)} mm apart: it is read as if they were evenly spaced`,
    );
}
