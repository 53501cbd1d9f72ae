/** @file What commands print. Names in it come from files: they reach the terminal as text, and as nothing else. */

import { printableLines } from "../base/printable.ts";

/** A result, on stdout. */
export function print(text: string): void {
  process.stdout.write(`${printableLines(text)}\n`);
}

/** Something about the work, on stderr. */
export function printNote(text: string): void {
  process.stderr.write(`${printableLines(text)}\n`);
}
