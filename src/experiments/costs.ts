/** @file What trainings took: the columns of the paper's Table 6, as data and on a page. */

import { bytes } from "../report/figures.ts";
import { type Markup, markup } from "../report/html/markup.ts";
import { type Column, figure, table } from "../report/html/table.ts";
import type { RunResult } from "./results.ts";

/** What a training took: medians of steps and test sets, the mean over seeds; of memory the most. */
export interface CostRow {
  readonly label: string;
  readonly secondsPerStep: number;
  readonly secondsPerExample: number;
  readonly peakBytes: number;
  readonly parameters: number;
  readonly bytes: number;
  readonly machines: readonly string[];
}

/** Nothing before the first seed is done. */
export function costRow(label: string, runs: readonly RunResult[]): CostRow[] {
  const facts = runs.flatMap((run) => (run.facts ? [run.facts] : []));
  const [first] = facts;
  if (!first) return [];
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return [
    {
      label,
      secondsPerStep: mean(facts.map(({ secondsPerStep }) => secondsPerStep)),
      secondsPerExample: mean(facts.map(({ secondsPerExample }) => secondsPerExample)),
      peakBytes: Math.max(...facts.map(({ peakBytes }) => peakBytes)),
      parameters: first.parameters,
      bytes: first.bytes,
      machines: [...new Set(facts.map(({ machine }) => machine))],
    },
  ];
}

/** @param note - what a step and an inference are, as a sentence */
export function costTable(rows: readonly CostRow[], note: string): Markup[] {
  if (rows.length === 0) return [markup`<p class="note">Nothing is finished yet.</p>`];
  const seconds = (value: number): string => `${value.toPrecision(3)} s`;
  const machines = [...new Set(rows.flatMap(({ machines }) => machines))];
  const number = (title: string): Column => ({ title, isNumber: true });
  return [
    table(
      [
        { title: "model", isLine: true },
        ...["training step", "inference", "peak memory", "parameters", "size"].map(number),
        ...(machines.length > 1 ? [{ title: "machine" }] : []),
      ],
      rows.map((row) => [
        row.label,
        seconds(row.secondsPerStep),
        seconds(row.secondsPerExample),
        bytes(row.peakBytes),
        figure(row.parameters),
        bytes(row.bytes),
        ...(machines.length > 1 ? [row.machines.join("; ")] : []),
      ]),
    ),
    markup`<p class="note">${machines.length === 1 ? `On ${machines[0]}. ` : ""}${note} Both are medians. Memory is the
most that the training process held, its data and evaluation included.</p>`,
  ];
}
