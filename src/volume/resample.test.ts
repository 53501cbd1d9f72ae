import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyGrid, anyOrientation, oblique, randomVolume, turned } from "../../test/helpers/volumes.ts";
import { gridWithSpacing, indexOf, pointOf, sameGrid, subgrid } from "./geometry.ts";
import { reorient } from "./reorient.ts";
import { resample, resampleLike } from "./resample.ts";
import { type Vec3, dot, scale } from "./vec3.ts";
import { type Grid, plainGrid, voxelCount, withData } from "./volume.ts";

/** Every voxel's index, in the order of the data. */
function* indices({ shape: [depth, height, width] }: Grid): Generator<Vec3> {
  for (let d = 0; d < depth; d++)
    for (let h = 0; h < height; h++) for (let w = 0; w < width; w++) yield [d, h, w];
}

/** Values that rise evenly through space: v(x) = x · slope + 1. */
const ramp = (grid: Grid, slope: Vec3): Float32Array<ArrayBuffer> =>
  Float32Array.from(indices(grid), (index) => dot(pointOf(grid, index), slope) + 1);

const inside = (grid: Grid, point: Vec3): boolean =>
  indexOf(grid, point).every((x, i) => x >= 0 && x <= grid.shape[i]! - 1);

const spacing = fc.double({ min: 0.4, max: 4, noNaN: true });
const spacings = fc.tuple(spacing, spacing, spacing);
const slope: Vec3 = [0.013, -0.021, 0.017];

