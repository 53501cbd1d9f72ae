/**
 * @file Samples against the statistics of their description. They are seeded, so
 * tests are deterministic; bounds are five standard errors: of a million seeds
 * one would miss one.
 */

import { beforeAll, describe, expect, test } from "vitest";
import { type ShapesOptions, samples2d, samples3d } from "./data.ts";
import { CANVAS, CLASSES_2D, CLASSES_3D, type Sample } from "./shapes.ts";
import { type ShapeName, type Sizes, type Solid, solid, turned } from "./solids.ts";

const COUNT = 150;
const HALF = 24;
const EXTENTS = Array.from({ length: 20 }, (_, i) => 5 + i);

/** What lies in one part of the canvas; 2D shapes have one voxel along axis 2. */
interface Found extends Solid {
  readonly name: ShapeName;
  readonly part: number;
  /** Of the bounding box, which `sizes` are those of, within the part. */
  readonly offsets: Sizes;
}

/** The shapes of a sample. */
function shapesIn({ labels }: Sample, dimensions: 2 | 3): Found[] {
  const classes: readonly string[] = dimensions === 2 ? CLASSES_2D : CLASSES_3D;
  const depth = dimensions === 3 ? CANVAS : 1;
  const parts = Array.from({ length: 2 ** dimensions }, () => [] as [number, number, number, number][]);
  for (let at = 0; at < labels.length; at++) {
    if (labels[at] === classes.length - 1) continue;
    const [i, j, k] = [Math.floor(at / depth / CANVAS), Math.floor(at / depth) % CANVAS, at % depth];
    const part = (i < HALF ? 0 : 1) + (j < HALF ? 0 : 2) + (k < HALF ? 0 : 4);
    parts[part]!.push([i % HALF, j % HALF, k % HALF, labels[at]!]);
  }
  return parts.flatMap((voxels, part) => {
    if (voxels.length === 0) return [];
    // No part holds two shapes.
    expect(new Set(voxels.map(([, , , label]) => label)).size).toBe(1);
    const low: [number, number, number] = [HALF, HALF, HALF];
    const high: [number, number, number] = [0, 0, 0];
    for (const voxel of voxels)
      for (let axis = 0; axis < 3; axis++) {
        low[axis] = Math.min(low[axis]!, voxel[axis]!);
        high[axis] = Math.max(high[axis]!, voxel[axis]!);
      }
    const sizes = high.map((x, axis) => x - low[axis]! + 1) as [number, number, number];
    const mask = new Uint8Array(sizes[0] * sizes[1] * sizes[2]);
    for (const [i, j, k] of voxels) mask[((i - low[0]) * sizes[1] + j - low[1]) * sizes[2] + k - low[2]] = 1;
    return [{ name: classes[voxels[0]![3]] as ShapeName, part, sizes, offsets: low, mask }];
  });
}

/** Quarters that bring the tip of a cone back to the low end of axis 2, from each end of each axis. */
const BACK: Readonly<Record<string, readonly number[]>> = {
  "-0": [0, 1, 0],
  "+0": [0, 3, 0],
  "-1": [0, 0, 1],
  "+1": [0, 0, 3],
  "-2": [0, 0, 0],
  "+2": [0, 2, 0],
};

const areEqual = (a: Solid, b: Solid): boolean =>
  a.sizes.join() === b.sizes.join() && Buffer.from(a.mask).equals(b.mask);

/** An upright shape without the layers at its tip that hold nothing, which a bounding box leaves out. */
function upright(name: ShapeName, a: number, h: number): Solid {
  const key = `${name} ${a} ${h}`;
  const known = uprights.get(key);
  if (known) return known;
  const { sizes, mask } = solid(name, a, h);
  const [nx, ny, nz] = sizes;
  const first = Math.min(...Array.from(mask, (value, at) => (value === 1 ? at % nz : nz)));
  const trimmed: Solid = { sizes: [nx, ny, nz - first], mask: mask.filter((_, at) => at % nz >= first) };
  uprights.set(key, trimmed);
  return trimmed;
}
const uprights = new Map<string, Solid>();

/** In which direction a shape of this name and mask points; `undefined` if there is no such shape. */
function directionOf({ name, sizes, mask }: Found): string | undefined {
  const found = { sizes, mask };
  if (name !== "cone" && name !== "pyramid" && name !== "cylinder")
    return areEqual(solid(name, sizes[0], 1), found) ? "none" : undefined;
  return Object.keys(BACK).find((direction) => {
    const back = turned(found, BACK[direction]!);
    const [a, , height] = back.sizes;
    const heights = name === "cylinder" ? [height] : EXTENTS.filter((h) => h >= height);
    return heights.some((h) => areEqual(upright(name, a, h), back));
  });
}

/** How far a share is from its probability, in standard errors. */
function errorsOff(hits: number, of: number, probability: number): number {
  return Math.abs(hits / of - probability) / Math.sqrt((probability * (1 - probability)) / of);
}

/** Whole numbers, each uniform from 0 to its `most`: Σ(x − most/2), of variance Σ(most² + 2·most)/12. */
function errorsOffUniform(draws: readonly (readonly [value: number, most: number])[]): number {
  const sum = draws.reduce((total, [value, most]) => total + value - most / 2, 0);
  return (
    Math.abs(sum) / Math.sqrt(draws.reduce((total, [, most]) => total + (most * most + 2 * most) / 12, 0))
  );
}

const published = (of: ShapesOptions) => samples3d({ ...of, rotate: "published" });

