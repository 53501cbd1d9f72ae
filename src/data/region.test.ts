import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyGrid, anyOrientation, randomVolume } from "../../test/helpers/volumes.ts";
import { indexOf, pointOf } from "../volume/geometry.ts";
import { reorient } from "../volume/reorient.ts";
import { plainGrid, voxelCount } from "../volume/volume.ts";
import { HALVES, cropToRegion, regionBox } from "./region.ts";

describe("regionBox", () => {
  test("counts from the patient's right, front and feet, whatever the axes", () => {
    // Plain axes run to the head, the back and the left.
    expect(regionBox(plainGrid([10, 20, 30]), HALVES.left)).toEqual({
      start: [0, 0, 15],
      shape: [10, 20, 15],
    });
    expect(regionBox(plainGrid([10, 20, 30]), HALVES.right)).toEqual({
      start: [0, 0, 0],
      shape: [10, 20, 15],
    });
    const box = regionBox(plainGrid([10, 20, 30]), [
      [0, 1],
      [0.25, 0.5],
      [0.9, 1],
    ]);
    expect(box).toEqual({ start: [9, 5, 0], shape: [1, 5, 30] });
  });

  test.each([
    [[0.5, 0.5], /goes from a part to a larger one, within 0 and 1, not from 0\.5 to 0\.5\.$/],
    [[-0.1, 0.5], /not from -0\.1 to 0\.5\.$/],
    [[0, 1.5], /not from 0 to 1\.5\.$/],
    [[NaN, 1], /not from NaN to 1\.$/],
    [[0.5, 0.51], /^The region from 0\.5 to 0\.51 has no voxel in an axis of 4: choose a larger one\.$/],
  ] as const)("refuses %j", (range, message) => {
    expect(() => regionBox(plainGrid([4, 4, 4]), [[0, 1], range, [0, 1]])).toThrow(message);
  });
});

test("a region is the same part of the patient however the axes are ordered", () => {
  fc.assert(
    fc.property(anyGrid, anyOrientation, fc.constantFrom(...Object.values(HALVES)), (grid, code, half) => {
      fc.pre(grid.shape.every((n) => n > 1));
      const volume = randomVolume("int16", grid);
      const part = cropToRegion(volume, half);
      const turned = cropToRegion(reorient(volume, code), half);
      expect(reorient(turned, code).data).toEqual(reorient(part, code).data);
      // Voxels keep their place.
      const corner = pointOf(part, [0, 0, 0]);
      expect(indexOf(volume, corner)).toBeAllClose(regionBox(volume, half).start, { rtol: 0, atol: 1e-6 });
    }),
    { seed: 1, numRuns: 100 },
  );
});

test("halves share no voxel and leave none out", () => {
  fc.assert(
    fc.property(anyGrid, (grid) => {
      fc.pre(grid.shape.every((n) => n > 1));
      for (const [a, b] of [
        ["left", "right"],
        ["front", "back"],
        ["lower", "upper"],
      ] as const) {
        const [first, second] = [regionBox(grid, HALVES[a]), regionBox(grid, HALVES[b])];
        const count = (shape: readonly number[]): number => shape.reduce((x, y) => x * y);
        expect(count(first.shape) + count(second.shape)).toBe(voxelCount(grid));
        const axis = first.shape.findIndex((n, i) => n !== grid.shape[i]);
        expect([first.start[axis], second.start[axis]]).toContain(0);
        expect(Math.max(first.start[axis]!, second.start[axis]!)).toBe(
          first.start[axis] === 0 ? first.shape[axis] : second.shape[axis],
        );
      }
    }),
    { seed: 2, numRuns: 100 },
  );
});
