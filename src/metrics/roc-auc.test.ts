/** @file The exact area under the curve: by hand, and against all pairs. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Prediction } from "./metric.ts";
import { areaUnderCurve, rocAuc } from "./roc-auc.ts";

const scored = (truth: readonly number[], classes: number, data: readonly number[]): Prediction => ({
  name: "case",
  classes: new Uint8Array(truth.length),
  truth: Uint8Array.from(truth),
  scores: { data: Float32Array.from(data), classes },
});

const area = (positives: readonly number[], negatives: readonly number[]): number =>
  areaUnderCurve(Float32Array.from(positives), Float32Array.from(negatives));

/** The definition: how often a positive beats a negative, ties counting half. */
function allPairs(positives: readonly number[], negatives: readonly number[]): number {
  let doubled = 0;
  for (const p of positives) for (const n of negatives) doubled += p > n ? 2 : p === n ? 1 : 0;
  return doubled / 2 / (positives.length * negatives.length);
}

describe("areaUnderCurve", () => {
  test("by hand", () => {
    expect(area([0.9, 0.8], [0.1, 0.2])).toBe(1);
    expect(area([0.1, 0.2], [0.9, 0.8])).toBe(0);
    // Of six pairs 4 are won, 1 is tied.
    expect(area([0.8, 0.4, 0.35], [0.1, 0.4])).toBe(4.5 / 6);
    expect(area([1, 1, 1], [1, 1])).toBe(0.5);
    expect(area([0], [-0])).toBe(0.5);
    expect(area([Infinity], [1, Infinity])).toBe(0.75);
  });

  test("is not known without positives or negatives, or with NaN", () => {
    expect(area([], [1])).toBeNaN();
    expect(area([1], [])).toBeNaN();
    expect(area([1, NaN], [0])).toBeNaN();
    expect(area([1], [NaN, 0])).toBeNaN();
  });

  test("equals the count over all pairs, many of them tied", () => {
    const scores = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.float({ noNaN: true })), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(scores, scores, (positives, negatives) => {
        // Both are the same whole numbers, divided: equal to the last bit.
        expect(area(positives, negatives)).toBe(allPairs(positives, negatives));
      }),
      { numRuns: 300, seed: 5 },
    );
  });

  test("ranks a million scores that differ by single bits", () => {
    const size = 2 ** 19;
    const odd = new Float32Array(size);
    const even = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      // From 1 on, neighbouring floats are 2⁻²³ apart.
      even[size - 1 - i] = 1 + 2 * i * 2 ** -23;
      odd[i] = 1 + (2 * i + 1) * 2 ** -23;
    }
    // The i-th odd one is above i + 1 even ones.
    expect(areaUnderCurve(odd, even)).toBe((size + 1) / 2 / size);
  });
});

