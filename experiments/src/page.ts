/** @file Pieces of the experiments' pages: trainings as lines, columns of numbers, settings. */

import type { Column, ReportChart, ReportSection } from "acsconv/report/page";
import type { EpochResult, RunResult } from "./results.ts";

type Line = ReportChart["lines"][number];
type Point = Line["points"][number];

/** A value that an epoch has, or has not. */
export type ValueOf = (epoch: EpochResult) => number | undefined;

/** By epoch, the mean over the seeds that came so far. */
export function meanCurve(runs: readonly RunResult[], valueOf: ValueOf): Point[] {
  const values = new Map<number, number[]>();
  for (const result of runs.flatMap(({ epochs }) => epochs)) {
    const value = valueOf(result);
    if (value === undefined || !Number.isFinite(value)) continue;
    values.set(result.epoch, [...(values.get(result.epoch) ?? []), value]);
  }
  return [...values]
    .toSorted(([a], [b]) => a - b)
    .map(([x, ys]) => ({ x, y: ys.reduce((sum, y) => sum + y, 0) / ys.length }));
}

/** Of parts of a whole y begins and ends at tenths between which all lie, so that small changes do not look large. */
export function epochChart(title: string, lines: readonly Line[]): ReportChart {
  const values = lines.flatMap(({ points }) => points.map(({ y }) => y));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const from = Math.min(9, Math.floor(low * 10));
  const domain = [from / 10, Math.max(from + 1, Math.ceil(high * 10)) / 10] as const;
  return { title, xLabel: "epoch", ...(low >= 0 && high <= 1 && { domain }), lines };
}

/** Columns of numbers, perhaps under one title. */
export const numbers = (...titles: readonly string[]): Column[] =>
  titles.map((title) => ({ title, isNumber: true }));
export const grouped = (group: string, columns: readonly Column[]): Column[] =>
  columns.map((column) => ({ ...column, group }));

/** The end of a page: how to run it again, with what, and what is the same in every run. */
export const settingsSections = (command: string, config: object, fixed: object): ReportSection[] => [
  { title: "Run it again", code: command },
  settings("Configuration", config),
  settings("The same in every run", fixed),
];

const settings = (title: string, values: object): ReportSection => ({
  title,
  tables: [
    {
      columns: [{ title: "option" }, { title: "value" }],
      rows: Object.entries(values).map(([name, value]: [string, unknown]) => [
        name,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    },
  ],
});
