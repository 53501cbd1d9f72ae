/** @file The published way of counting, against voxels counted one by one. */

import { describe, expect, test } from "vitest";
import { integer, uniform } from "acsconv/data";
import type { Prediction } from "acsconv/metrics";
import { publishedOverlap } from "./published-overlap.ts";

const CLASSES = ["cone", "pyramid", "cube", "cylinder", "ball", "background"];
const EPSILON = 1e-8;

function predictions(count: number, seed: number, voxels = 30, labels = CLASSES.length): Prediction[] {
  const random = uniform(seed);
  const draw = (): Uint8Array => Uint8Array.from({ length: voxels }, () => integer(random, 0, labels - 1));
  return Array.from({ length: count }, (_, i) => {
    const truth = draw();
    const noise = draw();
    // About half of the voxels are right.
    return { name: `${i}`, truth, classes: truth.map((t, v) => (random() < 0.5 ? t : noise[v]!)) };
  });
}

const measured = (examples: readonly Prediction[], classes = CLASSES): Readonly<Record<string, number>> => {
  const metric = publishedOverlap(classes);
  for (const example of examples) metric.add(example);
  return metric.value();
};

/** Batches of 20 in order; per class over a batch's voxels; classes[1:]; batches weighed by their size. */
function counted(examples: readonly Prediction[], classes = CLASSES) {
  let [dice, iou] = [0, 0];
  for (let start = 0; start < examples.length; start += 20) {
    const batch = examples.slice(start, start + 20);
    for (let label = 1; label < classes.length; label++) {
      let [both, either, sum] = [0, 0, 0];
      for (const { classes: predicted, truth } of batch)
        for (let v = 0; v < truth.length; v++) {
          const [p, t] = [predicted[v] === label, truth[v] === label];
          both += p && t ? 1 : 0;
          either += p || t ? 1 : 0;
          sum += (p ? 1 : 0) + (t ? 1 : 0);
        }
      const weight = batch.length / examples.length / (classes.length - 1);
      dice += (weight * (2 * both + EPSILON)) / (sum + EPSILON);
      iou += (weight * (both + EPSILON)) / (either + EPSILON);
    }
  }
  return { "published.dice": dice, "published.iou": iou };
}

function expectEqual(
  found: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, number>>,
): void {
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  expect(Object.values(found)).toBeAllClose(Object.values(expected), { rtol: 1e-12, atol: 0 });
}

describe("published.dice and published.iou", () => {
  test.each([1, 19, 20, 21, 40, 47])("of %i volumes, in batches of 20", (count) => {
    const examples = predictions(count, count);
    expectEqual(measured(examples), counted(examples));
  });

  test("of two classes and background", () => {
    const examples = predictions(25, 3, 30, 3);
    const classes = ["square", "circle", "background"];
    expectEqual(measured(examples, classes), counted(examples, classes));
  });

  test("may be asked in between", () => {
    const examples = predictions(30, 4);
    const metric = publishedOverlap(CLASSES);
    examples.forEach((example, i) => {
      metric.add(example);
      if ((i + 1) % 10 === 0) expectEqual(metric.value(), counted(examples.slice(0, i + 1)));
    });
    expect(metric.value()).toEqual(measured(examples));
  });

  test("pool a batch, and so are not the mean over volumes nor over all voxels", () => {
    const examples = predictions(30, 5);
    const { "published.dice": dice } = measured(examples);
    const alone = examples.map((example) => measured([example])["published.dice"]!);
    expect(Math.abs(dice! - alone.reduce((a, b) => a + b) / 30)).toBeGreaterThan(1e-3);
    const reordered = measured(examples.toReversed())["published.dice"]!;
    expect(Math.abs(dice! - reordered)).toBeGreaterThan(1e-5);
  });

  test("leave out the first class and take in the background", () => {
    const truth = Uint8Array.of(0, 0, 1, 2);
    const classes = ["first", "second", "background"];
    const score = (...predicted: number[]): number =>
      measured([{ name: "", truth, classes: Uint8Array.from(predicted) }], classes)["published.dice"]!;
    expect(score(0, 0, 1, 2)).toBe(1);
    // The first class is missed, and the background takes it: 2·1/(1 + 3).
    expect(score(2, 2, 1, 2)).toBeCloseTo((1 + 0.5) / 2, 8);
    // The background is missed; the first class has it, for nothing.
    expect(score(0, 0, 1, 0)).toBeCloseTo(0.5, 8);
  });

  test("a class that is neither there nor predicted is perfect; one that is only predicted is worth nothing", () => {
    const classes = ["first", "second", "background"];
    const only = (...predicted: number[]): Readonly<Record<string, number>> =>
      measured([{ name: "", truth: Uint8Array.of(0, 0, 2), classes: Uint8Array.from(predicted) }], classes);
    expectEqual(only(0, 0, 2), { "published.dice": 1, "published.iou": 1 });
    expect(only(0, 1, 2)["published.dice"]).toBeCloseTo(0.5, 7);
  });
});
