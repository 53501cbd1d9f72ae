/** @file The classes that a metric tells apart, and which of them count. */

import { AcsconvError, inputError } from "../base/errors.ts";
import type { Prediction } from "./metric.ts";

/** What all metrics are told. */
export interface ClassOptions {
  /** How many classes there are, or their names, in the order of their numbers. */
  readonly classes: number | readonly string[];
  /** A number in the truth that stands for "not annotated": such voxels count nowhere. */
  readonly ignoreIndex?: number;
}

/** Of metrics whose mean is one over classes. */
export interface ForegroundOptions extends ClassOptions {
  /** The class that is left out, 0 by default; null counts all classes. */
  readonly background?: number | null;
}

/** Classes are bytes in a {@link Prediction}. */
const MAX_CLASSES = 256;

export function classNames({ classes, ignoreIndex }: ClassOptions): readonly string[] {
  const names = typeof classes === "number" ? numbered(classes) : classes;
  if (names.length < 1 || names.length > MAX_CLASSES || new Set(names).size < names.length)
    throw inputError(
      `A metric needs 1 to ${MAX_CLASSES} classes with names of their own, not ${JSON.stringify(classes)}.`,
    );
  if (ignoreIndex !== undefined) checkLabel("ignoreIndex", ignoreIndex, MAX_CLASSES);
  return names;
}

/** Class numbers without the background's. */
export function foreground({ background = 0 }: ForegroundOptions, names: readonly string[]): number[] {
  if (background !== null) checkLabel("background", background, names.length);
  return names.map((_, label) => label).filter((label) => label !== background);
}

export function checkLengths({ name, classes, truth }: Prediction): void {
  if (classes.length === truth.length) return;
  throw inputError(
    `The prediction for "${name}" has ${classes.length} voxels and its truth ${truth.length}: ` +
      `bring both to one grid before they are compared.`,
  );
}

/** A voxel whose true or predicted class is none. */
export function unknownClass({ name, classes, truth }: Prediction, at: number, count: number): AcsconvError {
  const [whose, label] = truth[at]! < count ? ["prediction", classes[at]!] : ["truth", truth[at]!];
  return inputError(
    `The ${whose} of "${name}" has class ${label} at voxel ${at}, but the classes are 0 to ${count - 1}: ` +
      `correct the labels, the number of classes, or set ignoreIndex.`,
  );
}

const numbered = (count: number): string[] =>
  Number.isInteger(count) && count > 0 && count <= MAX_CLASSES
    ? Array.from({ length: count }, (_, label) => String(label))
    : [];

function checkLabel(option: string, label: number, limit: number): void {
  if (Number.isInteger(label) && label >= 0 && label < limit) return;
  throw inputError(
    `A metric's ${option} needs to be a class from 0 to ${limit - 1}, not ${JSON.stringify(label)}.`,
  );
}
