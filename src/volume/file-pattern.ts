/** @file Names of files by their numbers, as NRRD and MetaImage give them. */

import type { Fail } from "../formats/foreign.ts";

/** More slices than any scan has. */
const MAX_FILES = 100_000;

/** The longest text that is looked at as a pattern: as long as paths are. */
export const MAX_PATTERN = 4096;

/** `slice%03d.raw`, 1, 3, 1 → slice001.raw, slice002.raw, slice003.raw */
export function expandPattern(
  pattern: string,
  first: number,
  last: number,
  step: number,
  fail: Fail,
): string[] {
  const count = Math.floor((last - first) / step) + 1;
  if (!(count >= 1 && count <= MAX_FILES))
    fail(`is damaged: its files are numbered from ${first} to ${last} in steps of ${step}`);
  return Array.from({ length: count }, (_, i) =>
    pattern.replace(/%(0?)(\d{0,2})d/, (_match, zero: string, width: string) =>
      String(first + i * step).padStart(Number(width), zero === "" ? " " : "0"),
    ),
  );
}
