import { describe, expect, test } from "vitest";
import { oblique, randomVolume } from "../../test/helpers/volumes.ts";
import { plainGrid, withData } from "./volume.ts";
import { countNonFinite, window, zscore } from "./intensity.ts";

const line = (...values: number[]) => withData(plainGrid([1, 1, values.length]), Float32Array.from(values));

describe("window", () => {
  test("maps lo to 0, hi to 1, and clips", () => {
    const result = window(
      withData(plainGrid([1, 1, 5]), Int16Array.of(-2000, -1000, 0, 400, 3000)),
      -1000,
      400,
    );
    expect(result.data).toBeAllClose([0, 0, 5 / 7, 1, 1], { rtol: 1e-7, atol: 0 });
  });

  test("keeps NaN, for callers to see", () => {
    expect([...window(line(Number.NaN, Infinity, -Infinity), 0, 1).data]).toEqual([Number.NaN, 1, 0]);
  });

  test.each([
    [1, 1],
    [2, 1],
    [Number.NaN, 1],
  ])("refuses %s to %s", (lo, hi) => {
    expect(() => window(line(1), lo, hi)).toThrow(expect.objectContaining({ kind: "input" }));
  });
});

describe("zscore", () => {
  test("gives each channel mean 0 and deviation 1", () => {
    const data = Array.from(zscore(randomVolume("uint16", oblique, 2)).data);
    for (const channel of [data.slice(0, 60), data.slice(60)]) {
      const mean = channel.reduce((a, b) => a + b, 0) / 60;
      const variance = channel.reduce((a, b) => a + (b - mean) ** 2, 0) / 60;
      expect([mean, variance]).toBeAllClose([0, 1], { rtol: 1e-5, atol: 1e-6 });
    }
  });

  test("by hand: all voxels, and those that are not 0", () => {
    expect(zscore(line(0, 2, 4)).data).toBeAllClose([-Math.sqrt(1.5), 0, Math.sqrt(1.5)], {
      rtol: 1e-6,
      atol: 1e-7,
    });
    expect([...zscore(line(0, 2, 4), { nonzero: true }).data]).toEqual([0, -1, 1]);
  });

  test("a constant becomes 0; NaN does not spread", () => {
    expect([...zscore(line(5, 5)).data]).toEqual([0, 0]);
    expect([...zscore(line(1, Number.NaN, 3)).data]).toEqual([-1, Number.NaN, 1]);
    expect([...zscore(line(0, 0), { nonzero: true }).data]).toEqual([0, 0]);
  });
});

test("countNonFinite counts NaN and infinities", () => {
  expect(countNonFinite(line(1, Number.NaN, Infinity, -Infinity, 0))).toBe(3);
  expect(countNonFinite(randomVolume("int32"))).toBe(0);
});
