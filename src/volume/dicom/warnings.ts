/** @file What dcm2niix says, as warnings of ours: what concerns the images, once and safe on a terminal. */

import { printable } from "../../base/printable.ts";

/** What dcm2niix misses in images that say no more than how to decode them, or has not been tried on; we hold results against headers. */
const NOISE: readonly RegExp[] = [
  /Patient Position \(0018,5100\) not specified/,
  /Unable to determine manufacturer/,
  /Double-precision DICOM conversion untested/,
];

/** Lines that are warnings. */
const WARNING = /^\s*(?:Warning|Error)\s*:?\s*(.*)$/i;

/** The warnings among the lines of dcm2niix, without doubles. */
export function warningsOf(lines: readonly string[]): readonly string[] {
  const warnings = lines.flatMap((line) => {
    const text = WARNING.exec(line)?.[1]?.trim();
    return text === undefined || text === "" || NOISE.some((noise) => noise.test(text))
      ? []
      : [printable(text)];
  });
  return [...new Set(warnings)];
}
