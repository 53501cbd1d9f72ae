/**
 * @file What becomes of the blended scores, plane by plane: a label map, or probabilities. A sink sees each plane once,
 * so a scan's scores never exist whole unless its result asks for them.
 */

import { inputError } from "../base/errors.ts";
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
 * What a network's numbers are:
 * - `logits`: of classes of which each voxel has one (softmax), or a single score (sigmoid)
 * - `probabilities`: the same, after softmax or sigmoid
 * - `regions`: probabilities of classes that may overlap, each by itself
 * - `labels`: no scores, but numbers of classes
 */
export type Scores = (typeof SCORES)[number];

export const SCORES = ["logits", "probabilities", "regions", "labels"] as const;

/** What turns logits into probabilities: `softmax` of several, `sigmoid` of a single one unless named; or `none`. */
export type Activation = "softmax" | "sigmoid" | "none";

const MOST_LABELS = 256;
const MOST_VALUES = 65536;

/** A label map; of the smallest type that holds its values. */
export type Labels = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/**
 * The class of each voxel, as a label map `[D, H, W]`: the most probable one; of a network with a single score, 1
 * where its probability is above one half.
 *
 * @param values - the label of each class; by default its number
 */
export function toLabels(
  [D, H, W]: Size3,
  scores: Exclude<Scores, "regions">,
  { activation, values }: { readonly activation?: Activation; readonly values?: readonly number[] } = {},
): PlaneSink<Labels> {
  const count = D * H * W;
  const labels: Labels = Math.max(...(values ?? [0])) > 255 ? new Uint16Array(count) : new Uint8Array(count);
  return {
    plane(z, found, classes) {
      checkClasses(classes, activation);
      if (classes > (values ? MOST_VALUES : MOST_LABELS))
        throw inputError(
          `Cannot make a label map of ${classes} classes: at most ${MOST_LABELS} fit in a byte; ask for probabilities.`,
        );
      const plane = labels.subarray(z * H * W, (z + 1) * H * W);
      if (scores === "labels") {
        numbersOfClasses(found, plane, values?.length ?? MOST_LABELS);
      } else if (classes === 1) {
        // sigmoid(x) > 1/2 where x > 0
        const threshold = scores === "logits" ? 0 : 0.5;
        for (let i = 0; i < plane.length; i++) plane[i] = found[i]! > threshold ? 1 : 0;
      } else {
        argmax(found, classes, plane);
      }
      if (values) for (let i = 0; i < plane.length; i++) plane[i] = values[plane[i]!]!;
    },
    result: () => labels,
  };
}

/** The classes that a network has chosen itself. */
function numbersOfClasses(found: Float32Array, plane: Labels, classes: number): void {
  for (let i = 0; i < plane.length; i++) {
    const label = Math.round(found[i]!);
    if (label >= 0 && label < classes) plane[i] = label;
    else {
      throw inputError(
        `The network gives the label ${found[i]!}, and its labels are 0 to ${classes - 1}: if these are scores, say so by the option scores (--scores).`,
      );
    }
  }
}

/** Of classes that may overlap, 1 where each is more probable than not: `[K, D, H, W]`. */
export const toMasks = (shape: Size3): PlaneSink<PerClass<Uint8Array<ArrayBuffer>>> =>
  perClass(shape, Uint8Array, (scores) => scores.map((p) => (p > 0.5 ? 1 : 0)));

/** Probabilities of every class: `[K, D, H, W]`, 4 bytes each. What are no logits stay as they are. */
export const toProbabilities = (
  shape: Size3,
  scores: Scores,
  activation?: Activation,
): PlaneSink<PerClass<Float32Array<ArrayBuffer>>> =>
  perClass(shape, Float32Array, (plane, classes) => {
    checkClasses(classes, activation);
    const usual = classes === 1 ? "sigmoid" : "softmax";
    const chosen = scores === "logits" ? (activation ?? usual) : "none";
    if (chosen === "sigmoid") sigmoid(plane);
    if (chosen === "softmax") softmax(plane, classes);
    return plane;
  });

/** Volumes of every class, one after the other. */
export interface PerClass<T> {
  readonly classes: number;
  readonly data: T;
}

function perClass<T extends Float32Array | Uint8Array>(
  [D, H, W]: Size3,
  Voxels: new (length: number) => T,
  change: (plane: Float32Array, classes: number) => Float32Array,
): PlaneSink<PerClass<T>> {
  let result = { classes: 0, data: new Voxels(0) };
  return {
    plane(z, scores, classes) {
      if (result.classes === 0) result = { classes, data: new Voxels(classes * D * H * W) };
      const changed = change(scores, classes);
      for (let k = 0; k < classes; k++)
        result.data.set(changed.subarray(k * H * W, (k + 1) * H * W), (k * D + z) * H * W);
    },
    result: () => result,
  };
}

function checkClasses(classes: number, activation: Activation | undefined): void {
  if (classes > 1 || activation !== "softmax") return;
  throw inputError(
    "The network gives one score per voxel, whose softmax is always 1: use sigmoid, or none if it is a probability.",
  );
}

/** `scores [K, n]` → the index of the largest of each K. */
function argmax(scores: Float32Array, classes: number, labels: Labels): void {
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
