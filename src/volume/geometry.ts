/** @file From voxel indices to millimetres and back, and between grids. */

import { type Mat3, type Vec3, add, combine, dot, dual, map3, norm, scale, subtract, unit } from "./vec3.ts";
import type { Grid } from "./volume.ts";

/** The step from a voxel to the next along D, H and W, in LPS millimetres. */
export const stepsOf = (grid: Grid): Mat3 => map3(grid.direction, (axis, i) => scale(axis, grid.spacing[i]));

/** A grid from its steps; inverse of {@link stepsOf}. */
export const gridFromSteps = (shape: Vec3, origin: Vec3, steps: Mat3): Grid => ({
  shape,
  origin,
  spacing: map3(steps, norm),
  direction: map3(steps, unit),
});

/** Where index (d, h, w), not necessarily a whole one, lies in LPS millimetres. */
export const pointOf = (grid: Grid, index: Vec3): Vec3 => add(grid.origin, combine(index, stepsOf(grid)));

/** The index (d, h, w) at a point in LPS millimetres; inverse of {@link pointOf}. */
export function indexOf(grid: Grid, point: Vec3): Vec3 {
  const offset = subtract(point, grid.origin);
  return map3(dual(stepsOf(grid)), (axis) => dot(axis, offset));
}

/** How indices of one grid map to another's: index + Σ i · steps. */
export interface IndexMap {
  readonly start: Vec3;
  readonly steps: Mat3;
}

/** Differences this small come from rounding, and would only blur what matches exactly. */
const ROUNDING = 1e-7;
const snap = (x: number): number => (Math.abs(x - Math.round(x)) < ROUNDING ? Math.round(x) : x);

/** The map that takes an index of `to` to the index of `from` at the same place. */
export function indexMap(from: Grid, to: Grid): IndexMap {
  const axes = dual(stepsOf(from));
  const steps = map3(stepsOf(to), (step) => map3(axes, (axis) => snap(dot(axis, step))));
  return { start: map3(indexOf(from, to.origin), snap), steps };
}

/**
 * The part of a grid that starts at index `start` (negative: outside) and has `shape` voxels.
 * Resampling to one such slab after the other bounds the memory of what follows.
 */
export const subgrid = (grid: Grid, start: Vec3, shape: Vec3): Grid => ({
  shape,
  spacing: grid.spacing,
  origin: pointOf(grid, start),
  direction: grid.direction,
});

/** The grid over the same field of view, centred on it, with other spacing (mm along D, H, W). */
export function gridWithSpacing(grid: Grid, spacing: Vec3): Grid {
  const shape = map3(grid.shape, (size, i) => Math.max(1, Math.round((size * grid.spacing[i]) / spacing[i])));
  // Both grids share their centre: ((n′ − 1) / 2)·s′ reaches as far from it as ((n − 1) / 2)·s.
  const start = map3(grid.shape, (size, i) => {
    const ratio = spacing[i] / grid.spacing[i];
    return (size - 1) / 2 - ((shape[i] - 1) / 2) * ratio;
  });
  return { shape, spacing, origin: pointOf(grid, start), direction: grid.direction };
}

/**
 * The affine of NIfTI and nibabel: from (i, j, k) = (w, h, d) to RAS millimetres.
 *
 * @returns the upper three rows, each [i, j, k, offset]
 */
export function rasAffine(grid: Grid): [number[], number[], number[]] {
  const [d, h, w] = stepsOf(grid);
  const row = (axis: 0 | 1 | 2, sign: number): number[] =>
    // + 0 turns -0 into 0
    [w[axis], h[axis], d[axis], grid.origin[axis]].map((x) => sign * x + 0);
  return [row(0, -1), row(1, -1), row(2, 1)];
}

/** The grid of a NIfTI affine; inverse of {@link rasAffine}. */
export function gridFromRas(shape: Vec3, rows: readonly (readonly number[])[]): Grid {
  const column = (i: number): Vec3 => [-rows[0]![i]! + 0, -rows[1]![i]! + 0, rows[2]![i]!];
  return gridFromSteps(shape, column(3), [column(2), column(1), column(0)]);
}

/** How far apart voxels of two grids may lie that are one grid, in voxels: rounding, as of float32 in headers. */
const SAME = 1e-3;
/** Up to here other software's rounding explains the difference; it is told of. */
const NEARLY_SAME = 1e-2;

/** How far apart the voxels of two grids lie: the largest distance at the origin and the axes' ends, in voxels of `a`. */
export function gridDistance(a: Grid, b: Grid): number {
  if (a.shape.some((size, i) => size !== b.shape[i])) return Infinity;
  const last = map3(b.shape, (size) => size - 1);
  const corners: Vec3[] = [
    [0, 0, 0],
    [last[0], 0, 0],
    [0, last[1], 0],
    [0, 0, last[2]],
  ];
  return Math.max(...corners.map((corner) => norm(subtract(indexOf(a, pointOf(b, corner)), corner))));
}

/** Whether two grids have the same voxels at the same places, to a thousandth of a voxel. */
export const sameGrid = (a: Grid, b: Grid): boolean => gridDistance(a, b) < SAME;

/** Whether two grids have the same voxels at nearly the same places, to a hundredth of a voxel. */
export const nearlySameGrid = (a: Grid, b: Grid): boolean => gridDistance(a, b) < NEARLY_SAME;