describe.each([
  { dimensions: 2, filled: 3, draw: samples2d },
  { dimensions: 3, filled: 4, draw: published },
] as const)("samples in $dimensions dimensions", ({ dimensions, filled, draw }) => {
  const classes: readonly string[] = (dimensions === 2 ? CLASSES_2D : CLASSES_3D).slice(0, -1);
  const samples = Array.from({ length: COUNT }, (_, i) => draw({ part: "train", seed: 17 })(i));
  const shapes: Found[][] = [];
  const all: Found[] = [];

  beforeAll(() => {
    shapes.push(...samples.map((sample) => shapesIn(sample, dimensions)));
    all.push(...shapes.flat());
  });

  test("have that many parts filled, each as often", () => {
    expect(shapes.map((found) => found.length)).toEqual(samples.map(() => filled));
    for (let part = 0; part < 2 ** dimensions; part++) {
      const hits = all.filter((found) => found.part === part).length;
      expect(errorsOff(hits, COUNT, filled / 2 ** dimensions)).toBeLessThan(5);
    }
  });

  test("hold every class as often", () => {
    for (const name of classes) {
      const hits = all.filter((found) => found.name === name).length;
      expect(errorsOff(hits, all.length, 1 / classes.length), name).toBeLessThan(5);
    }
  });

  test("hold whole shapes of extents 5 … 24, inside their part", () => {
    for (const found of all) {
      expect(directionOf(found), `${found.name} ${found.sizes.join()}`).toBeDefined();
      const [least, most] = [Math.min(...found.sizes.slice(0, dimensions)), Math.max(...found.sizes)];
      expect(least).toBeGreaterThanOrEqual(found.name === "cone" || found.name === "pyramid" ? 4 : 5);
      expect(most).toBeLessThanOrEqual(24);
    }
  });

  test("have extents that are uniform, and offsets, too", () => {
    // Extents along axis 0 are a; of these shapes none is turned.
    const upright = all.filter(({ name }) => name !== "cone" && name !== "pyramid");
    expect(errorsOffUniform(upright.map(({ sizes }) => [sizes[0] - 5, 19]))).toBeLessThan(5);
    // Squares of U{0 … 19}: mean 123.5, variance 12 301.45.
    const squares = upright.reduce((sum, { sizes }) => sum + (sizes[0] - 5) ** 2 - 123.5, 0);
    expect(Math.abs(squares) / Math.sqrt(12_301.45 * upright.length)).toBeLessThan(5);
    expect([...new Set(upright.map(({ sizes }) => sizes[0]))].sort((a, b) => a - b)).toEqual(EXTENTS);
    for (let axis = 0; axis < dimensions; axis++) {
      const offsets = upright.map(({ offsets, sizes }) => [offsets[axis]!, 24 - sizes[axis]!] as const);
      expect(errorsOffUniform(offsets)).toBeLessThan(5);
      // Both ends are reached by some shape that has room.
      expect(offsets.some(([offset, most]) => most > 0 && offset === 0)).toBe(true);
      expect(offsets.some(([offset, most]) => most > 0 && offset === most)).toBe(true);
    }
  });

  test("have noise of deviation 0.5 about 0 outside and 1 inside", () => {
    for (const [isInside, mean] of [
      [false, 0],
      [true, 1],
    ] as const) {
      let [n, sum, squares, fourth] = [0, 0, 0, 0];
      for (const { image, labels } of samples.slice(0, dimensions === 2 ? COUNT : 20))
        for (let at = 0; at < labels.length; at++) {
          if (labels[at]! < classes.length !== isInside) continue;
          const z = (image[at]! - mean) / 0.5;
          n++;
          sum += z;
          squares += z * z;
          fourth += z * z * z * z;
        }
      expect(n).toBeGreaterThan(5e4);
      // Deviations of z, z² and z⁴: 1, √2, √96.
      expect(Math.abs(sum / n)).toBeLessThan(5 / Math.sqrt(n));
      expect(Math.abs(squares / n - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
      expect(Math.abs(fourth / n - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
    }
  });
});

describe("directions", () => {
  const directions = (rotate: "published" | "all"): Record<"pointed" | "cylinders", string[]> => {
    const samples = samples3d({ part: "test", seed: 23, rotate });
    const all = Array.from({ length: 100 }, (_, i) => shapesIn(samples(i), 3)).flat();
    const of = (names: readonly string[]): string[] =>
      all.filter(({ name }) => names.includes(name)).map((found) => directionOf(found) ?? "none");
    return { pointed: of(["cone", "pyramid"]), cylinders: of(["cylinder"]) };
  };
  const counts = (found: readonly string[], wanted: (direction: string) => boolean): [number, number] => [
    found.filter(wanted).length,
    found.length,
  ];

  test("as published cones and pyramids point in all six, cylinders stand along the last axis", () => {
    const { pointed, cylinders } = directions("published");
    // Turns in planes 01, 02, 12: along axis 0 after an odd second turn, else along 1 after an odd third.
    for (const [direction, probability] of [
      ["-0", 1 / 4],
      ["+0", 1 / 4],
      ["-1", 1 / 8],
      ["+1", 1 / 8],
      ["-2", 1 / 8],
      ["+2", 1 / 8],
    ] as const) {
      expect(errorsOff(...counts(pointed, (found) => found === direction), probability)).toBeLessThan(5);
      expect(pointed).toContain(direction);
    }
    expect(cylinders.length).toBeGreaterThan(50);
    expect(new Set(cylinders.map((found) => found[1]))).toEqual(new Set(["2"]));
  });

  test("otherwise cylinders lie along all three", () => {
    const { cylinders } = directions("all");
    for (const [axis, probability] of [
      ["0", 1 / 2],
      ["1", 1 / 4],
      ["2", 1 / 4],
    ] as const)
      expect(errorsOff(...counts(cylinders, (found) => found[1] === axis), probability)).toBeLessThan(5);
  });
});
