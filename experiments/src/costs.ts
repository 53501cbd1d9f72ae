/** @file What trainings took: the columns of the paper's Table 6, as data and on a page. */

import type { ReportSection } from "acsconv/report/page";
import { numbers } from "./page.ts";
import type { RunResult } from "./results.ts";
import { bytesText } from "./statistic.ts";

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
export function costSection(rows: readonly CostRow[], note: string): ReportSection {
  const title = "Time and memory";
  if (rows.length === 0) return { title, notes: ["Nothing is finished yet."] };
  const seconds = (value: number): string => `${value.toPrecision(3)} s`;
  const machines = [...new Set(rows.flatMap(({ machines }) => machines))];
  const [onlyMachine, ...others] = machines;
  const isMixed = others.length > 0;
  return {
    title,
    tables: [
      {
        columns: [
          { title: "model", isLine: true },
          ...numbers("training step", "inference", "peak memory", "parameters", "size"),
          ...(isMixed ? [{ title: "machine" }] : []),
        ],
        rows: rows.map((row) => [
          row.label,
          seconds(row.secondsPerStep),
          seconds(row.secondsPerExample),
          bytesText(row.peakBytes),
          row.parameters.toLocaleString("en"),
          bytesText(row.bytes),
          ...(isMixed ? [row.machines.join("; ")] : []),
        ]),
      },
    ],
    notes: [
      `${isMixed ? "" : `On ${onlyMachine}. `}${note} Both are medians. Memory is the most that the training process held, its data and evaluation included.`,
    ],
  };
}
