/** @file Samples follow from seed, set and number; a trainer gets them whole. */

import { describe, expect, test } from "vitest";
import { seedFor, uniform } from "acsconv/data";
import { DATA_SEED } from "./config.ts";
import { datasetOf, samples2d, samples3d } from "./data.ts";
import type { Sample } from "./shapes.ts";

/** Of the noise in two samples, whose voxels are independent: within ±5/√n. */
function correlation(a: Sample, b: Sample, background: number): number {
  const noise = ({ image, labels }: Sample): Float32Array =>
    image.map((x, at) => (x - (labels[at] === background ? 0 : 1)) / 0.5);
  const [x, y] = [noise(a), noise(b)];
  return x.reduce((sum, value, at) => sum + value * y[at]!, 0) / x.length;
}

const areEqual = (a: Sample, b: Sample): boolean =>
  Buffer.from(a.image.buffer).equals(new Uint8Array(b.image.buffer)) &&
  Buffer.from(a.labels).equals(b.labels);

const volumes = (part: "train" | "test", seed: number) => samples3d({ part, seed, rotate: "published" });

describe("samples", () => {
  test("of a seed, a set and a number are always the same", () => {
    expect(areEqual(volumes("train", 3)(5), volumes("train", 3)(5))).toBe(true);
    const images = samples2d({ part: "test", seed: 3 });
    const early = images(5);
    images(6);
    expect(areEqual(images(5), early)).toBe(true);
  });

  test("of other numbers, sets, seeds have other shapes and independent noise", () => {
    const one = volumes("train", 0)(1);
    const limit = 5 / Math.sqrt(one.image.length);
    for (const other of [volumes("train", 0)(2), volumes("test", 0)(1), volumes("train", 1)(1)]) {
      expect(Buffer.from(other.labels).equals(one.labels)).toBe(false);
      expect(Math.abs(correlation(one, other, 5))).toBeLessThan(limit);
    }
    expect(Math.abs(correlation(one, one, 5) - 1)).toBeLessThan(Math.sqrt(2) * limit);
  });

  test("of the whole experiment have seeds that are all different", () => {
    const seeds = (
      [
        ["2d:train", 10_000],
        ["2d:test", 2000],
        ["3d:train", 100],
        ["3d:test", 200],
      ] as const
    ).flatMap(([set, count]) => Array.from({ length: count }, (_, i) => seedFor(DATA_SEED, `${set}:${i}`)));
    expect(new Set(seeds).size).toBe(12_300);
  });
});

test.each([2, 3] as const)("a dataset gives them in %i dimensions, with a channel", async (dimensions) => {
  const samples = dimensions === 2 ? samples2d({ part: "train", seed: 0 }) : volumes("train", 0);
  const dataset = datasetOf(samples, 7, dimensions);
  expect(dataset.length).toBe(7);
  const { image, target, name } = await dataset.get(6, uniform(0));
  const dims = [48, 48, 48].slice(0, dimensions);
  expect([name, image.dtype, image.dims]).toEqual(["shape_6", "float32", [1, ...dims]]);
  expect([target.dtype, target.dims]).toEqual(["uint8", dims]);
  const given = { image: image.data, labels: target.data as Uint8Array };
  expect(areEqual(given, samples(6))).toBe(true);
});
