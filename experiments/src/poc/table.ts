/**
 * @file The experiment's numbers as plain tables: Table 3 by both protocols, classes,
 * the 2D network, time and memory (the columns of Table 6).
 */

import { formatTable } from "acsconv/report";
import { type CostRow, costRow } from "../costs.ts";
import { percent } from "../statistic.ts";
import { type Finding, findingsOf } from "./findings.ts";
import { DICE_2D, NOTEBOOK_AUC, TABLE_3 } from "./paper.ts";
import { type PocResults, type RunResult, rowsOf } from "./results.ts";
import {
  type ClassRow,
  type ProtocolName,
  type Scores,
  type TableRow,
  classRow,
  scoresOf,
} from "./scores.ts";
import { CLASSES_2D, CLASSES_3D } from "./shapes.ts";
import { budgetText, progressText } from "./words.ts";

export interface PocTable {
  /** What the numbers rest on, in words. */
  readonly budget: string;
  readonly rows: readonly TableRow[];
  readonly classes: readonly ClassRow[];
  readonly pretraining: ClassRow & {
    readonly published: Scores;
    readonly honest: Scores;
    readonly paper: { readonly dice: number };
  };
  readonly costs: readonly CostRow[];
}

export function tableOf(results: PocResults): PocTable {
  const { config, pretraining, trainings } = results;
  const rows = rowsOf(config).map((row) => {
    const runsOf = (id: string): readonly RunResult[] => trainings.find((one) => one.id === id)?.runs ?? [];
    return { ...row, published: runsOf(row.published), honest: runsOf(row.honest) };
  });
  const source = [pretraining];
  return {
    budget: budgetText(results),
    rows: rows.map(({ id, label, published, honest }) => {
      const bytes = [...honest, ...published].find(({ facts }) => facts)?.facts?.bytes;
      return {
        id,
        label,
        published: scoresOf(published, "published"),
        honest: scoresOf(honest, "honest"),
        ...(bytes !== undefined && { bytes }),
        ...(TABLE_3[id] && { paper: TABLE_3[id] }),
      };
    }),
    classes: rows.map(({ label, honest }) => classRow(label, honest, CLASSES_3D)),
    pretraining: {
      ...classRow("2D UNet", source, CLASSES_2D),
      published: scoresOf(source, "published"),
      honest: scoresOf(source, "honest"),
      paper: { dice: DICE_2D },
    },
    costs: [{ label: "2D UNet", runs: source }, ...trainings].flatMap(({ label, runs }) =>
      costRow(label, runs),
    ),
  };
}

/** All that `results.json` holds: the tables, what they say, and what they were made from. */
export function resultsJson(results: PocResults): {
  readonly table: PocTable;
  readonly findings: readonly Finding[];
  readonly notebookAuc: Readonly<Record<string, number>>;
} & PocResults {
  const table = tableOf(results);
  return { table, findings: findingsOf(table.rows), notebookAuc: NOTEBOOK_AUC, ...results };
}

/** The tables of both protocols, for a terminal. */
export function tableText(results: PocResults): string {
  const { config } = results;
  const table = tableOf(results);
  const { pretraining, rows } = table;
  const cells = (scores: Scores, protocol: ProtocolName): string[] => [
    percent(scores.auc),
    percent(scores.dice),
    percent(scores.iou),
    progressText(scores, config, protocol),
  ];
  const header = ["model", "mAUC", "Dice", "mIoU", "epoch"];
  const published = formatTable(
    [...header, "paper: mAUC", "Dice", "mIoU"],
    [
      ...rows.map(({ label, published: scores, paper }) => [
        label,
        ...cells(scores, "published"),
        ...[paper?.auc, paper?.dice, paper?.iou].map((value) => percent(value)),
      ]),
      [
        pretraining.label,
        ...cells(pretraining.published, "published"),
        "–",
        percent(pretraining.paper.dice, 2),
        "–",
      ],
    ],
  );
  const honest = formatTable(
    header,
    [...rows, pretraining].map(({ label, honest: scores }) => [label, ...cells(scores, "honest")]),
  );
  return [
    table.budget,
    "",
    "As published: best epoch on the test set, classes as the authors' code averages them",
    published,
    "",
    "Honest: last epoch, mean of the foreground classes, kernels drawn alike",
    honest,
  ].join("\n");
}
