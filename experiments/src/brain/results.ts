/**
 * @file What the experiment's folder says, as one piece of plain data: `results.json`, and what the report is made from.
 *
 *   <out>/config.json              settings
 *   <out>/<row>/seed-<n>/…         a training: the files of `../results.ts`, and of the first seed
 *     prediction.npz                 what the network makes of the right half
 */

import { join } from "node:path";
import { readRun, type RunResult } from "../results.ts";
import type { BrainConfig } from "./config.ts";
import { sourceOf, type Transferred, transferredOf } from "./networks.ts";
import { type Row, rowsOf } from "./rows.ts";

/** A row's trainings, in the order of the seeds. */
export interface RowResult extends Row {
  readonly runs: readonly RunResult[];
  readonly transferred: Transferred;
}

export interface BrainResults {
  readonly config: BrainConfig;
  readonly rows: readonly RowResult[];
}

export const runName = (row: string, seed: number): string => `${row}/seed-${seed}`;

/** Reads what there is so far. */
export async function readResults(out: string, config: BrainConfig): Promise<BrainResults> {
  const source = await sourceOf(config);
  return {
    config,
    rows: rowsOf(config).map((row) => ({
      ...row,
      runs: config.seeds.map((seed) => readRun(join(out, runName(row.id, seed)), seed)),
      transferred: transferredOf(row, source),
    })),
  };
}
