/** @file Overlap, accuracy and confusion: by hand, and against definitions that look at one voxel after the other. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accuracy, confusionMatrix, recall } from "./confusion.ts";
import type { Metric, Prediction } from "./metric.ts";
import { dice, dicePerCase, iou } from "./overlap.ts";
import { METRIC_NAMES, createMetric } from "./registry.ts";

const example = (classes: readonly number[], truth: readonly number[], name = "case"): Prediction => ({
  name,
  classes: Uint8Array.from(classes),
  truth: Uint8Array.from(truth),
});

const valueOf = (metric: Metric, ...examples: readonly Prediction[]): Readonly<Record<string, number>> => {
  for (const each of examples) metric.add(each);
  return metric.value();
};

// Class 1: 2 of 3 predicted, 2 of 4 true, 1 in both. Class 2: 1 predicted, 2 true, 1 in both.
const first = example([1, 1, 0, 0, 2, 0], [1, 0, 1, 2, 2, 0]);
// Class 1: 1 predicted, 2 true, 1 in both. Class 2: nowhere.
const second = example([1, 0, 0], [1, 1, 0]);
const classes = ["background", "liver", "tumour"];

describe("by hand", () => {
  test("recall", () => {
    expect(valueOf(recall({ classes }), first, second)).toEqual({
      recall: (2 / 3 + 2 / 4 + 1 / 2) / 3,
      "recall.background": 2 / 3,
      "recall.liver": 2 / 4,
      "recall.tumour": 1 / 2,
    });
    // What truly occurs nowhere is left out.
    expect(valueOf(recall({ classes }), second)).toMatchObject({
      recall: (1 + 1 / 2) / 2,
      "recall.tumour": NaN,
    });
  });

  test("global Dice pools the voxels of all cases", () => {
    // liver 2·2/(3 + 4), tumour 2·1/(1 + 2)
    expect(valueOf(dice({ classes }), first, second)).toEqual({
      dice: (4 / 7 + 2 / 3) / 2,
      "dice.liver": 4 / 7,
      "dice.tumour": 2 / 3,
    });
  });

  test("Dice per case gives each case the same weight; a class absent from both counts 1, as in LiTS", () => {
    // liver 2·1/(2 + 2) and 2·1/(1 + 2)
    expect(valueOf(dicePerCase({ classes }), first, second)).toEqual({
      dicePerCase: ((1 / 2 + 2 / 3) / 2 + (2 / 3 + 1) / 2) / 2,
      "dicePerCase.liver": (1 / 2 + 2 / 3) / 2,
      "dicePerCase.tumour": (2 / 3 + 1) / 2,
    });
  });

  test("… or not at all, as in nnU-Net; a class predicted where it is not scores 0 in both", () => {
    const skipping = dicePerCase({ classes, empty: "skip" });
    expect(valueOf(skipping, first, second)["dicePerCase.tumour"]).toBe(2 / 3);
    const invented = example([2, 0, 0], [0, 0, 0]);
    for (const [empty, tumour, liver] of [
      ["skip", 0, NaN],
      ["one", 0, 1],
    ] as const) {
      const value = valueOf(dicePerCase({ classes, empty }), invented);
      expect(value["dicePerCase.tumour"]).toBe(tumour);
      expect(value["dicePerCase.liver"]).toBe(liver);
    }
  });

  test("IoU is the part of the union", () => {
    expect(valueOf(iou({ classes: 3 }), first, second)).toEqual({
      iou: (2 / 5 + 1 / 2) / 2,
      "iou.1": 2 / 5,
      "iou.2": 1 / 2,
    });
  });

  test("accuracy counts every voxel, the confusion matrix says what was taken for what", () => {
    expect(valueOf(accuracy({ classes }), first, second)).toEqual({ accuracy: 5 / 9 });
    expect(valueOf(confusionMatrix({ classes: ["a", "b", "c"] }), first)).toEqual({
      "confusion.a as a": 1,
      "confusion.a as b": 1,
      "confusion.a as c": 0,
      "confusion.b as a": 1,
      "confusion.b as b": 1,
      "confusion.b as c": 0,
      "confusion.c as a": 1,
      "confusion.c as b": 0,
      "confusion.c as c": 1,
    });
  });

  test("one class per example is classification", () => {
    const images = [example([2], [2]), example([1], [2]), example([0], [0]), example([1], [1])];
    expect(valueOf(accuracy({ classes: 3 }), ...images).accuracy).toBe(3 / 4);
  });

  test("the background may be another class, or none", () => {
    const value = valueOf(dice({ classes: 3, background: 2 }), first);
    expect(Object.keys(value)).toEqual(["dice", "dice.0", "dice.1"]);
    // class 0: 3 predicted, 2 true, 1 in both
    expect(valueOf(dice({ classes: 3, background: null }), first)).toEqual({
      dice: (2 / 5 + 2 / 4 + 2 / 3) / 3,
      "dice.0": 2 / 5,
      "dice.1": 2 / 4,
      "dice.2": 2 / 3,
    });
  });

  test("a class that occurs nowhere is NaN, and no mean speaks of it", () => {
    expect(valueOf(dice({ classes: 4 }), second)).toEqual({
      dice: 2 / 3,
      "dice.1": 2 / 3,
      "dice.2": NaN,
      "dice.3": NaN,
    });
    const averages = METRIC_NAMES.filter((name) => name !== "confusionMatrix");
    const headlines = averages.map((name) => Object.values(createMetric(name, { classes: 3 }).value())[0]);
    expect(headlines).toEqual(averages.map(() => NaN));
  });

  test("voxels that nobody annotated count nowhere, whatever is predicted there", () => {
    const open = example([1, 1, 0, 1], [1, 255, 0, 255]);
    expect(valueOf(dice({ classes: 2, ignoreIndex: 255 }), open).dice).toBe(1);
    expect(valueOf(accuracy({ classes: 2, ignoreIndex: 255 }), open).accuracy).toBe(1);
  });
});

describe("against the definitions", () => {
  const COUNT = 4;
  const labels = fc.array(fc.tuple(fc.nat(COUNT - 1), fc.nat(COUNT - 1)), { minLength: 1, maxLength: 30 });
  const cases = fc
    .array(labels, { minLength: 1, maxLength: 4 })
    .map((pairs) =>
      pairs.map((pair, i) => example(pair.map(([p]) => p), pair.map(([, t]) => t), `case ${i}`)),
    ); // prettier-ignore

  /** Sets of voxels, by their definition. */
  const overlapOf = (examples: readonly Prediction[], label: number): { dice: number; iou: number } => {
    const places = (which: "classes" | "truth"): Set<string> =>
      new Set(
        examples.flatMap((each, e) =>
          Array.from(each[which], (found, i) => (found === label ? `${e}/${i}` : "")).filter((key) => key !== ""),
        ),
      ); // prettier-ignore
    const [predicted, truth] = [places("classes"), places("truth")];
    const both = [...predicted].filter((key) => truth.has(key)).length;
    const either = new Set([...predicted, ...truth]).size;
    return { dice: (2 * both) / (predicted.size + truth.size), iou: both / either };
  };

  test("overlaps of random labels", () => {
    fc.assert(
      fc.property(cases, (examples) => {
        const value = {
          ...valueOf(dice({ classes: COUNT, background: null }), ...examples),
          ...valueOf(iou({ classes: COUNT, background: null }), ...examples),
          ...valueOf(dicePerCase({ classes: COUNT }), ...examples),
        };
        for (let label = 0; label < COUNT; label++) {
          const expected = overlapOf(examples, label);
          // Ratios of the same whole numbers: equal to the last bit.
          expect(value[`dice.${label}`]).toBe(expected.dice);
          expect(value[`iou.${label}`]).toBe(expected.iou);
          if (label === 0) continue;
          const perCase = examples.map((each) => overlapOf([each], label).dice);
          const mean = perCase.reduce((sum, x) => sum + (Number.isNaN(x) ? 1 : x), 0) / examples.length;
          expect(value[`dicePerCase.${label}`]).toBe(mean);
        }
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  test("it does not matter how voxels are dealt to examples, but for Dice per case", () => {
    fc.assert(
      fc.property(cases, (examples) => {
        const whole = example(
          examples.flatMap((each) => [...each.classes]),
          examples.flatMap((each) => [...each.truth]),
        );
        for (const make of [dice, iou, accuracy, confusionMatrix]) {
          expect(valueOf(make({ classes: COUNT }), ...examples)).toEqual(
            valueOf(make({ classes: COUNT }), whole),
          );
        }
      }),
      { numRuns: 100, seed: 4 },
    );
  });
});

describe("what is refused", () => {
  test("a class that there is not, with place and remedy; the example counts nowhere then", () => {
    const metric = dice({ classes: 2 });
    metric.add(example([1], [1]));
    expect(() => metric.add(example([0, 1, 0], [0, 0, 3], "liver_7"))).toThrow(
      'The truth of "liver_7" has class 3 at voxel 2, but the classes are 0 to 1: ' +
        "correct the labels, the number of classes, or set ignoreIndex.",
    );
    expect(() => metric.add(example([0, 9], [1, 1]))).toThrow(
      /^The prediction of "case" has class 9 at voxel 1/,
    );
    expect(metric.value().dice).toBe(1);
  });

  test("a prediction of another length", () => {
    expect(() => accuracy({ classes: 2 }).add(example([1, 0], [1]))).toThrow(
      /"case" has 2 voxels and its truth 1/,
    );
  });

  test.each([
    [{ classes: 0 }, /1 to 256 classes/],
    [{ classes: 2.5 }, /1 to 256 classes/],
    [{ classes: ["a", "a"] }, /with names of their own, not \["a","a"\]/],
    [{ classes: 2, background: 2 }, /background needs to be a class from 0 to 1, not 2/],
    [{ classes: 2, ignoreIndex: -1 }, /ignoreIndex needs to be a class from 0 to 255, not -1/],
    [{ classes: 2, empty: "zero" as "one" }, /"empty" of dicePerCase is "one" or "skip", not "zero"/],
  ])("options %j", (options, message) => {
    expect(() => dicePerCase(options)).toThrow(message);
  });
});

describe("by name", () => {
  test("every metric is made, and given its options", () => {
    for (const name of METRIC_NAMES) expect(createMetric(name, { classes: 2 }).value()).toBeTypeOf("object");
    const metric = createMetric("dicePerCase", { classes, empty: "skip", background: 2 });
    expect(valueOf(metric, second)).toEqual({
      dicePerCase: (2 / 3 + 2 / 3) / 2,
      "dicePerCase.background": 2 / 3,
      "dicePerCase.liver": 2 / 3,
    });
  });

  test.each([
    ["dise", "dice"],
    ["dice-per-case", "dicePerCase"],
    ["IoU", "iou"],
    ["acuracy", "accuracy"],
    ["roc_auc", "rocAuc"],
  ])("%s is unknown, and %s was meant", (typo, name) => {
    expect(() => createMetric(typo, { classes: 2 })).toThrow(
      `There is no metric "${typo}": the nearest is "${name}", of ${METRIC_NAMES.join(", ")}.`,
    );
  });

  test("nothing is suggested where nothing is near, and options are names too", () => {
    expect(() => createMetric("hausdorff", { classes: 2 })).toThrow(
      /^There is no metric "hausdorff": there are/,
    );
    expect(() => createMetric("toString", { classes: 2 })).toThrow(/There is no metric "toString"/);
    expect(() => createMetric("dice", { classes: 2, ignoreindex: 1 })).toThrow(
      /no option of dice "ignoreindex": the nearest is "ignoreIndex", of /,
    );
  });
});
