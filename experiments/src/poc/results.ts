/**
 * @file What an experiment's folder says, as one piece of plain data: `results.json`,
 * and what the report is made from.
 *
 *   <out>/config.json                settings
 *   <out>/unet-2d/…                  the 2D network
 *   <out>/<run>/seed-<n>/…           a 3D network, with the files of `../results.ts` and
 *     features.json                    mAUC before training
 */

import { join } from "node:path";
import { readJson, readRun as readTraining, type RunResult as TrainedResult } from "../results.ts";
import type { PocConfig } from "./config.ts";
import type { MeanAuc } from "./features.ts";
import { ROWS, type Row, type Run, runsOf } from "./runs.ts";

/** mAUC of the features before training: as published (`nearest`), and of the network as it is (`linear`). */
export interface FeatureResult {
  readonly nearest: MeanAuc;
  readonly linear: MeanAuc;
}

/** One training with one seed, as far as it came, and what its features were worth before. */
export interface RunResult extends TrainedResult {
  readonly features?: FeatureResult;
}

/** A training of a row of the table, once for every seed. */
export interface TrainingResult {
  /** Of the training, as in {@link runsOf}; also the name of its folder. */
  readonly id: string;
  readonly label: string;
  readonly runs: readonly RunResult[];
}

export interface PocResults {
  readonly config: PocConfig;
  readonly pretraining: RunResult;
  readonly trainings: readonly TrainingResult[];
}

/** Folders within that of the experiment, which are the names of stages, too. */
export const PRETRAINING = "unet-2d";
export const runName = (id: string, seed: number): string => `${id}/seed-${seed}`;

export const folders = {
  pretraining: (out: string): string => join(out, PRETRAINING),
  run: (out: string, id: string, seed: number): string => join(out, runName(id, seed)),
};

/** The rows of the table that an experiment has. */
export const rowsOf = ({ models }: PocConfig): Row[] => ROWS.filter(({ id }) => models.includes(id));

/** Reads what there is so far. */
export const readResults = (out: string, config: PocConfig): PocResults => ({
  config,
  pretraining: readRun(folders.pretraining(out), config.seeds[0]!),
  trainings: runsOf(rowsOf(config)).map((run) => ({
    id: run.id,
    label: labelOf(run),
    runs: config.seeds.map((seed) => readRun(folders.run(out, run.id, seed), seed)),
  })),
});

/** The row's, and the weights where a row has trainings from several. */
export const labelOf = ({ row, kernels }: Run): string =>
  row.published === row.honest ? row.label : `${row.label} (${kernels} weights)`;

function readRun(folder: string, seed: number): RunResult {
  const features = readJson(join(folder, "features.json")) as FeatureResult | undefined;
  return { ...readTraining(folder, seed), ...(features && { features }) };
}
