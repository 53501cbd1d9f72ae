import { describe, expect, test } from "vitest";
import { gridMismatch } from "./grid-mismatch.ts";
import type { Grid } from "./volume.ts";

const GRID: Grid = {
  shape: [24, 28, 26],
  spacing: [2.5, 0.8, 0.7],
  origin: [-20, -30, 5],
  direction: [
    [0, 0, 1],
    [0, 1, 0],
    [1, 0, 0],
  ],
};

/** The first two axes turned about the third. */
function turnedBy(angle: number): Grid["direction"] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [
    [0, -sin, cos],
    [0, cos, sin],
    [1, 0, 0],
  ];
}

const compare = (other: Partial<Grid>) => gridMismatch(["A", GRID], ["B", { ...GRID, ...other }]);

describe("gridMismatch", () => {
  test.each<[string, Partial<Grid>]>([
    ["itself", {}],
    ["a thousandth of a voxel", { origin: [-20, -30, 5.0024] }],
    ["float32's rounding", { spacing: [2.5, Math.fround(0.8), Math.fround(0.7)] }],
  ])("has nothing to say of %s", (_, other) => {
    expect(compare(other)).toBeUndefined();
  });

  test.each<[string, Partial<Grid>, boolean, string]>([
    [
      "an origin",
      { origin: [-20, -30, 5.02] },
      true,
      "A has origin [-20, -30, 5], but B has origin [-20, -30, 5.02], which is 0.0080 of a voxel at the most",
    ],
    [
      "a spacing, in digits that differ",
      { spacing: [2.5, 0.80004, 0.7] },
      true,
      "A has spacing [2.5, 0.8, 0.7], but B has spacing [2.5, 0.80004, 0.7], which is 0.0013 of a voxel",
    ],
    [
      "a direction",
      { direction: turnedBy(1e-3) },
      false,
      "A has direction [0, 0, 1, 0, 1, 0, 1, 0, 0], but B has direction [0, -0.001, 1, 0, 1, 0.001, 1, 0, 0]: both must lie on one grid, so resample one to the other's, or, where only a header is wrong",
    ],
    [
      "a direction that moves little",
      { direction: turnedBy(4e-5) },
      true,
      "A has direction [0, 0, 1, 0, 1, 0, 1, 0, 0], but B has direction [0, -0.00004, 1, 0, 1, 0.00004, 1, 0, 0], which",
    ],
    [
      "an origin a little more than a hundredth",
      { origin: [-20, -30.0081, 5] },
      false,
      "A has origin [-20, -30, 5], but B has origin [-20, -30.008, 5]: both must",
    ],
    [
      "all that differs",
      { spacing: [2.5, 0.9, 0.7], origin: [-20, -31, 5] },
      false,
      "A has spacing [2.5, 0.8, 0.7] and origin [-20, -30, 5], but B has spacing [2.5, 0.9, 0.7] and origin [-20, -31, 5]",
    ],
    [
      "the shape before all",
      { shape: [24, 28, 25], origin: [0, 0, 0] },
      false,
      "A has [24, 28, 26] voxels, but B has [24, 28, 25] voxels: both must lie on one grid, so resample one to the other's.",
    ],
  ])("shows %s", (_, other, isSlight, sentence) => {
    const mismatch = compare(other);
    expect(mismatch?.isSlight).toBe(isSlight);
    expect(mismatch?.sentence).toContain(sentence);
  });
});
