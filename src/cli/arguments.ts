/** @file Option values that commander leaves as text: sizes, ranges, numbers within bounds, patterns. */

import { InvalidArgumentError } from "commander";

import type { LiftOptions } from "../index.ts";

type Triple = readonly [number, number, number];

/** `96,128,128` or `96x128x128`, in the order depth, height, width; a single number stands for a cube. */
export function parseSizes(text: string): Triple {
  const sizes = triple(text);
  if (!sizes?.every((size) => Number.isInteger(size) && size > 0)) {
    throw new InvalidArgumentError("Expected depth,height,width in voxels, such as 64,128,128.");
  }
  return sizes;
}

/** `3,1,1`: millimetres along depth, height and width; a single number stands for all three. */
export function parseSpacing(text: string): Triple {
  const spacing = triple(text);
  if (!spacing?.every((mm) => Number.isFinite(mm) && mm > 0)) {
    throw new InvalidArgumentError("Expected depth,height,width in millimetres, such as 3,1,1.");
  }
  return spacing;
}

/** `-160,240`: a lower and a higher intensity. */
export function parseRange(text: string): readonly [low: number, high: number] {
  const [low, high, ...rest] = numbers(text);
  if (low === undefined || high === undefined || rest.length > 0 || !(low < high)) {
    throw new InvalidArgumentError("Expected a lower and a higher intensity, such as -160,240.");
  }
  return [low, high];
}

/** `3,1`: streams of parallel separable convolutions, and planar convolutions in each. Bounds are for `lift` to say. */
function parsePsc(text: string): NonNullable<LiftOptions["psc"]> {
  const [streams, separability, ...rest] = numbers(text);
  if (streams === undefined || separability === undefined || rest.length > 0 || text.includes("x")) {
    throw new InvalidArgumentError("Expected streams and planes in each, such as 3,1.");
  }
  return { streams, separability };
}

/** The option of commands that lift. */
export const PSC = [
  "--psc <m,n>",
  "streams of psc, and planar convolutions in each (default: 3,1)",
  parsePsc,
] as const;

/** A number for which `isRight` holds; the error says what it `expects`. */
const parser =
  (expects: string, isRight: (value: number) => boolean) =>
  (text: string): number => {
    const [value, ...rest] = numbers(text);
    if (value === undefined || rest.length > 0 || !isRight(value)) {
      throw new InvalidArgumentError(`Expected ${expects}.`);
    }
    return value;
  };

/** From 0 to below 1. */
export const parseFraction = parser(
  "a number from 0 to below 1, such as 0.5",
  (value) => value >= 0 && value < 1,
);
/** From 0 to 1. */
export const parsePart = parser("a number from 0 to 1, such as 0.2", (value) => value >= 0 && value <= 1);
export const parsePositive = parser("a number above 0", (value) => value > 0 && Number.isFinite(value));
export const parseCount = parser(
  "a whole number from 1 on",
  (value) => Number.isSafeInteger(value) && value >= 1,
);
export const parseWhole = parser(
  "a whole number from 0 on",
  (value) => Number.isSafeInteger(value) && value >= 0,
);

/** A regular expression, for names. */
export function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError("Expected a regular expression, such as layer1.*weight.");
  }
}

function triple(text: string): Triple | undefined {
  const [a, b = a, c = a, ...rest] = numbers(text);
  const isCube = b === a && !text.includes(",") && !text.includes("x");
  if (a === undefined || b === undefined || c === undefined || rest.length > 0) return undefined;
  return isCube || numbers(text).length === 3 ? [a, b, c] : undefined;
}

/** NaN where a part is no number; empty parts are none either. */
const numbers = (text: string): number[] =>
  text.split(/[,x]/).map((part) => (part.trim() === "" ? NaN : Number(part)));
