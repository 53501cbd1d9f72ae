/** @file Every shape of every size against its formula in whole numbers, and turns against rotation matrices. */

import { describe, expect, test } from "vitest";
import { uniform } from "acsconv/data";
import { SHAPES_2D, SHAPES_3D, type ShapeName, type Sizes, type Solid, solid, turned } from "./solids.ts";

const EXTENTS = Array.from({ length: 20 }, (_, i) => 5 + i);

type Place = [number, number, number];

/** Calls back with every voxel of a grid, axis 2 fastest, as twice its place from the middle. */
function forEachVoxel([nx, ny, nz]: Sizes, visit: (doubled: Place, index: number) => void): void {
  let index = 0;
  for (let i = 0; i < nx; i++)
    for (let j = 0; j < ny; j++)
      for (let k = 0; k < nz; k++) visit([2 * i - nx + 1, 2 * j - ny + 1, 2 * k - nz + 1], index++);
}

/** Where a shape is, its tip at layer 0. */
const INSIDE: Readonly<Record<ShapeName, (a: number, h: number, x: Place, k: number) => boolean>> = {
  square: () => true,
  cube: () => true,
  circle: (a, _, [x, y]) => x * x + y * y <= a * a,
  cylinder: (a, _, [x, y]) => x * x + y * y <= a * a,
  ball: (a, _, [x, y, z]) => x * x + y * y + z * z <= a * a,
  // r(k) = (a/2) · k/(h − 1)
  cone: (a, h, [x, y], k) => (x * x + y * y) * (h - 1) ** 2 <= (a * k) ** 2,
  pyramid: (a, h, [x, y], k) => Math.max(Math.abs(x), Math.abs(y)) * (h - 1) <= a * k,
};

const hasHeight = (name: ShapeName): boolean => ["cone", "pyramid", "cylinder"].includes(name);

test.each([...SHAPES_2D, ...SHAPES_3D])("%s of every size is what the formula says", (name) => {
  for (const a of EXTENTS) {
    for (const h of hasHeight(name) ? EXTENTS : [9]) {
      const isFlat = name === "square" || name === "circle";
      const sizes: Sizes = [a, a, isFlat ? 1 : hasHeight(name) ? h : a];
      const { sizes: found, mask } = solid(name, a, h);
      expect(found).toEqual(sizes);
      let wrong = 0;
      forEachVoxel(sizes, (doubled, v) => {
        const expected = INSIDE[name](a, h, doubled, v % sizes[2]) ? 1 : 0;
        if (mask[v] !== expected) wrong++;
      });
      expect(wrong, `${name} ${a} ${h}`).toBe(0);
    }
  }
});

test("a cone of 5 × 5 × 5, by hand", () => {
  const { mask } = solid("cone", 5, 5);
  const layer = (k: number): string =>
    Array.from({ length: 5 }, (_, i) => [0, 1, 2, 3, 4].map((j) => mask[(i * 5 + j) * 5 + k]).join("")).join(
      " ",
    );
  // Radii 0, 0.625, 1.25, 1.875, 2.5.
  expect([0, 1, 2, 3, 4].map(layer)).toEqual([
    "00000 00000 00100 00000 00000",
    "00000 00000 00100 00000 00000",
    "00000 00100 01110 00100 00000",
    "00000 01110 01110 01110 00000",
    "01110 11111 11111 11111 01110",
  ]);
});

describe("turned", () => {
  const random = uniform(1);
  const sizes: Sizes = [3, 4, 5];
  const speckle: Solid = { sizes, mask: Uint8Array.from({ length: 60 }, () => Math.round(random())) };
  const PLANES = [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const;

  const filled = ({ sizes, mask }: Solid): Place[] => {
    const places: Place[] = [];
    forEachVoxel(sizes, (doubled, v) => mask[v] === 1 && places.push(doubled));
    return places;
  };
  // −0 is 0.
  const sorted = (places: readonly Place[]): string[] =>
    places.map((place) => place.map((x) => x + 0).join()).sort();

  test("by all 64 triples moves every voxel as quarter turns do: e → f, f → −e in the plane of e and f", () => {
    const seen = new Set<string>();
    for (let triple = 0; triple < 64; triple++) {
      const quarters = [triple & 3, (triple >> 2) & 3, triple >> 4];
      const places = filled(speckle);
      PLANES.forEach(([e, f], i) => {
        for (let q = 0; q < quarters[i]!; q++)
          for (const place of places) [place[e], place[f]] = [-place[f], place[e]];
      });
      const found = sorted(filled(turned(speckle, quarters)));
      expect(found).toEqual(sorted(places));
      seen.add(found.join(" "));
    }
    // The rotations of a cube.
    expect(seen.size).toBe(24);
  });
});
