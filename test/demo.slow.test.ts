/** @file The demo: runs, says what holds, leaves maps where they belong, and quotes commands that work. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decode } from "fast-png";
import { beforeAll, expect, test } from "vitest";
import { cropTo, readVolume, reorient, resampleLike, type Volume } from "../src/volume/index.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const SCAN = `${ROOT}test/fixtures/t1-kmeans/KmeansTest_T1UCharRaw.nii.gz`;

const shell = (line: string): string => execFileSync("bash", ["-c", line], { cwd: ROOT, encoding: "utf8" });

let said = "";
let seconds = 0;

beforeAll(() => {
  const start = performance.now();
  said = shell("npm run --silent demo");
  seconds = (performance.now() - start) / 1000;
});

test("takes less than 90 s", () => {
  expect(seconds).toBeLessThan(90);
});

test("lifting keeps every parameter", () => {
  const [, flat, lifted] = /^parameters +(\d+) +(\d+)$/m.exec(said)!;
  expect(lifted).toBe(flat);
});

test("the lifted maps react to boundaries across slices more nearly as the scan has them", () => {
  const rows = [...said.matchAll(/boundaries +([\d.]+) +([\d.]+) +([\d.]+)$/gm)].map((row) =>
    row.slice(1).map(Number),
  );
  expect(rows).toHaveLength(3);
  for (const [scan, flat, lifted] of rows) {
    expect(Math.abs(lifted! - scan!)).toBeLessThan(Math.abs(flat! - scan!));
  }
});

test("draws a picture", () => {
  const { width, height, data } = decode(readFileSync(`${ROOT}demo/out/features.png`));
  expect(width).toBeGreaterThan(1000);
  expect(height).toBeGreaterThan(1000);
  expect(new Set(data).size).toBeGreaterThan(200);
});

test.each(["stage1", "stage2", "pyramid"])("the maps of %s lie where the scan does", async (name) => {
  const maps = await readVolume(`${ROOT}demo/out/${name}.acs.nii.gz`);
  const scan = await readVolume(SCAN);
  // Turned round, the maps fit the head less well.
  const places = ["LPS", "RPS", "LAS", "LPI"].map((code) => {
    const { data } = reorient(maps, code);
    return likenessToHead({ ...maps, data }, scan);
  });
  expect(Math.max(...places)).toBe(places[0]);
});

test("the commands it quotes work", () => {
  const quoted = [...said.matchAll(/^\$ (npx acsconv (?:inspect|predict) .*)$/gm)].map((line) => line[1]!);
  expect(quoted).toHaveLength(2);
  const [inspected, predicted] = quoted.map(shell);
  expect(inspected).toContain("multiply-adds");
  expect(predicted).toContain("wrote demo/out/maps.nii.gz");
});

/** Correlation of "is head" with "differs from what the map is in air", off the border. */
function likenessToHead(maps: Volume, scan: Volume): number {
  const border = [4, 4, 4] as const;
  const [d, h, w] = maps.shape;
  const inner = cropTo(maps, border, [d - 8, h - 8, w - 8]);
  const isHead = Array.from(resampleLike(scan, inner, "linear").data, (x) => (x > 25 ? 1 : 0));
  const first = Array.from(inner.data.subarray(0, isHead.length));
  const inAir = first.filter((_, i) => isHead[i] === 0).sort((a, b) => a - b);
  const air = inAir[inAir.length >> 1]!;
  return correlation(
    first.map((x) => Math.abs(x - air)),
    isHead,
  );
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  const covariance = mean(a.map((x, i) => (x - meanA) * (b[i]! - meanB)));
  const deviation = (values: readonly number[], centre: number): number =>
    Math.sqrt(mean(values.map((x) => (x - centre) ** 2)));
  return covariance / (deviation(a, meanA) * deviation(b, meanB));
}
