/** @file Tables; and numbers as they stand in them. */

import { type Markup, markup } from "./markup.ts";

/** A column: its title, and whether it holds numbers, which are set to the right. */
export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
  /** Cells are not broken into lines; a first column of such stays in sight. */
  readonly isLine?: boolean;
  /** A title above those of neighbours that have the same one. */
  readonly group?: string;
}

export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): Markup {
  const classOf = (i: number): string => {
    const { isNumber, isLine, group } = columns[i]!;
    const begins = group !== columns[i - 1]?.group;
    return [isNumber && "number", isLine && "line", begins && "first"].filter(Boolean).join(" ");
  };
  return markup`<div class="card scroll"><table><thead>${groupRow(columns)}<tr>${columns.map(
    ({ title }, i) => markup`<th class="${classOf(i)}">${title}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (row) => markup`<tr>${row.map((cell, i) => markup`<td class="${classOf(i)}">${cell}</td>`)}</tr>\n`,
  )}</tbody></table></div>`;
}

/** The titles above those of columns, where there are any. */
function groupRow(columns: readonly Column[]): Markup | undefined {
  const groups: { title: string | undefined; span: number }[] = [];
  for (const { group } of columns) {
    const last = groups.at(-1);
    if (last && last.title === group) last.span++;
    else groups.push({ title: group, span: 1 });
  }
  if (groups.every(({ title }) => title === undefined)) return undefined;
  return markup`<tr>${groups.map(
    ({ title, span }, i) => markup`<th class="${i > 0 ? "first" : ""}" colspan="${span}">${title}</th>`,
  )}</tr>`;
}

/** What something was told, as JSON can hold it: a row for each leaf, `optimiser.weightDecay` and its value. */
export const settingsTable = (settings: Readonly<Record<string, unknown>>): Markup =>
  table([{ title: "option" }, { title: "value" }], flattened(settings));

/** Lists in one line. */
function flattened(settings: Readonly<Record<string, unknown>>, path = ""): string[][] {
  return Object.entries(settings).flatMap(([key, value]) => {
    if (value === undefined) return [];
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return flattened(value as Readonly<Record<string, unknown>>, `${path}${key}.`);
    return [[path + key, typeof value === "string" ? value : JSON.stringify(value)]];
  });
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
