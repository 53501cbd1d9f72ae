/**
 * @file A training's numbers by one of two protocols, over seeds:
 *
 *   published   as the authors' code counts: see published-overlap.ts; the epoch that is best on
 *               the test set; features enlarged by `nearest`; kernels drawn unequally
 *   honest      the mean of the foreground classes over all voxels; the last epoch; features of
 *               the network as it is; kernels drawn alike
 *
 * Numbers of both never stand in one column.
 */

import type { PaperRow } from "./paper.ts";
import type { EpochResult } from "../results.ts";
import { type Statistic, statistic } from "../statistic.ts";
import type { FeatureResult, RunResult } from "./results.ts";

export type ProtocolName = "published" | "honest";

/** Where a training stands. */
export interface Standing {
  readonly seed: number;
  /** Epochs that are done. */
  readonly done: number;
  /** The one that Dice and mIoU are of. */
  readonly epoch?: number;
}

/** A row's numbers by one protocol; what is not known yet is missing. */
export interface Scores {
  readonly auc?: Statistic;
  readonly dice?: Statistic;
  readonly iou?: Statistic;
  readonly standing: readonly Standing[];
}

export interface TableRow {
  readonly id: string;
  readonly label: string;
  readonly published: Scores;
  readonly honest: Scores;
  /** Of the saved weights. */
  readonly bytes?: number;
  /** Missing for rows that the paper does not have. */
  readonly paper?: PaperRow;
}

/** Dice and IoU of every foreground class, by the honest protocol. */
export interface ClassRow {
  readonly label: string;
  readonly dice: Readonly<Record<string, Statistic>>;
  readonly iou: Readonly<Record<string, Statistic>>;
}

/** Where each protocol finds its numbers. */
const PROTOCOLS: Readonly<
  Record<
    ProtocolName,
    {
      readonly auc: keyof FeatureResult;
      readonly dice: string;
      readonly iou: string;
      readonly epochOf: (tested: readonly EpochResult[]) => EpochResult | undefined;
    }
  >
> = {
  published: {
    auc: "nearest",
    dice: "published.dice",
    iou: "published.iou",
    epochOf: (tested) =>
      tested.reduce<EpochResult | undefined>((best, epoch) => {
        const value = epoch.metrics!["published.dice"] ?? NaN;
        return value > (best?.metrics!["published.dice"] ?? -1) ? epoch : best;
      }, undefined),
  },
  honest: { auc: "linear", dice: "dice", iou: "iou", epochOf: (tested) => tested.at(-1) },
};

/** The epoch that a protocol takes a training's numbers from. */
function epochOf({ epochs }: RunResult, protocol: ProtocolName): EpochResult | undefined {
  return PROTOCOLS[protocol].epochOf(epochs.filter(({ metrics }) => metrics));
}

/** A row by a protocol, from the runs that this takes. */
export function scoresOf(runs: readonly RunResult[], protocol: ProtocolName): Scores {
  const { auc, dice, iou } = PROTOCOLS[protocol];
  const chosen = runs.map((run) => epochOf(run, protocol));
  const known = {
    auc: statistic(runs.map(({ features }) => features?.[auc].mean)),
    dice: statistic(chosen.map((epoch) => epoch?.metrics?.[dice])),
    iou: statistic(chosen.map((epoch) => epoch?.metrics?.[iou])),
  };
  return {
    ...(known.auc && { auc: known.auc }),
    ...(known.dice && { dice: known.dice }),
    ...(known.iou && { iou: known.iou }),
    standing: runs.map(({ seed, epochs }, i) => {
      const epoch = chosen[i]?.epoch;
      return { seed, done: epochs.at(-1)?.epoch ?? 0, ...(epoch !== undefined && { epoch }) };
    }),
  };
}

/** @param classes - with the background last */
export function classRow(label: string, runs: readonly RunResult[], classes: readonly string[]): ClassRow {
  const chosen = runs.map((run) => epochOf(run, "honest"));
  const byClass = (metric: string): Record<string, Statistic> =>
    Object.fromEntries(
      classes.slice(0, -1).flatMap((name) => {
        const found = statistic(chosen.map((epoch) => epoch?.metrics?.[`${metric}.${name}`]));
        return found ? [[name, found]] : [];
      }),
    );
  return { label, dice: byClass("dice"), iou: byClass("iou") };
}
