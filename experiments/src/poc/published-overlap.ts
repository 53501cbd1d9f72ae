/**
 * @file Overlap as the authors' code counts it, kept apart from what the text
 * describes: counts are pooled over batches of 20 in the order of the test set,
 * batches averaged by their size, and the mean over classes leaves out the first
 * foreground class and takes in the background (`classes[1:]`, with the background last).
 */

import type { Metric } from "acsconv/metrics";
import { confusion, countsOf } from "./confusion.ts";

/** Volumes of a test batch. */
const BATCH = 20;
const EPSILON = 1e-8;

/** `published.dice` and `published.iou`. */
export function publishedOverlap(classes: readonly string[]): Metric {
  const averaged = classes.map((_, label) => label).slice(1);
  const sums = { dice: 0, iou: 0 };
  let finished = 0;
  let pooled = confusion(classes.length);
  let pending = 0;

  /** Means over classes of one batch. */
  const overlaps = (): typeof sums => {
    const total = { dice: 0, iou: 0 };
    for (const label of averaged) {
      const { both, predicted, truth } = countsOf(pooled, label);
      total.dice += (2 * both + EPSILON) / (predicted + truth + EPSILON);
      total.iou += (both + EPSILON) / (predicted + truth - both + EPSILON);
    }
    return { dice: total.dice / averaged.length, iou: total.iou / averaged.length };
  };

  return {
    add(prediction) {
      pooled.add(prediction);
      if (++pending < BATCH) return;
      const { dice, iou } = overlaps();
      sums.dice += BATCH * dice;
      sums.iou += BATCH * iou;
      finished += BATCH;
      pooled = confusion(classes.length);
      pending = 0;
    },
    value() {
      const last = pending > 0 ? overlaps() : { dice: 0, iou: 0 };
      const count = finished + pending;
      return {
        "published.dice": (sums.dice + pending * last.dice) / count,
        "published.iou": (sums.iou + pending * last.iou) / count,
      };
    },
  };
}
