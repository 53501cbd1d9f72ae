/** @file A plane of pixels as DICOM places it, among the voxels of a grid. */

import { indexOf, stepsOf } from "../geometry.ts";
import { type Vec3, add, dot, dual, map3, scale } from "../vec3.ts";
import type { Grid } from "../volume.ts";

/** Where an image, or a frame of one, lies. */
export interface Plane {
  readonly rows: number;
  readonly columns: number;
  /** The centre of the first pixel, LPS millimetres. */
  readonly position: Vec3;
  /** Unit vectors along a row, where the column number grows, and along a column. */
  readonly orientation: readonly [row: Vec3, column: Vec3];
  /** Millimetres between rows, and between columns. */
  readonly spacing: readonly [rows: number, columns: number];
}

/** A plane whose pixels are voxels of a grid: its axes are two of the grid's, each forwards or backwards. */
export interface Placing {
  /** The voxel of the first pixel. */
  readonly first: Vec3;
  /** From a row to the next, and from a column to the next: voxels along the grid's axes. */
  readonly steps: readonly [rows: Vec3, columns: Vec3];
  /** The grid's axis that no step follows. */
  readonly axis: 0 | 1 | 2;
  /** How far the corners lie from the voxels' centres, in voxels along an axis: the most. */
  readonly off: number;
}

/** Steps that differ from a voxel's by more than this follow no axis of the grid, or are of another length. */
const SAME_STEP = 0.02;
/**
 * Pixels this close to voxels, in voxels along each axis, are those voxels. Scanners' positions are not even: of a real
 * series the images may lie some hundredths off the grid that it is read on.
 */
const SAME_PLACE = 0.1;

/** Where a plane's pixels are in a grid; undefined if they are no voxels of it. */
export function placePlane(grid: Grid, plane: Plane): Placing | undefined {
  const axes = dual(stepsOf(grid));
  const { orientation, spacing, rows, columns, position } = plane;
  const inVoxels = (direction: Vec3, mm: number): Vec3 =>
    map3(axes, (axis) => dot(axis, scale(direction, mm)));
  const exact = [inVoxels(orientation[1], spacing[0]), inVoxels(orientation[0], spacing[1])] as const;
  // + 0 turns -0 into 0
  const whole = (step: Vec3): Vec3 => map3(step, (x) => Math.round(x) + 0);
  const steps = [whole(exact[0]), whole(exact[1])] as const;
  const isOneVoxel = (step: Vec3, i: number): boolean =>
    step.reduce((sum, x) => sum + Math.abs(x), 0) === 1 &&
    step.every((x, axis) => Math.abs(x - exact[i]![axis]!) < SAME_STEP);
  const free = ([0, 1, 2] as const).filter((axis) => steps.every((step) => step[axis] === 0));
  if (!steps.every(isOneVoxel) || free.length !== 1) return undefined;

  const [axis] = free as [0 | 1 | 2];
  const start = indexOf(grid, position);
  const first = map3(start, Math.round);
  let off = 0;
  for (const [i, j] of [
    [0, 0],
    [rows - 1, 0],
    [0, columns - 1],
    [rows - 1, columns - 1],
  ] as const) {
    const at = (from: Vec3, [down, right]: readonly [Vec3, Vec3]): Vec3 =>
      add(from, add(scale(down, i), scale(right, j)));
    const [is, voxel] = [at(start, exact), at(first, steps)];
    is.forEach((x, k) => (off = Math.max(off, Math.abs(x - voxel[k]!))));
  }
  return off < SAME_PLACE ? { first, steps, axis, off } : undefined;
}

/** The voxel in the opposite corner: of the last row and column. */
export const lastVoxel = ({ first, steps }: Placing, { rows, columns }: Plane): Vec3 =>
  add(first, add(scale(steps[0], rows - 1), scale(steps[1], columns - 1)));

/** How far apart neighbours along the axes D, H, W lie in an array. */
export const stridesOf = ({ shape }: Grid): Vec3 => [shape[1] * shape[2], shape[2], 1];

const numbers = (values: readonly number[]): string => `[${values.map((x) => +x.toFixed(4)).join(", ")}]`;

/** A plane in words, with its numbers. */
export const describePlane = ({ rows, columns, position, orientation, spacing }: Plane): string =>
  `${rows} × ${columns} pixels of ${+spacing[0].toFixed(4)} × ${+spacing[1].toFixed(4)} mm from ${numbers(position)} mm on, rows along ${numbers(orientation[0])} and columns along ${numbers(orientation[1])}`;

/** A grid in words, with its numbers. */
export const describeGrid = ({ shape, spacing, origin, direction }: Grid): string =>
  `${numbers(shape)} voxels of ${spacing.map((mm) => +mm.toFixed(4)).join(" × ")} mm from ${numbers(origin)} mm on, axes along ${direction.map(numbers).join(", ")}`;
