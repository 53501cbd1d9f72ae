/** @file Text tables: columns aligned, numbers to the right, two spaces between. */

import { printable } from "../base/printable.ts";

/** A number, perhaps with a unit or a multiplier after it (`1.2 M`, `64%`, `–`). */
const NUMERIC = /^(?:[-+]?[\d.,]+(?:e[-+]?\d+)?(?: ± [\d.]+)?\s?[a-zA-Zµ%×/²³]{0,4}|[-–])?$/;

/**
 * Columns whose every cell is a number (or empty) are set to the right, others to the left.
 *
 * @returns lines without a final newline; the header is underlined
 */
export function formatTable(titles: readonly string[], cells: readonly (readonly string[])[]): string {
  const header = titles.map(printable);
  const rows = cells.map((row) => row.map(printable));
  const columns = header.map((title, i) => {
    const cells = rows.map((row) => row[i] ?? "");
    const width = Math.max(title.length, ...cells.map((cell) => cell.length));
    const isNumeric = cells.length > 0 && cells.every((cell) => NUMERIC.test(cell));
    return (cell: string): string => (isNumeric ? cell.padStart(width) : cell.padEnd(width));
  });
  const line = (cells: readonly string[]): string =>
    columns
      .map((pad, i) => pad(cells[i] ?? ""))
      .join("  ")
      .trimEnd();
  const rule = columns.map((pad) => pad("").replaceAll(" ", "─")).join("  ");
  return [line(header), rule, ...rows.map(line)].join("\n");
}
