/** @file Option values that commander leaves as text: sizes, ranges, numbers within bounds, patterns. */

import { InvalidArgumentError, Option } from "commander";

import {
  type Named,
  anyNumber,
  count,
  fraction,
  listOf,
  namedList,
  positive,
  whole,
} from "../base/fields.ts";
import type { LiftOptions } from "../index.ts";
import { PREPARATION, SIZE } from "../model/settings.ts";
import type { RegionConfig } from "../train/runs/config.ts";
import { CONFIG_FIELDS } from "../train/runs/config-fields.ts";
import { SCORES } from "../run/sinks.ts";
import { parserOf } from "./flags.ts";

type Triple = readonly [number, number, number];

/** `96,128,128` or `96x128x128`, in the order depth, height, width; a single number stands for a cube. */
export const parseSizes = parserOf<Triple>(SIZE);
/** `3,1,1`: millimetres along depth, height and width; a single number stands for all three. */
export const parseSpacing = parserOf<Triple>(PREPARATION.spacing);
/** `-160,240`: a lower and a higher intensity. */
export const parseRange = parserOf<readonly [low: number, high: number]>(PREPARATION.window);
/** From 0 to below 1. */
export const parseFraction = parserOf<number>(fraction);
export const parsePositive = parserOf<number>(positive);
export const parseCount = parserOf<number>(count);
export const parseWhole = parserOf<number>(whole);
/** Names with commas between, or JSON of a list of such. */
export const parseNamedList = parserOf<readonly Named[]>(namedList);
/** `left`, or `0,0.5,0,1,0,1`: from and to along each of the patient's axes. */
export const parseRegion = parserOf<RegionConfig>(CONFIG_FIELDS.region);

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
/** What a network's numbers are, where it does not show. */
export const scoresOption = (): Option =>
  new Option("--scores <what>", "what the network's numbers are (default: what it shows)").choices(SCORES);

/** Where a network keeps its channels, where it does not tell. */
export const layoutOption = (): Option =>
  new Option("--layout <how>", "where the network keeps its channels (default: what it shows)").choices([
    "channels-first",
    "channels-last",
  ]);
