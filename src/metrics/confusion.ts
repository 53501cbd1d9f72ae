/**
 * @file Counting which class was taken for which. All overlap metrics are
 * ratios of these counts, so that voxels are looked at in one loop only.
 */

import { type ClassOptions, checkLengths, classNames, unknownClass } from "./classes.ts";
import { type Metric, type Prediction, withMean } from "./metric.ts";

/** Voxels of class `truth` that were predicted as `predicted`, at [truth · classes + predicted]. */
export interface Confusion {
  readonly classes: number;
  readonly counts: Float64Array;
}

export function confusionOf(prediction: Prediction, classes: number, ignoreIndex = -1): Confusion {
  checkLengths(prediction);
  const { classes: predicted, truth } = prediction;
  const counts = new Float64Array(classes * classes);
  for (let i = 0; i < truth.length; i++) {
    const t = truth[i]!;
    const p = predicted[i]!;
    if (t === ignoreIndex) continue;
    if (t >= classes || p >= classes) throw unknownClass(prediction, i, classes);
    counts[t * classes + p]!++;
  }
  return { classes, counts };
}

/** True positives, and how many voxels are predicted and truly of a class. */
export interface ClassCounts {
  readonly both: number;
  readonly predicted: number;
  readonly truth: number;
}

export function countsOf({ classes, counts }: Confusion, label: number): ClassCounts {
  let predicted = 0;
  let truth = 0;
  for (let other = 0; other < classes; other++) {
    predicted += counts[other * classes + label]!;
    truth += counts[label * classes + other]!;
  }
  return { both: counts[label * classes + label]!, predicted, truth };
}

/** A metric that is a function of the counts over all voxels of all examples. */
export function pooledMetric(
  options: ClassOptions,
  evaluate: (pooled: Confusion, names: readonly string[]) => Readonly<Record<string, number>>,
): Metric {
  const names = classNames(options);
  const counts = new Float64Array(names.length ** 2);
  return {
    add(prediction) {
      const more = confusionOf(prediction, names.length, options.ignoreIndex);
      more.counts.forEach((count, i) => (counts[i]! += count));
    },
    value: () => evaluate({ classes: names.length, counts }, names),
  };
}

/** `accuracy`: the part of all voxels (or examples) that got their class, background included. */
export const accuracy = (options: ClassOptions): Metric =>
  pooledMetric(options, ({ classes, counts }) => {
    let correct = 0;
    for (let label = 0; label < classes; label++) correct += counts[label * classes + label]!;
    return { accuracy: correct / counts.reduce((sum, count) => sum + count, 0) };
  });

/**
 * Sensitivity: `recall.cat` is the part of all true cats that were predicted as such, `recall` the mean over all classes
 * (balanced accuracy). A class that truly occurs nowhere is NaN and left out of the mean.
 */
export const recall = (options: ClassOptions): Metric =>
  pooledMetric(options, (pooled, names) =>
    withMean(
      "recall",
      names.map((name, label) => {
        const { both, truth } = countsOf(pooled, label);
        return [name, both / truth];
      }),
    ),
  );

/** `confusion.liver as tumour`: voxels that truly are liver and were predicted as tumour. Counts, not parts. */
export const confusionMatrix = (options: ClassOptions): Metric =>
  pooledMetric(options, ({ classes, counts }, names) =>
    Object.fromEntries(
      Array.from(counts, (count, i) => [
        `confusion.${names[Math.floor(i / classes)]} as ${names[i % classes]}`,
        count,
      ]),
    ),
  );
