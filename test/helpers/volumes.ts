/** @file Random volumes, the same for the same seed, and where a test may write. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { onTestFinished } from "vitest";
import { type Mat3, type Vec3, cross } from "../../src/volume/vec3.ts";
import {
  type Grid,
  VOXEL_TYPES,
  type Volume,
  type VoxelType,
  voxelCount,
  withData,
} from "../../src/volume/volume.ts";

/** A folder that goes when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "acsconv-volume-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Right-handed axes, turned about all three. */
export function turned(a: number, b: number, c: number): Mat3 {
  const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
  const x: Vec3 = [ca * cb, sa * cb, -sb];
  const side: Vec3 = [-sa, ca, 0];
  const other = cross(x, side);
  const [cc, sc] = [Math.cos(c), Math.sin(c)];
  const y: Vec3 = [cc * side[0] + sc * other[0], cc * side[1] + sc * other[1], cc * side[2] + sc * other[2]];
  return [cross(x, y), y, x];
}

/** An oblique grid of uneven sizes and spacings. */
export const oblique: Grid = {
  shape: [3, 4, 5],
  spacing: [2.5, 1.25, 0.75],
  origin: [-12.5, 33.25, 8],
  direction: turned(0.3, -0.2, 0.5),
};

/** Values that use the whole range of the type. */
export function randomVolume(type: VoxelType, grid: Grid = oblique, channels = 1, seed = 1): Volume {
  const data = new VOXEL_TYPES[type](channels * voxelCount(grid));
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = type === "float32" ? state / 2 ** 31 - 1 : state >>> 3;
  }
  return withData(grid, data, channels);
}

const size = fc.integer({ min: 1, max: 6 });
const spacing = fc.double({ min: 0.3, max: 5, noNaN: true });
const angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });
const place = fc.double({ min: -200, max: 200, noNaN: true });

export const anyGrid: fc.Arbitrary<Grid> = fc
  .record({
    shape: fc.tuple(size, size, size),
    spacing: fc.tuple(spacing, spacing, spacing),
    origin: fc.tuple(place, place, place),
    angles: fc.tuple(angle, angle, angle),
  })
  .map(({ angles, ...grid }) => ({ ...grid, direction: turned(...angles) }));

/** One letter of each pair, in any order. */
export const anyOrientation: fc.Arbitrary<string> = fc
  .tuple(
    fc.shuffledSubarray(["RL", "AP", "IS"], { minLength: 3 }),
    fc.tuple(fc.nat({ max: 1 }), fc.nat({ max: 1 }), fc.nat({ max: 1 })),
  )
  .map(([pairs, picks]) => pairs.map((pair, i) => pair[picks[i]!]!).join(""));
