import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyGrid, oblique, randomVolume } from "../../test/helpers/volumes.ts";
import { cropTo, padTo } from "./crop.ts";
import { indexOf, sameGrid } from "./geometry.ts";
import { resampleLike } from "./resample.ts";
import { type Vec3, map3 } from "./vec3.ts";

describe("crop and pad", () => {
  test("a crop holds the voxels that lie there", () => {
    const volume = randomVolume("int16", oblique, 2);
    const part = cropTo(volume, [1, 0, 2], [2, 3, 3]);
    // Two independent ways to the same voxels.
    expect(part.data).toEqual(resampleLike(volume, part, "nearest").data);
    expect(indexOf(volume, part.origin)).toBeAllClose([1, 0, 2], { rtol: 0, atol: 1e-9 });
  });

  test("padding is undone by cropping", () => {
    fc.assert(
      fc.property(
        anyGrid,
        fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)),
        fc.integer({ min: -5, max: 5 }),
        (grid, to, fill) => {
          const volume = randomVolume("int16", grid, 2);
          const padded = padTo(volume, to, fill);
          expect(padded.shape).toEqual(map3(grid.shape, (size, i) => Math.max(size, to[i])));
          const start = map3(indexOf(padded, volume.origin), Math.round);
          const back = cropTo(padded, start, volume.shape);
          expect(back.data).toEqual(volume.data);
          expect(sameGrid(back, volume)).toBe(true);
          const count = (data: ArrayLike<number>): number =>
            Array.from(data).filter((x) => x === fill).length;
          expect(count(padded.data) - count(volume.data)).toBe(padded.data.length - volume.data.length);
        },
      ),
      { seed: 7, numRuns: 100 },
    );
  });

  test.each([
    [
      [-1, 0, 0],
      [1, 1, 1],
    ],
    [
      [0, 0, 0],
      [4, 1, 1],
    ],
    [
      [0, 0, 0],
      [0, 1, 1],
    ],
    [
      [0.5, 0, 0],
      [1, 1, 1],
    ],
  ] as [Vec3, Vec3][])("refuses a crop at %j of %j", (start, shape) => {
    expect(() => cropTo(randomVolume("uint8"), start, shape)).toThrow(
      expect.objectContaining({ kind: "input", message: expect.stringContaining("[3, 4, 5]") as string }),
    );
  });
});
