/** @file The experiment's numbers: Dice of every tissue after the last epoch, and how the rows compare. */

import { formatTable } from "acsconv/report";
import type { RunResult } from "../results.ts";
import { type Statistic, bytesText, percent, statistic } from "../statistic.ts";
import { CLASSES } from "./data.ts";
import type { BrainResults, RowResult } from "./results.ts";

export const TISSUES = CLASSES.slice(1);

/** Of one row, over the seeds. What is not known yet is missing. */
export interface TableRow {
  readonly id: string;
  readonly label: string;
  readonly transferred: RowResult["transferred"];
  /** Means of the tissues. */
  readonly dice?: Statistic;
  readonly iou?: Statistic;
  /** Dice by tissue. */
  readonly tissues: Readonly<Record<string, Statistic>>;
  /** Epochs that are done, by seeds. */
  readonly epochs: readonly number[];
}

/** How much more a row's Dice is than another's, for the same seeds. */
export interface Comparison {
  readonly first: string;
  readonly second: string;
  readonly difference: Statistic;
  /** Seeds for which it is positive. */
  readonly ahead: number;
}

export const tableOf = ({ config, rows }: BrainResults): TableRow[] =>
  rows.map(({ id, label, runs, transferred }) => {
    const values = (name: string): Statistic | undefined =>
      statistic(runs.map((run) => lastOf(run, config.epochs)?.[name]));
    const [dice, iou] = [values("dice"), values("iou")];
    const tissues = TISSUES.flatMap((tissue) => {
      const known = values(`dice.${tissue}`);
      return known ? [[tissue, known] as const] : [];
    });
    return {
      id,
      label,
      transferred,
      ...(dice && { dice }),
      ...(iou && { iou }),
      tissues: Object.fromEntries(tissues),
      epochs: runs.map(({ epochs }) => epochs.at(-1)?.epoch ?? 0),
    };
  });

/** Of the last epoch, once it is done: numbers of trainings that go on would be compared with those that do not. */
const lastOf = ({ epochs }: RunResult, count: number): Readonly<Record<string, number>> | undefined =>
  epochs.find(({ epoch }) => epoch === count)?.metrics;

/** The first row beside each of the others. */
export function comparisonsOf([first, ...others]: readonly TableRow[]): Comparison[] {
  return others.flatMap((second) => {
    const pairs = first!.dice?.perSeed.map((value, i) => {
      const other = second.dice?.perSeed[i] ?? null;
      return value === null || other === null ? undefined : value - other;
    });
    const difference = pairs && statistic(pairs);
    if (!difference) return [];
    const ahead = difference.perSeed.filter((value) => value !== null && value > 0).length;
    return [{ first: first!.label, second: second.label, difference, ahead }];
  });
}

/** "ACS p. is ahead of ACS r. by 12.3 ± 1.0 points (3 of 3 seeds)" */
export function comparisonText({ first, second, difference, ahead }: Comparison): string {
  const { mean, perSeed } = difference;
  const size = percent({ ...difference, mean: Math.abs(mean) });
  const known = perSeed.filter((value) => value !== null).length;
  const [winner, loser, holding] = mean >= 0 ? [first, second, ahead] : [second, first, known - ahead];
  return `${winner} is ahead of ${loser} by ${size} points (${holding} of ${known} seeds)`;
}

export const transferText = ({ transferred }: Pick<TableRow, "transferred">): string =>
  transferred.bytes === 0 ? "–" : `${bytesText(transferred.bytes)}, ${percent(transferred.part, 0)} %`;

/** For a terminal. */
export function tableText(results: BrainResults): string {
  const rows = tableOf(results);
  return [
    formatTable(
      ["model", "pretrained", ...TISSUES, "mean Dice"],
      rows.map((row) => [
        row.label,
        transferText(row),
        ...TISSUES.map((tissue) => percent(row.tissues[tissue])),
        percent(row.dice),
      ]),
    ),
    "",
    ...comparisonsOf(rows).map(comparisonText),
  ].join("\n");
}

/** All that `results.json` holds: the table, what it says, and what it was made from. */
export const resultsJson = (results: BrainResults) => {
  const table = tableOf(results);
  return { table, comparisons: comparisonsOf(table), ...results };
};
