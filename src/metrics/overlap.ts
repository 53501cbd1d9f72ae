/**
 * @file How well predicted and true regions overlap, by class:
 *
 *   Dice = 2·|P ∩ T| / (|P| + |T|)      IoU = |P ∩ T| / |P ∪ T|
 *
 * Pooled metrics count the voxels of all cases together ("global Dice"), so large structures weigh more; per case,
 * every case weighs the same. Both are what the LiTS benchmark reports.
 *
 * @see Bilic et al., "The Liver Tumor Segmentation Benchmark (LiTS)", https://arxiv.org/abs/1901.04056
 */

import { inputError } from "../base/errors.ts";
import { type ForegroundOptions, classNames, foreground } from "./classes.ts";
import { type ClassCounts, type Confusion, confusionOf, countsOf, pooledMetric } from "./confusion.ts";
import { type Metric, withMean } from "./metric.ts";

/** NaN for a class that is neither predicted nor true. */
const diceOf = ({ both, predicted, truth }: ClassCounts): number => (2 * both) / (predicted + truth);
const iouOf = ({ both, predicted, truth }: ClassCounts): number => both / (predicted + truth - both);

/**
 * Global Dice: `dice.liver` over all voxels of all cases, `dice` the mean of the classes without
 * the background. A class that occurs nowhere is NaN and left out of the mean.
 */
export const dice = (options: ForegroundOptions): Metric => pooledOverlap("dice", diceOf, options);

/** Jaccard index: `iou.liver` over all voxels of all cases, and their mean `iou` (mIoU), as for {@link dice}. */
export const iou = (options: ForegroundOptions): Metric => pooledOverlap("iou", iouOf, options);

/** Of {@link dicePerCase}. */
export interface DicePerCaseOptions extends ForegroundOptions {
  /**
   * What a case counts for a class that it neither has nor is predicted to have: `one`, as LiTS
   * scores it (the default), or `skip`: not at all, as nnU-Net's summaries do. A class that is
   * predicted where it is not scores 0 in both.
   */
  readonly empty?: "one" | "skip";
}

/**
 * Dice per case: `dicePerCase.liver` is the mean over cases (each `add` is a case) of a class,
 * `dicePerCase` the mean of the classes without the background.
 */
export function dicePerCase(options: DicePerCaseOptions): Metric {
  const { empty = "one" } = options;
  if (empty !== "one" && empty !== "skip")
    throw inputError(`The option "empty" of dicePerCase is "one" or "skip", not ${JSON.stringify(empty)}.`);
  const names = classNames(options);
  const sums = foreground(options, names).map((label) => ({ label, sum: 0, cases: 0 }));
  return {
    add(prediction) {
      const confusion = confusionOf(prediction, names.length, options.ignoreIndex);
      for (const entry of sums) {
        const score = diceOf(countsOf(confusion, entry.label));
        if (Number.isNaN(score) && empty === "skip") continue;
        entry.sum += Number.isNaN(score) ? 1 : score;
        entry.cases++;
      }
    },
    value: () =>
      withMean(
        "dicePerCase",
        sums.map(({ label, sum, cases }) => [names[label]!, sum / cases]),
      ),
  };
}

function pooledOverlap(
  metric: string,
  overlap: (counts: ClassCounts) => number,
  options: ForegroundOptions,
): Metric {
  const labels = foreground(options, classNames(options));
  return pooledMetric(options, (pooled: Confusion, names) =>
    withMean(
      metric,
      labels.map((label) => [names[label]!, overlap(countsOf(pooled, label))]),
    ),
  );
}
