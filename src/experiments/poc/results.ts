/**
 * @file What an experiment's folder says, as one piece of plain data: `results.json`,
 * and what the report is made from.
 *
 *   <out>/config.json                settings
 *   <out>/unet-2d/…                  the 2D network
 *   <out>/<run>/seed-<n>/…           a 3D network, with
 *     log.jsonl                        every step and epoch
 *     last.safetensors                 the checkpoint
 *     model.onnx                       the network after the last epoch
 *     facts.json                       time and memory
 *     features.json                    mAUC before training
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readLog } from "../../train/log.ts";
import type { TrainEvent } from "../../train/events.ts";
import type { PocConfig } from "./config.ts";
import type { MeanAuc } from "./features.ts";
import { ROWS, type Row, type Run, runsOf } from "./runs.ts";

/** A pass over the training data, and what the test set said after it where it was asked. */
export interface EpochResult {
  readonly epoch: number;
  /** Mean of the batches' losses. */
  readonly loss: number;
  /** `dice`, `iou`, `dice.cone` …, `published.dice`, `published.iou`: 0 … 1. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** What a training took. */
export interface Facts {
  readonly parameters: number;
  /** Of the saved weights. */
  readonly bytes: number;
  /** Median. */
  readonly secondsPerStep: number;
  /** Inference, per test image or volume. */
  readonly secondsPerExample: number;
  /** Largest resident set of the process that trained. */
  readonly peakBytes: number;
  /** What it ran on. */
  readonly machine: string;
}

/** mAUC of the features before training: as published (`nearest`), and of the network as it is (`linear`). */
export interface FeatureResult {
  readonly nearest: MeanAuc;
  readonly linear: MeanAuc;
}

/** One training with one seed, as far as it came. */
export interface RunResult {
  readonly seed: number;
  readonly epochs: readonly EpochResult[];
  readonly facts?: Facts;
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

/** Folders within that of the experiment. */
export const folders = {
  pretraining: (out: string): string => join(out, "unet-2d"),
  run: (out: string, id: string, seed: number): string => join(out, id, `seed-${seed}`),
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
  const log = join(folder, "log.jsonl");
  const ended = existsSync(log) ? readLog(log).filter(isEpoch) : [];
  const facts = readJson(join(folder, "facts.json")) as Facts | undefined;
  const features = readJson(join(folder, "features.json")) as FeatureResult | undefined;
  return {
    seed,
    epochs: ended.map(({ epoch, loss, metrics }) => ({
      epoch,
      loss,
      ...(Object.keys(metrics).length > 0 && { metrics }),
    })),
    ...(facts && { facts }),
    ...(features && { features }),
  };
}

const isEpoch = (event: TrainEvent): event is TrainEvent & { type: "epoch" } => event.type === "epoch";

const readJson = (path: string): unknown =>
  existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