describe("rocAuc", () => {
  test("of two classes ranks by the difference of their logits", () => {
    const metric = rocAuc({ classes: 2 });
    metric.add(scored([1, 0, 1], 2, [5, 0, 1, 6, 2, 2])); // differences 1, 2, 1
    metric.add(scored([0], 2, [3, 3])); // 0
    expect(metric.value()).toEqual({ auc: 0.5, "auc.1": 0.5 });
  });

  test("of several classes is the mean of each against the rest; probabilities are ranked as they are", () => {
    const metric = rocAuc({ classes: ["a", "b", "c"], scores: "probabilities" });
    metric.add(
      scored(
        [0, 1, 2, 1],
        3,
        [
          [0.5, 0.3, 0.2, 0.6],
          [0.2, 0.4, 0.3, 0.3],
          [0.3, 0.3, 0.5, 0.1],
        ].flat(),
      ),
    );
    // a: 0.5 beats 0.3 and 0.2; b: {0.4, 0.3} against {0.2, 0.3}: 3 won, 1 tied; c: 0.5 beats all
    expect(metric.value()).toEqual({
      auc: (2 / 3 + 3.5 / 4 + 1) / 3,
      "auc.a": 2 / 3,
      "auc.b": 3.5 / 4,
      "auc.c": 1,
    });
  });

  test("logits rank as their softmax does, in double precision", () => {
    const CLASSES = 3;
    const logit = fc.integer({ min: -40, max: 40 }).map((n) => n / 8);
    const voxels = fc.array(
      fc.record({ truth: fc.nat(CLASSES - 1), logits: fc.array(logit, { minLength: 3, maxLength: 3 }) }),
      { minLength: 2, maxLength: 30 },
    );
    fc.assert(
      fc.property(voxels, (examples) => {
        const truth = examples.map((each) => each.truth);
        const metric = rocAuc({ classes: CLASSES });
        metric.add(
          scored(truth, CLASSES, [0, 1, 2].flatMap((c) => examples.map((each) => each.logits[c]!))),
        ); // prettier-ignore
        for (let c = 0; c < CLASSES; c++) {
          const odds = examples.map(({ logits }) => {
            const others = logits.filter((_, j) => j !== c).map(Math.exp);
            return logits[c]! - Math.log(others[0]! + others[1]!);
          });
          const positives = odds.filter((_, i) => truth[i] === c);
          const negatives = odds.filter((_, i) => truth[i] !== c);
          const gaps = positives.flatMap((p) => negatives.map((n) => p - n));
          // Scores are kept in single precision: pairs that are nearly tied may fall either way.
          const open = gaps.filter((gap) => Math.abs(gap) < 1e-5).length;
          const won = gaps.filter((gap) => gap >= 1e-5).length;
          const found = metric.value()[`auc.${c}`]!;
          if (gaps.length === 0) expect(found).toBeNaN();
          else
            expect(Math.abs(found - (won + open / 2) / gaps.length)).toBeLessThanOrEqual(
              (open / 2 + 1e-9) / gaps.length,
            );
        }
      }),
      { numRuns: 100, seed: 6 },
    );
  });

  test("does not saturate where probabilities round to 1", () => {
    const metric = rocAuc({ classes: 2 });
    metric.add(scored([0, 1], 2, [0, 0, 100, 200]));
    expect(metric.value().auc).toBe(1);
  });

  test("takes one output of a sigmoid for the second class", () => {
    const metric = rocAuc({ classes: 2 });
    metric.add(scored([0, 1, 0], 1, [-3, 2, 4]));
    expect(metric.value()).toEqual({ auc: 0.5, "auc.1": 0.5 });
  });

  test("infinite logits have their rank, NaN has none, an absent class is left out", () => {
    const infinite = rocAuc({ classes: 2 });
    infinite.add(scored([0, 1, 1], 2, [Infinity, 0, 0, 0, 0, Infinity]));
    expect(infinite.value().auc).toBe(1);
    const broken = rocAuc({ classes: 2 });
    broken.add(scored([0, 1], 2, [0, NaN, 0, 1]));
    expect(broken.value().auc).toBeNaN();
    const absent = rocAuc({ classes: 3, scores: "probabilities" });
    absent.add(scored([0, 1], 3, [1, 0, 0, 1, 0, 0]));
    expect(absent.value()).toEqual({ auc: 1, "auc.0": 1, "auc.1": 1, "auc.2": NaN });
  });

  test("leaves out what nobody annotated, and keeps no buffer of its caller", () => {
    const metric = rocAuc({ classes: 2, ignoreIndex: 255, scores: "probabilities" });
    const example = scored([0, 1, 255], 2, [0.6, 0.3, 0, 0.4, 0.7, 1]);
    metric.add(example);
    example.scores!.data.fill(0);
    example.truth.fill(1);
    expect(metric.value().auc).toBe(1);
  });

  test("refuses missing scores, scores of other classes, other labels, and one class", () => {
    const metric = rocAuc({ classes: 3 });
    const { scores: _, ...unscored } = scored([0], 3, [0, 0, 0]);
    expect(() => metric.add(unscored)).toThrow(
      'rocAuc needs scores of 3 classes for each of the 1 voxels of "case", but there are none.',
    );
    expect(() => metric.add(scored([0], 2, [0, 0]))).toThrow(/but there are 2 of 2 classes/);
    expect(() => metric.add(scored([3], 3, [0, 0, 0]))).toThrow(/truth of "case" has class 3 at voxel 0/);
    expect(() => rocAuc({ classes: 1 })).toThrow(/two classes or more, not "logits" of 1/);
    expect(metric.value().auc).toBeNaN();
  });
});
