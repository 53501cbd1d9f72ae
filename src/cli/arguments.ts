/** @file Option values that commander leaves as text: sizes, whole numbers, patterns. */

import { InvalidArgumentError, Option } from "commander";
import { anyNumber, count, listOf, whole } from "../base/fields.ts";
import type { LiftOptions } from "../index.ts";
import { SIZE } from "../model/settings.ts";
import { parserOf } from "./flags.ts";

/** `96,128,128` or `96x128x128`, in the order depth, height, width; a single number stands for a cube. */
export const parseSizes = parserOf<readonly [number, number, number]>(SIZE);
export const parseCount = parserOf<number>(count);
export const parseWhole = parserOf<number>(whole);

/** `3,1`: streams of parallel separable convolutions, and planar convolutions in each. Bounds are for `lift` to say. */
function parsePsc(text: string): NonNullable<LiftOptions["psc"]> {
  const [streams, separability, ...rest] = listOf(anyNumber).read!(text) as number[];
  if (streams === undefined || separability === undefined || rest.length > 0)
    throw new InvalidArgumentError("Expected streams and planes in each, such as 3,1.");
  return { streams, separability };
}

/** The option of commands that lift. */
export const PSC = [
  "--psc <m,n>",
  "streams of psc, and planar convolutions in each (default: 3,1)",
  parsePsc,
] as const;

/** A regular expression, for names. */
export function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError("Expected a regular expression, such as layer1.*weight.");
  }
}

/** An option of which the value is one of a few. */
export const choice = (
  flags: string,
  description: string,
  choices: readonly string[],
  standard?: string,
): Option => new Option(flags, description).choices(choices).default(standard);
