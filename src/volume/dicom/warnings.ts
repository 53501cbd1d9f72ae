/** @file What dcm2niix says, as warnings of ours: what concerns the images, once and safe on a terminal. */

import { printable } from "../../base/printable.ts";

/** What dcm2niix says of nearly all files that are not fresh from a scanner, or what we check and tell ourselves. */
const NOISE: readonly RegExp[] = [
  /protocol name/i,
  /Patient Position \(0018,5100\) not specified/,
  /Unable to determine manufacturer/,
  /Instance number \(0020,0013\) not found/,
  // Positions are checked by us, and the place of each volume follows from them.
  /Instance Number \(0020,0013\) order is not spatial/,
  /Unable to determine slice direction/,
  /Interslice distance varies/,
  /Missing images\? Expected/,
  /Missing GE protocol data block|slice timing/i,
  // We say it of each series whose header does not place its images.
  /Bogus spatial matrix/,
  // Sidecar files and names, which nobody sees.
  /BIDS|json|file ?name/i,
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
