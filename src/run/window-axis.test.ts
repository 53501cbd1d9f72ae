import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { axisWindows } from "./window-axis.ts";

const starts = (size: number, patch: number, overlap: number): number[] =>
  axisWindows(size, patch, overlap, "constant").map((window) => window.start);

describe("windows along an axis", () => {
  // The first three are nnU-Net's compute_steps_for_sliding_window.
  test.each([
    { size: 100, patch: 40, overlap: 0.5, expected: [0, 20, 40, 60] },
    { size: 123, patch: 54, overlap: 0.5, expected: [0, 23, 46, 69] },
    { size: 162, patch: 54, overlap: 0, expected: [0, 54, 108] },
    { size: 7, patch: 7, overlap: 0.5, expected: [0] },
    { size: 8, patch: 7, overlap: 0.5, expected: [0, 1] },
    { size: 3, patch: 8, overlap: 0.5, expected: [-2] },
    { size: 9, patch: 1, overlap: 0.9, expected: [0, 1, 2, 3, 4, 5, 6, 7, 8] },
  ])(
    "$size voxels, patch $patch, overlap $overlap start at $expected",
    ({ size, patch, overlap, expected }) => {
      expect(starts(size, patch, overlap)).toEqual(expected);
    },
  );

  test("cover every voxel, overlap enough, and their shares sum to 1", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 24 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        fc.constantFrom("gaussian", "constant"),
        (size, patch, overlap, blending) => {
          const windows = axisWindows(size, patch, overlap, blending);
          const sums = new Float64Array(size);
          for (const { start, shares } of windows) {
            expect(shares.length).toBe(patch);
            shares.forEach((share, i) => {
              expect(share).toBeGreaterThan(0);
              if (start + i >= 0 && start + i < size) sums[start + i]! += share;
            });
          }
          expect(sums).toBeAllClose(new Float64Array(size).fill(1), { rtol: 0, atol: 1e-12 });
          for (const [i, { start }] of windows.slice(1).entries()) {
            // Rounding may move a start by half a voxel, and windows are whole voxels apart at least.
            expect(start - windows[i]!.start).toBeLessThanOrEqual(Math.max(1, patch * (1 - overlap)) + 1);
          }
        },
      ),
    );
  });

  test("Gaussian windows share a voxel by their distance from it", () => {
    // Two windows that meet in one voxel only, at the edge of both: it is shared equally.
    const [first] = axisWindows(99, 50, 0, "gaussian");
    expect(first!.shares[49]).toBeCloseTo(0.5, 12);
    // Voxel 6 of the first is voxel 1 of the second.
    const [a, b] = axisWindows(15, 10, 0.5, "gaussian");
    const weight = (i: number): number => Math.exp(-((i - 4.5) ** 2) / (2 * 1.25 ** 2));
    expect(a!.shares[6]).toBeCloseTo(weight(6) / (weight(6) + weight(1)), 12);
    expect(b!.shares[1]).toBeCloseTo(weight(1) / (weight(6) + weight(1)), 12);
  });
});
