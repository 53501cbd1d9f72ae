/** @file The options of a trainer: how they look, what is wrong with some, and which a checkpoint has to agree with. */

import type { Dataset } from "../model/dataset.ts";
import type { CasesOptions, LabelledCase } from "../model/evaluate.ts";
import { inputError } from "../base/errors.ts";
import type { Metric } from "../metrics/metric.ts";
import type { SessionOptions } from "../run/session.ts";
import type { Settings } from "./checkpoint.ts";
import type { Schedule } from "./schedules.ts";
import type { StepOptions } from "./step.ts";

/**
 * What is evaluated by which metrics, which start empty each time: after every epoch, or every `every` epochs and after
 * the last one. Examples are prepared already; cases are scans as they were read, which the network sees as `predict`
 * shows them to it, and which are compared on their own grids.
 */
export type Validation = { readonly every?: number | undefined } & (
  | { readonly data: Dataset; metrics(): readonly Metric[] }
  | (Pick<CasesOptions, "labels" | "metrics" | "needsScores" | "part" | "channels"> & {
      cases(): AsyncIterable<LabelledCase>;
    })
);

/** How to train: the step, and all around it. */
export interface TrainerOptions extends StepOptions {
  /** Examples of the step's sizes. */
  readonly data: Dataset;
  readonly learningRate: number;
  /** In epochs, parts of them included: constant unless given. */
  readonly schedule?: Schedule | undefined;
  readonly epochs: number;
  /** All that is random follows from it: 0 unless given. */
  readonly seed?: number | undefined;
  readonly validation?: Validation | undefined;
  /** The value by which the best epoch is chosen: the first metric unless given, or without any `loss`. */
  readonly monitor?: string | undefined;
  /** Ends training after so many epochs in a row that are not better. */
  readonly patience?: number | undefined;
  /**
   * Keeps `last.safetensors` (after every epoch, and every `everySteps` steps where given) and
   * `best.safetensors` in a folder.
   */
  readonly checkpoint?: { readonly folder: string; readonly everySteps?: number | undefined } | undefined;
  /** Bytes that a step may take at its peak: values are computed twice rather than kept, until it does. */
  readonly memory?: number | undefined;
  /** Where it is computed. */
  readonly session?: SessionOptions | undefined;
}

/** Examples of one update. */
export const perUpdate = ({ batch, accumulate = 1 }: StepOptions): number => batch * accumulate;

export function checkOptions(options: TrainerOptions): void {
  const { epochs, learningRate, seed, patience, checkpoint, validation } = options;
  const counts = { epochs, patience, everySteps: checkpoint?.everySteps, every: validation?.every };
  for (const [name, value] of Object.entries(counts)) {
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue;
    throw inputError(`${name} must be a positive whole number, not ${value}.`);
  }
  if (seed !== undefined && !Number.isSafeInteger(seed))
    throw inputError(`The seed must be a whole number, not ${seed}.`);
  if (!(learningRate > 0 && Number.isFinite(learningRate)))
    throw inputError(`The learning rate must be a positive number, not ${learningRate}.`);
}

/** The value that is watched. */
export function monitorOf({ monitor, validation }: TrainerOptions): string {
  const names = validation?.metrics().flatMap((metric) => Object.keys(metric.value())) ?? [];
  const watched = monitor ?? names[0] ?? "loss";
  if (watched === "loss" || names.includes(watched)) return watched;
  const there = ["loss", ...names].map((name) => `"${name}"`).join(", ");
  const verb = names.length === 0 ? "without validation there is only" : "there are";
  throw inputError(`Cannot watch "${watched}" for the best epoch: ${verb} ${there}.`);
}

/** What decides over the steps to come, beside data and network: a checkpoint is good for the same only. */
export function settingsOf(options: TrainerOptions, seed: number, monitor: string): Settings {
  const { loss, optimiser, data, groups, batch, size, learningRate, clipNorm } = options;
  const { schedule = { name: "constant" }, accumulate = 1, batchNorm = "train", dropout = true } = options;
  return {
    seed,
    examples: data.length,
    batch,
    accumulate,
    size,
    loss: { name: loss.name, ...loss.options },
    optimiser: { name: optimiser.name, ...optimiser.options },
    learningRate,
    schedule,
    groups: groups?.map((group) => ({ ...group, match: String(group.match) })),
    clipNorm,
    batchNorm,
    dropout,
    monitor,
  };
}
