/** @file What a training run reports while it goes on: for a terminal, a log, a report page. */

import type { Metrics } from "../model/evaluate.ts";

/** The metric of a value, and the class (or pair of classes) where it is of one: `dice.liver`. */
export function partsOf(name: string): { readonly metric: string; readonly part: string | undefined } {
  const [metric, ...part] = name.split(".");
  return { metric: metric!, part: part.length > 0 ? part.join(".") : undefined };
}

/**
 * Where a run stands: the epoch that is being worked on (at its end, the last one), counted from 1, and the steps done
 * since the beginning.
 */
interface Position {
  readonly epoch: number;
  readonly step: number;
}

/** The best epoch so far, by the value that is watched. */
export interface Best {
  readonly epoch: number;
  readonly value: number;
}

/**
 * - `start`: before the first step. `step` is above 0 in a run that goes on from a checkpoint.
 * - `step`: after every step. `loss` is that of the batch, in front of the update; `seconds` since the step
 *   before; `stepsPerSecond` over the last steps.
 * - `epoch`: after the last step of an epoch. `loss` is its mean; `metrics` of the validation data.
 * - `checkpoint`: a file has been written and will outlast anything that happens from here on.
 * - `stop`: the watched value has not improved for `patience` epochs; `end` follows.
 * - `interrupted`: the signal aborted. The last event of such a run; `resume` says how to go on.
 * - `end`: all epochs are done, or `stop` came before.
 */
export type TrainEvent =
  | (Position & { readonly type: "start"; readonly epochs: number; readonly stepsPerEpoch: number })
  | (Position & {
      readonly type: "step";
      readonly loss: number;
      readonly learningRate: number;
      readonly gradientNorm?: number;
      readonly seconds: number;
      readonly stepsPerSecond: number;
    })
  | (Position & {
      readonly type: "epoch";
      readonly loss: number;
      readonly metrics: Metrics;
      readonly best: boolean;
      readonly seconds: number;
    })
  | (Position & { readonly type: "checkpoint"; readonly kind: "last" | "best"; readonly path: string })
  | (Position & { readonly type: "stop"; readonly best: Best; readonly patience: number })
  | (Position & { readonly type: "interrupted"; readonly resume: string })
  | (Position & { readonly type: "end"; readonly best: Best | undefined });

/** The events of one type. */
export type EventOf<T extends TrainEvent["type"]> = Extract<TrainEvent, { readonly type: T }>;
