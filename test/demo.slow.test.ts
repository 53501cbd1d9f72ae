/** @file The demo, as a user runs it: its numbers are sane and agree with what it says and writes. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { datasetOf, samples3d } from "../experiments/src/poc/data.ts";
import { CLASSES_3D } from "../experiments/src/poc/shapes.ts";
import { load } from "../src/index.ts";
import { dice } from "../src/metrics/index.ts";
import { evaluate } from "../src/train/index.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const SHAPES = ["cone", "pyramid", "cube", "cylinder", "ball"];

const shell = (line: string): string => execFileSync("bash", ["-c", line], { cwd: ROOT, encoding: "utf8" });

/** The numbers in a line that begins with a label. */
function numbersAfter(label: string): number[] {
  const line = said.split("\n").find((line) => line.startsWith(label));
  expect(line, `a line that begins with "${label}"`).toBeDefined();
  return [...line!.slice(label.length).matchAll(/\d[\d,]*\.?\d*/g)].map(([text]) =>
    Number(text.replaceAll(",", "")),
  );
}
const mAucOf = (label: string): number => {
  const [, auc] = new RegExp(`^${label} +([01]\\.\\d{3})$`, "m").exec(said)!;
  return Number(auc);
};

let said = "";
let html = "";
beforeAll(() => {
  said = shell("npm run --silent demo");
  html = readFileSync(`${ROOT}demo/report.html`, "utf8");
});

test("the 2D network knows its shapes", () => {
  for (const percent of numbersAfter("Dice: square").slice(0, 2)) {
    expect(percent).toBeGreaterThan(85);
    expect(percent).toBeLessThanOrEqual(100);
  }
});

test("lifting adds no parameter", () => {
  const [flat, , solid] = numbersAfter("parameters");
  expect(flat).toBe(389_187);
  expect(solid).toBe(flat);
});

test("without training, pretrained features show shapes, and random ones do less", () => {
  const [acs, flat, random] = ["ACS, pretrained", "2.5D, pretrained", "ACS, random weights"].map((label) =>
    mAucOf(`${label}[^\\n]*?`),
  );
  for (const auc of [acs!, flat!, random!]) {
    expect(auc).toBeGreaterThan(0.5);
    expect(auc).toBeLessThan(1);
  }
  expect(acs!).toBeGreaterThan(random! + 0.05);
  expect(said).toContain("much better than random weights do");
});

test("the loss is shown while it falls", () => {
  const losses = [...said.matchAll(/^ +\d+\/\d+ +loss  p\. ([\d.]+)  r\. ([\d.]+)$/gm)].map((line) =>
    line.slice(1).map(Number),
  );
  expect(losses).toHaveLength(8);
  for (const loss of losses.flat()) expect(loss).toBeLessThan(1);
});

test("the mean is that of the five, and the sentence says what the table does", () => {
  const rows = SHAPES.map((name) => numbersAfter(name));
  const [p, r] = numbersAfter("mean of the five");
  for (const [column, mean] of [p!, r!].entries()) {
    const values = rows.map((row) => row[column]!);
    for (const value of values) expect(value >= 0 && value <= 100).toBe(true);
    expect(values.reduce((sum, value) => sum + value, 0) / 5).toBeCloseTo(mean, 0);
  }
  // All background is 0.
  expect(p!).toBeGreaterThan(8);
  for (const any of numbersAfter("any shape")) expect(any > p! && any <= 100).toBe(true);
  const points = Math.abs(p! - r!);
  const finding =
    points < 2.9 ? "no clear difference" : p! > r! ? "pretrained network is ahead" : "did not help";
  if (Math.abs(points - 3) > 0.1) expect(said).toContain(finding);
});

test("the network that it writes is the one whose Dice it prints", async () => {
  const model = await load(`${ROOT}demo/shapes.acs.onnx`);
  expect(model.lifted?.options.kind).toBe("acs");
  const heldOut = samples3d({ part: "test", seed: 2024, rotate: "published" });
  const overlap = dice({ classes: CLASSES_3D, background: CLASSES_3D.indexOf("background") });
  const scores = await evaluate(model, datasetOf(heldOut, 12, 3), [overlap], { size: [48, 48, 48] });
  // Percent, printed with one decimal; voxels on the verge may fall the other way.
  expect([100 * scores["dice"]!]).toBeAllClose(numbersAfter("mean of the five").slice(0, 1), {
    rtol: 0,
    atol: 0.1,
  });
});

test("the report stands alone, with the numbers that were printed", () => {
  expect(html).toContain("default-src 'none'");
  expect(html.match(/(?:src|href)="(?!data:)/g)).toBeNull();
  expect(html).not.toMatch(/<script|url\(/);
  expect(html.match(/<img /g)).toHaveLength(16);
  expect(html).toContain("<svg");
  for (const percent of numbersAfter("mean of the five")) expect(html).toContain(`>${percent.toFixed(1)} %<`);
});

test("the commands it quotes work", () => {
  const quoted = [...said.matchAll(/^\$ (npx acsconv inspect .*)$/gm)].map((line) => line[1]!);
  expect(quoted).toHaveLength(1);
  expect(shell(quoted[0]!)).toContain("multiply-adds");
});
