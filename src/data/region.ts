/**
 * @file A part of a scan in terms of the patient, so that it is the same part however a file orders its axes: train on
 * one half of a scan, evaluate on the other.
 */

import { inputError } from "../base/errors.ts";
import { cropTo } from "../volume/crop.ts";
import { orientationOf } from "../volume/reorient.ts";
import { type Vec3, map3 } from "../volume/vec3.ts";
import type { Grid, Volume } from "../volume/volume.ts";

/** From where to where, as parts of a scan's extent. */
export type Fractions = readonly [from: number, to: number];

/** Parts of a scan's extent from right to left, from front to back, and from feet to head. */
export type Region = readonly [rightToLeft: Fractions, frontToBack: Fractions, feetToHead: Fractions];

const ALL: Fractions = [0, 1];
const FIRST: Fractions = [0, 0.5];
const SECOND: Fractions = [0.5, 1];

/** Halves of a scan by their names. `left` is the patient's left. */
export const HALVES = {
  right: [FIRST, ALL, ALL],
  left: [SECOND, ALL, ALL],
  front: [ALL, FIRST, ALL],
  back: [ALL, SECOND, ALL],
  lower: [ALL, ALL, FIRST],
  upper: [ALL, ALL, SECOND],
} as const satisfies Readonly<Record<string, Region>>;

/** For each of the patient's axes, the letters of its ends in the order of {@link Region}. */
const LETTERS = ["RL", "AP", "IS"] as const;

/** The box of a region in a grid. Regions that meet at a fraction share no voxel and leave none out. */
export function regionBox(grid: Grid, region: Region): { start: Vec3; shape: Vec3 } {
  const letters = [...orientationOf(grid)].reverse() as [string, string, string];
  const ranges = map3(letters, (letter, i): [start: number, end: number] => {
    const axis = LETTERS.findIndex((ends) => ends.includes(letter)) as 0 | 1 | 2;
    const size = grid.shape[i];
    const [from, to] = region[axis];
    if (!(from >= 0 && from < to && to <= 1))
      throw inputError(
        `A region goes from a part to a larger one, within 0 and 1, not from ${from} to ${to}.`,
      );
    const [start, end] = [Math.round(from * size), Math.round(to * size)];
    if (start === end)
      throw inputError(
        `The region from ${from} to ${to} has no voxel in an axis of ${size}: choose a larger one.`,
      );
    return LETTERS[axis][1] === letter ? [start, end] : [size - end, size - start];
  });
  return { start: map3(ranges, ([start]) => start), shape: map3(ranges, ([start, end]) => end - start) };
}

/** @throws {@link AcsconvError} `input`, as {@link regionBox} */
export function cropToRegion<V extends Volume>(volume: V, region: Region): V {
  const { start, shape } = regionBox(volume, region);
  // A crop keeps the type of the voxels.
  return cropTo(volume, start, shape) as V;
}
