/** @file Two files that should lie on one grid and do not, in a sentence. */

import { gridDistance, nearlySameGrid, sameGrid } from "./geometry.ts";
import { dot, norm, subtract } from "./vec3.ts";
import type { Grid } from "./volume.ts";

/** A grid, and what it is called in sentences: `its label "seg.nii.gz"`. */
export type NamedGrid = readonly [name: string, grid: Grid];

/** How two grids differ. */
export interface GridMismatch {
  /** Less than a hundredth of a voxel: to be told of, and then taken as the first grid. */
  readonly isSlight: boolean;
  readonly sentence: string;
}

/** How a second grid differs from a first one; undefined where they are the same to a thousandth of a voxel. */
export function gridMismatch([what, a]: NamedGrid, [other, b]: NamedGrid): GridMismatch | undefined {
  if (sameGrid(a, b)) return undefined;
  const isSlight = nearlySameGrid(a, b);
  const [ours, theirs] = differingNumbers(a, b);
  const difference = `${what} has ${ours}, but ${other} has ${theirs}`;
  if (isSlight) {
    const distance = gridDistance(a, b).toPrecision(2);
    return {
      isSlight,
      sentence: `${difference}, which is ${distance} of a voxel at the most: both are taken to lie on the first one's grid.`,
    };
  }
  const remedy = Number.isFinite(gridDistance(a, b))
    ? "resample one to the other's, or, where only a header is wrong, copy the other's into it"
    : "resample one to the other's";
  return { isSlight, sentence: `${difference}: both must lie on one grid, so ${remedy}.` };
}

/** What of two grids differs, of each in numbers. */
function differingNumbers(a: Grid, b: Grid): readonly [string, string] {
  if (a.shape.some((size, i) => size !== b.shape[i]))
    return [`[${a.shape.join(", ")}] voxels`, `[${b.shape.join(", ")}] voxels`];
  const offset = subtract(b.origin, a.origin);
  // How far each moves voxels, in voxels.
  const moves = {
    spacing: a.spacing.map((mm, i) => (Math.abs(b.spacing[i]! - mm) * (a.shape[i]! - 1)) / mm),
    origin: a.direction.map((axis, i) => Math.abs(dot(offset, axis)) / a.spacing[i]!),
    direction: a.direction.map((axis, i) => {
      const end = (a.shape[i]! - 1) * a.spacing[i]!;
      return (norm(subtract(b.direction[i]!, axis)) * end) / Math.min(...a.spacing);
    }),
  };
  const all = ["spacing", "origin", "direction"] as const;
  const telling = all.filter((key) => Math.max(...moves[key]) > TELLING);
  const keys = telling.length > 0 ? telling : all;
  const both = keys.map((key) => inDigitsThatDiffer(a[key].flat(), b[key].flat()));
  const text = (which: 0 | 1): string => keys.map((key, k) => `${key} [${both[k]![which]}]`).join(" and ");
  return [text(0), text(1)];
}

/** Of a voxel: what moves voxels less is left out. Three of them make no difference between grids. */
const TELLING = 3e-4;

/** More digits than float32 headers hold. */
const MOST_DIGITS = 9;

/** Both lists with as few digits as show that they differ, three at least. */
function inDigitsThatDiffer(a: readonly number[], b: readonly number[]): readonly [string, string] {
  const written = (numbers: readonly number[], digits: number): string =>
    numbers.map((x) => Number(x.toFixed(digits)) + 0).join(", ");
  let digits = 3;
  while (digits < MOST_DIGITS && written(a, digits) === written(b, digits)) digits++;
  return [written(a, digits), written(b, digits)];
}
