/** @file Made-up results of the proof of concept. */

import { type PocConfig, PAPER } from "../src/poc/config.ts";
import type { Facts } from "../src/results.ts";
import { type PocResults, type RunResult, labelOf, rowsOf } from "../src/poc/results.ts";
import { runsOf } from "../src/poc/runs.ts";
import { CLASSES_2D, CLASSES_3D } from "../src/poc/shapes.ts";

/** An epoch without numbers is one that was not tested. IoU is half of Dice. */
export interface MadeUpRun {
  readonly epochs: readonly { readonly dice?: number; readonly published?: number }[];
  readonly nearest?: number;
  readonly linear?: number;
  readonly facts?: Facts;
}

export interface MadeUp {
  readonly config?: Partial<PocConfig>;
  /** By training, in the order of the seeds; what is missing has not begun. */
  readonly runs: Readonly<Record<string, readonly MadeUpRun[]>>;
  readonly pretraining?: MadeUpRun;
}

export function madeUp({ config: changes, runs, pretraining }: MadeUp): PocResults {
  const config = { ...PAPER, ...changes };
  return {
    config,
    pretraining: runOf(config.seeds[0]!, pretraining, CLASSES_2D),
    trainings: runsOf(rowsOf(config)).map((run) => ({
      id: run.id,
      label: labelOf(run),
      runs: config.seeds.map((seed, i) => runOf(seed, runs[run.id]?.[i], CLASSES_3D)),
    })),
  };
}

/** Classes differ by a hundredth from one to the next, from the mean on. */
function runOf(seed: number, run: MadeUpRun | undefined, classes: readonly string[]): RunResult {
  if (!run) return { seed, epochs: [] };
  const { nearest, linear, facts } = run;
  const auc = (mean: number) => ({ mean, channels: [mean, mean] });
  return {
    seed,
    epochs: run.epochs.map(({ dice, published }, i) => ({
      epoch: i + 1,
      loss: 1 / (i + 1),
      ...(dice !== undefined &&
        published !== undefined && {
          metrics: {
            dice,
            iou: dice / 2,
            "published.dice": published,
            "published.iou": published / 2,
            ...Object.fromEntries(
              classes.slice(0, -1).flatMap((name, label) => [
                [`dice.${name}`, dice + label / 100],
                [`iou.${name}`, (dice + label / 100) / 2],
              ]),
            ),
          },
        }),
    })),
    ...(facts && { facts }),
    ...(nearest !== undefined &&
      linear !== undefined && { features: { nearest: auc(nearest), linear: auc(linear) } }),
  };
}
