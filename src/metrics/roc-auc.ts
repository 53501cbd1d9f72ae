/**
 * @file Area under the receiver operating characteristic, exactly.
 *
 * It is the probability that a positive scores higher than a negative, ties
 * counting half (the Mann-Whitney statistic with midranks):
 *
 *   AUC = Σ over positives p of (#{n < p} + ½·#{n = p}) / (P·N)
 *
 * Positives and negatives are sorted apart and merged, so that it takes O(n)
 * and sums of whole numbers only: the result is rounded once.
 *
 * @see Hanley & McNeil, "The meaning and use of the area under a ROC curve", Radiology 143 (1982)
 */

import { inputError } from "../base/errors.ts";
import { type ClassOptions, checkLengths, classNames, unknownClass } from "./classes.ts";
import { type Metric, type Prediction, type Scores, withMean } from "./metric.ts";
import { sortedKeys } from "./sorted-keys.ts";

/**
 * How many scores are kept, over all classes (0.5 GB): an exact area needs them all. Below it
 * every sum in {@link areaUnderCurve} is a whole number that a double holds exactly.
 */
const MAX_SCORES = 2 ** 27;

/** Of {@link rocAuc}. */
export interface RocAucOptions extends ClassOptions {
  /**
   * What networks give, where a prediction does not say: `logits` (the default), which a softmax would make
   * probabilities, or `probabilities`.
   */
  readonly scores?: "logits" | "probabilities";
}

/**
 * `auc.cat`: class against the rest, over all voxels or examples; `auc`: their mean. Of two
 * classes, for which both areas are equal, only the second is listed. NaN for a class without
 * positives or without negatives, and where a score is NaN.
 *
 * A network with one output for two classes (a sigmoid) scores the second of them.
 *
 * @throws {@link AcsconvError} `input`; when adding, if scores are missing or become too many
 */
export function rocAuc(options: RocAucOptions): Metric {
  const { scores: kind = "logits", ignoreIndex } = options;
  const names = classNames(options);
  if ((kind !== "logits" && kind !== "probabilities") || names.length < 2)
    throw inputError(
      `rocAuc ranks "logits" or "probabilities" of two classes or more, ` +
        `not ${JSON.stringify(kind)} of ${names.length}.`,
    );
  const labels = names.length === 2 ? [1] : names.map((_, label) => label);
  const kept = labels.map(() => ({ positives: [] as Float32Array[], negatives: [] as Float32Array[] }));
  let count = 0;

  return {
    add(prediction) {
      checkLengths(prediction);
      const { truth } = prediction;
      const voxels = truth.length;
      const scores = checkedScores(prediction, names.length);
      const rank = (scores.kind ?? kind) === "logits" ? logOdds : scoresOf;
      checkTruth(prediction, names.length, ignoreIndex);
      if (count + voxels * labels.length > MAX_SCORES)
        throw inputError(
          `rocAuc keeps every score, and "${prediction.name}" would bring them to more than ${MAX_SCORES}: ` +
            `evaluate fewer cases, or leave rocAuc out.`,
        );
      count += voxels * labels.length;
      labels.forEach((label, i) => {
        const ranked = rank(scores, label, voxels);
        const { positives, negatives } = kept[i]!;
        positives.push(ranked.filter((_, at) => truth[at] === label));
        negatives.push(ranked.filter((_, at) => truth[at] !== label && truth[at] !== ignoreIndex));
      });
    },
    value: () =>
      withMean(
        "auc",
        kept.map(({ positives, negatives }, i) => [
          names[labels[i]!]!,
          areaUnderCurve(joined(positives), joined(negatives)),
        ]),
      ),
  };
}

/**
 * The area for the scores of positives and of negatives; NaN if either are none or one is NaN.
 * Both arrays are used up: they hold no scores afterwards.
 */
export function areaUnderCurve(positives: Float32Array, negatives: Float32Array): number {
  const pairs = positives.length * negatives.length;
  const above = sortedKeys(positives);
  const others = sortedKeys(negatives);
  if (pairs === 0 || !above || !others) return NaN;
  let doubled = 0;
  let below = 0;
  let notAbove = 0;
  for (const key of above) {
    while (below < others.length && others[below]! < key) below++;
    while (notAbove < others.length && others[notAbove]! <= key) notAbove++;
    doubled += below + notAbove;
  }
  return doubled / 2 / pairs;
}

/**
 * log(p / (1 − p)) of a class: zᵢ − log Σ_{j≠i} exp zⱼ. It ranks as the probability does, and does
 * not saturate where that rounds to 1.
 */
function logOdds(scores: Scores, label: number, voxels: number): Float32Array {
  if (scores.classes === 1) return scoresOf(scores, label, voxels);
  const { data, classes } = scores;
  const result = new Float32Array(voxels);
  for (let i = 0; i < voxels; i++) {
    let highest = -Infinity;
    for (let c = 0; c < classes; c++) {
      if (c !== label) highest = Math.max(highest, data[c * voxels + i]!);
    }
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      // ∞ − ∞ is no number, but an infinite logit outweighs all others.
      if (c !== label)
        sum += data[c * voxels + i] === highest ? 1 : Math.exp(data[c * voxels + i]! - highest);
    }
    result[i] = data[label * voxels + i]! - (highest + Math.log(sum));
  }
  return result;
}

const scoresOf = ({ data, classes }: Scores, label: number, voxels: number): Float32Array =>
  classes === 1 ? data : data.subarray(label * voxels, (label + 1) * voxels);

/** A copy of all parts, one after the other. */
function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function checkedScores({ name, truth, scores }: Prediction, classes: number): Scores {
  const isBinary = classes === 2 && scores?.classes === 1;
  if (
    scores &&
    (scores.classes === classes || isBinary) &&
    scores.data.length === scores.classes * truth.length
  ) {
    return scores;
  }
  const found = scores ? `${scores.data.length} of ${scores.classes} classes` : "none";
  throw inputError(
    `rocAuc needs scores of ${classes} classes for each of the ${truth.length} voxels of "${name}", ` +
      `but there are ${found}.`,
  );
}

function checkTruth(prediction: Prediction, classes: number, ignoreIndex: number | undefined): void {
  const at = prediction.truth.findIndex((label) => label >= classes && label !== ignoreIndex);
  if (at >= 0) throw unknownClass(prediction, at, classes);
}
