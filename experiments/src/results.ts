/**
 * @file What the folder of a training says, as plain data:
 *
 *   log.jsonl          every step and epoch
 *   last.safetensors   the checkpoint
 *   model.onnx         the network after the last epoch
 *   facts.json         time and memory; written last, so where it is, all is
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TrainEvent, readLog } from "acsconv/train";

/** A pass over the training data, and what the test set said after it where it was asked. */
export interface EpochResult {
  readonly epoch: number;
  /** Mean of the batches' losses. */
  readonly loss: number;
  /** `dice`, `iou`, `dice.cone` …: 0 … 1. */
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

/** One training with one seed, as far as it came. */
export interface RunResult {
  readonly seed: number;
  readonly epochs: readonly EpochResult[];
  readonly facts?: Facts;
}

export function readRun(folder: string, seed: number): RunResult {
  const log = join(folder, "log.jsonl");
  const ended = existsSync(log) ? readLog(log).filter(isEpoch) : [];
  const facts = readJson(join(folder, "facts.json")) as Facts | undefined;
  return {
    seed,
    epochs: ended.map(({ epoch, loss, metrics }) => ({
      epoch,
      loss,
      ...(Object.keys(metrics).length > 0 && { metrics }),
    })),
    ...(facts && { facts }),
  };
}

const isEpoch = (event: TrainEvent): event is TrainEvent & { type: "epoch" } => event.type === "epoch";

export const readJson = (path: string): unknown =>
  existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