describe("resample", () => {
  test("keeps a linear ramp, whatever the spacing", () => {
    fc.assert(
      fc.property(anyGrid, spacings, (grid, spacing) => {
        const result = resample(withData(grid, ramp(grid, slope)), spacing, "linear");
        const wanted = ramp(result, slope);
        const points = [...indices(result)].map((index) => pointOf(result, index));
        const interior = points.flatMap((point, i) => (inside(grid, point) ? [i] : []));
        expect(interior.map((i) => result.data[i]!)).toBeAllClose(
          interior.map((i) => wanted[i]!),
          { rtol: 1e-6, atol: 1e-5 },
        );
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  test("covers the same field of view", () => {
    fc.assert(
      fc.property(anyGrid, spacings, (grid, spacing) => {
        const result = gridWithSpacing(grid, spacing);
        const centre = ({ shape }: Grid): Vec3 => scale([shape[0] - 1, shape[1] - 1, shape[2] - 1], 0.5);
        expect(pointOf(result, centre(result))).toBeAllClose(pointOf(grid, centre(grid)), {
          rtol: 0,
          atol: 1e-9,
        });
        result.shape.forEach((size, i) => {
          const [had, has] = [grid.shape[i]! * grid.spacing[i]!, size * spacing[i]!];
          // One voxel may be more than there was to cover.
          expect(size === 1 || Math.abs(has - had) <= spacing[i]! / 2 + 1e-9).toBe(true);
        });
      }),
      { seed: 4, numRuns: 200 },
    );
  });

  test("twice as fine, by hand", () => {
    const volume = withData(plainGrid([1, 1, 3]), Int16Array.of(0, 8, 16));
    const fine = resample(volume, [1, 1, 0.5], "linear");
    // Centres at −¼, ¼, ¾ …: the outermost repeat the border.
    expect([...fine.data]).toEqual([0, 2, 6, 10, 14, 16]);
    expect(fine.origin).toEqual([-0.25, 0, 0]);
    expect([...resample(volume, [1, 1, 0.5], "nearest").data]).toEqual([0, 0, 8, 8, 16, 16]);
    expect([...resample(volume, [1, 1, 3], "linear").data]).toEqual([8]);
  });

  test("nearest keeps the type and makes no new labels", () => {
    fc.assert(
      fc.property(anyGrid, anyGrid, (grid, other) => {
        const volume = randomVolume("uint16", grid);
        const labels = new Set<number>([0, ...volume.data]);
        const moved = { ...other, origin: grid.origin };
        for (const result of [
          resampleLike(volume, moved, "nearest"),
          resample(volume, other.spacing, "nearest"),
        ]) {
          expect(result.data).toBeInstanceOf(Uint16Array);
          for (const label of result.data) expect(labels.has(label)).toBe(true);
        }
      }),
      { seed: 5, numRuns: 100 },
    );
  });

  test.each([[0, 1, 1] as Vec3, [1, -1, 1] as Vec3, [1, 1, Number.NaN] as Vec3])(
    "refuses spacing %s %s %s",
    (...mm) => {
      expect(() => resample(randomVolume("uint8"), mm, "linear")).toThrow(
        expect.objectContaining({ kind: "input" }),
      );
    },
  );
});

describe("resampleLike", () => {
  test("is the identity on its own grid, and turns with reorient", () => {
    fc.assert(
      fc.property(anyGrid, anyOrientation, (grid, code) => {
        const volume = randomVolume("float32", grid, 2);
        const other = reorient(volume, code);
        expect(sameGrid(volume, grid)).toBe(true);
        expect(resampleLike(volume, grid, "linear").data).toEqual(volume.data);
        expect(resampleLike(volume, other, "nearest").data).toEqual(other.data);
        expect(resampleLike(volume, other, "linear").data).toBeAllClose(other.data, { rtol: 0, atol: 1e-5 });
      }),
      { seed: 6, numRuns: 100 },
    );
  });

  test("keeps a linear ramp on a grid turned against its own", () => {
    const volume = withData(
      { ...oblique, shape: [9, 10, 11] },
      ramp({ ...oblique, shape: [9, 10, 11] }, slope),
    );
    const grid: Grid = {
      shape: [6, 7, 8],
      spacing: [1.1, 0.9, 0.7],
      origin: pointOf(volume, [3, 3, 3]),
      direction: turned(0.5, 0.1, -0.2),
    };
    const result = resampleLike(volume, grid, "linear", Number.NaN);
    const points = [...indices(grid)].map((index) => pointOf(grid, index));
    const interior = points.flatMap((point, i) => (inside(volume, point) ? [i] : []));
    expect(interior.length).toBeGreaterThan(50);
    const wanted = ramp(grid, slope);
    expect(interior.map((i) => result.data[i]!)).toBeAllClose(
      interior.map((i) => wanted[i]!),
      { rtol: 1e-6, atol: 1e-5 },
    );
  });

  test("slab by slab gives the whole", () => {
    const volume = randomVolume("float32", oblique, 2);
    const fine = gridWithSpacing(volume, [0.6, 1, 1]);
    const whole = resampleLike(volume, fine, "linear");
    const plane = fine.shape[1] * fine.shape[2];
    for (let d = 0; d < fine.shape[0]; d += 5) {
      const depth = Math.min(5, fine.shape[0] - d);
      const slab = resampleLike(
        volume,
        subgrid(fine, [d, 0, 0], [depth, fine.shape[1], fine.shape[2]]),
        "linear",
      );
      for (const c of [0, 1]) {
        const start = c * voxelCount(fine) + d * plane;
        expect(slab.data.slice(c * depth * plane, (c + 1) * depth * plane)).toBeAllClose(
          whole.data.slice(start, start + depth * plane),
          { rtol: 0, atol: 1e-6 },
        );
      }
    }
  });

  test("fills what lies outside, and lets no NaN beyond its neighbours", () => {
    const volume = withData(plainGrid([1, 1, 4]), Float32Array.of(1, 2, Number.NaN, 4));
    const grid = { ...plainGrid([1, 1, 6]), origin: [-1, 0, 0] as Vec3 };
    expect([...resampleLike(volume, grid, "linear", -7).data]).toEqual([-7, 1, 2, Number.NaN, 4, -7]);
  });
});
