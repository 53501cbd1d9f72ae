/** @file Trainings as lines: by epoch, the mean over the seeds that came so far. */

import { type Series, curves } from "../report/html/curves.ts";
import type { Markup } from "../report/html/markup.ts";
import { type Point, tenths } from "../report/html/points.ts";
import type { EpochResult, RunResult } from "./results.ts";

/** A value that an epoch has, or has not. */
export type ValueOf = (epoch: EpochResult) => number | undefined;

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

/** Lines without points are left out. */
export function epochChart(title: string, series: readonly Series[]): Markup {
  const shown = series.filter(({ points }) => points.length > 0);
  const domain = tenths(shown.flatMap(({ points }) => points));
  return curves({ title, xLabel: "epoch", ...(domain && { domain }), series: shown });
}
