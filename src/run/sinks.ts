/**
 * @file What becomes of the blended scores, plane by plane: a label map, or
 * probabilities. A sink sees each plane once, so a scan's scores never exist whole
 * unless its result asks for them.
 */

import { AcsconvError } from "../base/errors.ts";
import type { Size3 } from "./tensor.ts";

/** Takes the blended scores, plane by plane, and makes the result of them. */
export interface PlaneSink<T> {
  /**
   * Called once for every plane, in order.
   *
   * @param scores - `[K, H, W]`; free to change, and gone after the call
   */
  plane(z: number, scores: Float32Array, classes: number): void;
  result(): T;
}

/**
 * What turns the network's scores into probabilities: `softmax` (one class per
 * voxel), `sigmoid` (each class on its own), or `none`, if they are
 * probabilities already.
 */
export type Activation = "softmax" | "sigmoid" | "none";

const MOST_LABELS = 256;

/**
 * The most probable class of each voxel, as a label map `[D, H, W]`. A network
 * with a single class gives label 1 where its probability is above one half.
 */
export function toLabels([D, H, W]: Size3, activation: Activation): PlaneSink<Uint8Array> {
  const labels = new Uint8Array(D * H * W);
  return {
    plane(z, scores, classes) {
      checkClasses(classes, activation);
      if (classes > MOST_LABELS) {
        throw new AcsconvError(
          "input",
          `Cannot make a label map of ${classes} classes: at most ${MOST_LABELS} fit in a byte; ask for probabilities.`,
        );
      }
      const plane = labels.subarray(z * H * W, (z + 1) * H * W);
      if (classes === 1) {
        // sigmoid(x) > 1/2 where x > 0
        const threshold = activation === "sigmoid" ? 0 : 0.5;
        for (let i = 0; i < plane.length; i++) plane[i] = scores[i]! > threshold ? 1 : 0;
      } else {
        argmax(scores, classes, plane);
      }
    },
    result: () => labels,
  };
}

/** Probabilities of every class: `[K, D, H, W]`, 4 bytes each. */
export function toProbabilities(
  [D, H, W]: Size3,
  activation: Activation,
): PlaneSink<{ readonly classes: number; readonly data: Float32Array }> {
  let result = { classes: 0, data: new Float32Array() };
  return {
    plane(z, scores, classes) {
      if (result.classes === 0) {
        checkClasses(classes, activation);
        result = { classes, data: new Float32Array(classes * D * H * W) };
      }
      if (activation === "sigmoid") sigmoid(scores);
      if (activation === "softmax") softmax(scores, classes);
      for (let k = 0; k < classes; k++) {
        result.data.set(scores.subarray(k * H * W, (k + 1) * H * W), (k * D + z) * H * W);
      }
    },
    result: () => result,
  };
}

function checkClasses(classes: number, activation: Activation): void {
  if (classes > 1 || activation !== "softmax") return;
  throw new AcsconvError(
    "input",
    "The network gives one score per voxel, whose softmax is always 1: use sigmoid, or none if it is a probability.",
  );
}

/** `scores [K, n]` → the index of the largest of each K. */
function argmax(scores: Float32Array, classes: number, labels: Uint8Array): void {
  const n = labels.length;
  for (let i = 0; i < n; i++) {
    let best = 0;
    for (let k = 1; k < classes; k++) if (scores[k * n + i]! > scores[best * n + i]!) best = k;
    labels[i] = best;
  }
}

function sigmoid(scores: Float32Array): void {
  for (let i = 0; i < scores.length; i++) scores[i] = 1 / (1 + Math.exp(-scores[i]!));
}

/** Over K of `scores [K, n]`. The largest score is taken off first, so that no exponential overflows. */
function softmax(scores: Float32Array, classes: number): void {
  const n = scores.length / classes;
  for (let i = 0; i < n; i++) {
    let largest = -Infinity;
    for (let k = 0; k < classes; k++) largest = Math.max(largest, scores[k * n + i]!);
    let total = 0;
    for (let k = 0; k < classes; k++) total += scores[k * n + i] = Math.exp(scores[k * n + i]! - largest);
    for (let k = 0; k < classes; k++) scores[k * n + i]! /= total;
  }
}
