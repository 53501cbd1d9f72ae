/** @file Several files that hold a volume's voxels in turn, listed or by their numbers, as NRRD and MetaImage name them. */

import type { Fail } from "../formats/foreign.ts";
import { elementCount } from "../graph/tensor.ts";

/** The files that a header names. */
export interface DataFiles {
  /** None where the voxels follow the header. */
  readonly files: readonly string[];
  /** Of several files, how many of the volume's axes each one has: 0 for all but the last. */
  readonly axesEach?: number;
}

/**
 * Makes sure that there are as many files as the sizes take: with others, each would be given the wrong part of the volume.
 *
 * @param sizes - of the axes that the header counts, the fastest first
 */
export function checkFileCount({ files, axesEach }: DataFiles, sizes: readonly number[], fail: Fail): void {
  if (axesEach === undefined) return;
  const expected = elementCount(sizes.slice(axesEach || sizes.length - 1));
  if (files.length !== expected)
    fail(`is damaged: it names ${files.length} files, where its sizes ${sizes.join(" × ")} take ${expected}`);
}

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
