/** @file Tables; and numbers as they stand in them. */

import { type Markup, markup } from "./markup.ts";

/** A column: its title, and whether it holds numbers, which are set to the right. */
export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): Markup {
  const classOf = (column: Column | undefined): string => (column?.isNumber ? "number" : "");
  return markup`<div class="card scroll"><table><thead><tr>${columns.map(
    (column) => markup`<th class="${classOf(column)}">${column.title}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (row) =>
      markup`<tr>${row.map((cell, i) => markup`<td class="${classOf(columns[i])}">${cell}</td>`)}</tr>\n`,
  )}</tbody></table></div>`;
}

/** 0.9123, 1.2e-5, 12,345; a dash for what is not known. */
export function figure(value: number | null | undefined): string {
  if (value === undefined || value === null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(2);
  return size < 1 ? value.toFixed(4) : String(Number(value.toPrecision(5)));
}
