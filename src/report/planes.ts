/**
 * @file The three planes through a voxel, as a radiologist looks at them:
 * the patient's right on the left of the picture, the nose or the head up.
 *
 *   axial     rows to the back (P), columns to the left (L)
 *   coronal   rows to the feet (I), columns to the left (L)
 *   sagittal  rows to the feet (I), columns to the back (P)
 *
 * Slices are read through strides, so a large volume is never turned round whole.
 */

import { orientationOf } from "../volume/reorient.ts";
import type { Vec3 } from "../volume/vec3.ts";
import type { Grid } from "../volume/volume.ts";

export const PLANES = {
  axial: { rows: "P", columns: "L" },
  coronal: { rows: "I", columns: "L" },
  sagittal: { rows: "I", columns: "P" },
} as const;

export type PlaneName = keyof typeof PLANES;

const OPPOSITE: Readonly<Record<string, string>> = { L: "R", R: "L", A: "P", P: "A", I: "S", S: "I" };

/** One axis of the picture. */
interface PictureAxis {
  readonly size: number;
  /** Millimetres from one voxel to the next. */
  readonly spacing: number;
  /** From one voxel to the next in the volume's data; negative where the picture runs against the array. */
  readonly stride: number;
  /** Which way the picture's axis starts, such as `A` where rows run to the back. */
  readonly startsAt: string;
}

/** Where a slice lies in the volume's data: element (r, c) stands at offset + r·rows.stride + c·columns.stride. */
export interface Plane {
  readonly name: PlaneName;
  readonly offset: number;
  readonly rows: PictureAxis;
  readonly columns: PictureAxis;
  /** Number of the slice, from 1 on in the array's order, and how many there are. */
  readonly slice: number;
  readonly slices: number;
}

/** The slice of the given plane that contains voxel `at` (d, h, w). */
export function planeThrough(grid: Grid, name: PlaneName, at: Vec3): Plane {
  // Letters of the array's axes D, H, W; orientationOf writes the fastest first.
  const letters = Array.from(orientationOf(grid)).reverse();
  const strides: Vec3 = [grid.shape[1] * grid.shape[2], grid.shape[2], 1];
  const arrayAxis = (letter: string): 0 | 1 | 2 =>
    letters.findIndex((own) => own === letter || own === OPPOSITE[letter]) as 0 | 1 | 2;

  let offset = 0;
  const pictureAxis = (letter: string): PictureAxis => {
    const axis = arrayAxis(letter);
    const isReversed = letters[axis] !== letter;
    if (isReversed) offset += (grid.shape[axis] - 1) * strides[axis];
    return {
      size: grid.shape[axis],
      spacing: grid.spacing[axis],
      stride: isReversed ? -strides[axis] : strides[axis],
      startsAt: OPPOSITE[letter]!,
    };
  };

  const rows = pictureAxis(PLANES[name].rows);
  const columns = pictureAxis(PLANES[name].columns);
  const across = (3 - arrayAxis(PLANES[name].rows) - arrayAxis(PLANES[name].columns)) as 0 | 1 | 2;
  offset += at[across] * strides[across];
  return { name, offset, rows, columns, slice: at[across] + 1, slices: grid.shape[across] };
}

/** The value nearest to row r, column c, which need not be whole. */
export function nearestIn(data: ArrayLike<number>, plane: Plane, r: number, c: number): number {
  const { offset, rows, columns } = plane;
  const row = Math.min(Math.max(Math.round(r), 0), rows.size - 1);
  const column = Math.min(Math.max(Math.round(c), 0), columns.size - 1);
  return data[offset + row * rows.stride + column * columns.stride]!;
}

/** The value at row r, column c by bilinear interpolation; the border's value outside. */
export function linearIn(data: ArrayLike<number>, plane: Plane, r: number, c: number): number {
  const r0 = Math.floor(r);
  const c0 = Math.floor(c);
  const fr = r - r0;
  const fc = c - c0;
  const top = nearestIn(data, plane, r0, c0) * (1 - fc) + nearestIn(data, plane, r0, c0 + 1) * fc;
  const bottom = nearestIn(data, plane, r0 + 1, c0) * (1 - fc) + nearestIn(data, plane, r0 + 1, c0 + 1) * fc;
  return top * (1 - fr) + bottom * fr;
}
