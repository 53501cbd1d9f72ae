/**
 * @file The page of the proof of concept: what it asks, Table 3 by both protocols
 * beside the paper's, what of the paper comes out, curves, pictures, cost, and all
 * it takes to run it again. A function of the folder's results, however far they are.
 */

import { type ReportChart, type ReportSection, type ReportTable, reportPage } from "acsconv/report/page";
import { costSection } from "../costs.ts";
import { type ValueOf, epochChart, grouped, meanCurve, numbers, settingsSections } from "../page.ts";
import { bytesText, percent } from "../statistic.ts";
import { type Comparison, LARGE, SMALL, findingsOf, verdictOf } from "./findings.ts";
import { DICE_2D, NOTEBOOK_AUC, TABLE_3 } from "./paper.ts";
import type { PocPictures } from "./pictures.ts";
import { type PocResults, rowsOf } from "./results.ts";
import type { ClassRow, ProtocolName, Scores } from "./scores.ts";
import { CLASSES_2D, CLASSES_3D } from "./shapes.ts";
import { type PocTable, tableOf } from "./table.ts";
import { commandOf, isFinished, progressText } from "./words.ts";

/** One HTML file that needs nothing else. */
export function pocReport(results: PocResults, pictures: PocPictures): string {
  const { config } = results;
  const tables = tableOf(results);
  return reportPage({
    title: "Does pretraining on images help a network for volumes?",
    facts: [
      "the proof of concept of ACS convolutions",
      isFinished(results) ? "finished" : "not finished yet",
    ],
    sections: [
      { title: "The experiment", text: STORY },
      {
        title: "Table 3",
        text: [sentence(tables.budget)],
        tables: [mainTable(tables, config)],
        notes: [tableNote(config.seeds.length)],
      },
      findings(tables),
      { title: "Training", charts: charts(results) },
      {
        title: "Shape by shape",
        text: ["By the honest protocol, in per cent."],
        tables: [classTable(tables.classes, CLASSES_3D.slice(0, -1))],
      },
      {
        title: "The 2D network",
        text: ["By both protocols, in per cent."],
        tables: [table2d(tables, config, CLASSES_2D.slice(0, -1))],
      },
      ...figures(pictures),
      costSection(
        tables.costs,
        "A step is 64 images in 2D and 4 volumes in 3D; inference is one image or volume of the test set.",
      ),
      PROTOCOLS,
      ...settingsSections(commandOf(config), config, FIXED),
    ],
  });
}

const STORY = [
  `A small UNet learns to find squares and circles in noisy images. Then it is made 3D, and all weights but those of the last layer are kept: as an ACS network, in which each third of the kernels looks along another plane, or as a 2.5D network, in which all of them look along the same plane. Volumes hold shapes that the network has not seen: cones, pyramids, cubes, cylinders and balls.`,
  `Is what was learnt in 2D worth something there? Two answers: how well the features tell shapes from background before any training in 3D (mAUC), and how well the networks find the shapes after it (Dice and mIoU). Networks marked “p.” begin with the pretrained weights, networks marked “r.” with random ones.`,
];

const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`;

// ── Table 3 ─────────────────────────────────────────────────────────────────

const MEASURES = ["mAUC", "Dice", "mIoU"];

function mainTable({ rows }: PocTable, config: PocResults["config"]): ReportTable {
  const ours = (scores: Scores, protocol: ProtocolName): string[] => [
    percent(scores.auc),
    percent(scores.dice),
    percent(scores.iou),
    progressText(scores, config, protocol),
  ];
  return {
    columns: [
      { title: "model", isLine: true },
      ...grouped("the paper", numbers(...MEASURES)),
      ...grouped("as published", numbers(...MEASURES, "best epoch")),
      ...grouped("honest", numbers(...MEASURES, "last epoch")),
      ...grouped("size", numbers("paper", "ours")),
    ],
    rows: rows.map(({ label, published, honest, paper, bytes }) => [
      label,
      ...[paper?.auc, paper?.dice, paper?.iou].map((value) => percent(value)),
      ...ours(published, "published"),
      ...ours(honest, "honest"),
      paper ? `${paper.megabytes} MB` : "–",
      bytes === undefined ? "–" : bytesText(bytes),
    ]),
  };
}

const tableNote = (seeds: number): string =>
  `In per cent${seeds > 1 ? `: mean ± standard deviation over ${seeds} seeds` : ""}. mAUC is measured without ` +
  `training in 3D. “As published” and “honest” are two ways to measure, explained below: compare “as published” with ` +
  `the paper, and models with each other by “honest”. Early in a training Dice also depends on BatchNorm’s running ` +
  `statistics, which trail weights that still change fast: it can be far below what the loss promises.`;

// ── What it says ────────────────────────────────────────────────────────────

function findings({ rows }: PocTable): ReportSection {
  const title = "Does what the paper says come out?";
  const found = findingsOf(rows);
  if (found.length === 0) return { title, text: ["The paper says nothing of these models alone."] };
  const cell = (comparison: Comparison | undefined): string => {
    if (!comparison) return "not known yet";
    const { first, second, holds, seeds } = comparison;
    const single = seeds ? `; ${seeds.holding} of ${seeds.all} seeds` : "";
    return `${holds ? "yes" : "no"}: ${percent(first)}, ${percent(second)}${single}`;
  };
  const chance = found.some(({ honest }) => honest?.seeds)
    ? "Single seeds are counted, too, because means alone do not say what chance does."
    : "One seed cannot say how much of a small difference is chance.";
  return {
    title,
    text: [
      `Of what the paper says of its table: as published, ${verdictOf(found, "published")}; by the honest protocol, ` +
        `${verdictOf(found, "honest")}.`,
    ],
    tables: [
      {
        columns: [
          { title: "what the paper says" },
          ...["its numbers", "as published", "honest"].map((title) => ({ title, isLine: true })),
        ],
        rows: found.map(({ claim, paper, published, honest }) => [
          claim,
          ...[paper, published, honest].map(cell),
        ]),
      },
    ],
    notes: [
      `“Far above”: by ${percent(LARGE, 0)} points or more. “About equal to”: closer than ${percent(SMALL, 0)} point. ${chance}`,
    ],
  };
}

// ── Curves ──────────────────────────────────────────────────────────────────

function charts({ config, pretraining, trainings }: PocResults): ReportChart[] {
  const rows = rowsOf(config);
  /** Those of another protocol have no points: every training has its colour in all charts. */
  const lines = (valueOf: ValueOf, protocol?: ProtocolName) =>
    trainings.map(({ id, label, runs }) => ({
      label,
      points: protocol && !rows.some((row) => row[protocol] === id) ? [] : meanCurve(runs, valueOf),
    }));
  const ofSource = (label: string, valueOf: ValueOf) => ({
    label,
    points: meanCurve([pretraining], valueOf),
  });
  return [
    epochChart(
      "Loss",
      lines(({ loss }) => loss),
    ),
    epochChart(
      "Dice, honest",
      lines(({ metrics }) => metrics?.["dice"], "honest"),
    ),
    epochChart(
      "Dice, as published",
      lines(({ metrics }) => metrics?.["published.dice"], "published"),
    ),
    epochChart("The 2D network", [
      ofSource("Dice, as published", ({ metrics }) => metrics?.["published.dice"]),
      ofSource("Dice, honest", ({ metrics }) => metrics?.["dice"]),
      ofSource("loss", ({ loss }) => loss),
    ]),
  ];
}

// ── Classes ─────────────────────────────────────────────────────────────────

const classTable = (rows: readonly ClassRow[], classes: readonly string[]): ReportTable => ({
  columns: [
    { title: "model", isLine: true },
    ...["Dice", "IoU"].flatMap((name) => grouped(name, numbers(...classes))),
  ],
  rows: rows.map(({ label, dice, iou }) => [
    label,
    ...[dice, iou].flatMap((values) => classes.map((name) => percent(values[name]))),
  ]),
});

function table2d(
  { pretraining }: PocTable,
  config: PocResults["config"],
  classes: readonly string[],
): ReportTable {
  const { published, honest, dice } = pretraining;
  return {
    columns: [
      ...grouped("the paper", numbers("Dice")),
      ...grouped("as published", numbers("Dice", "best epoch")),
      ...grouped("honest", numbers("Dice", ...classes, "last epoch")),
    ],
    rows: [
      [
        percent(DICE_2D, 2),
        percent(published.dice, 2),
        progressText(published, config, "published"),
        percent(honest.dice, 2),
        ...classes.map((name) => percent(dice[name], 2)),
        progressText(honest, config, "honest"),
      ],
    ],
  };
}

// ── Pictures ────────────────────────────────────────────────────────────────

const IN_ALL =
  "Slices are not chosen by hand: of each volume it is the one with the most kinds of shapes, and of these the one that shows the smallest best.";

function figures({ images, volumes, features, masks }: PocPictures): ReportSection[] {
  const labels = CLASSES_3D.slice(0, -1);
  const sections: ReportSection[] = [
    {
      title: "Features without training in 3D (Fig. 3)",
      text: [
        "The channels that tell shapes from background best, from low (violet) to high (yellow), beside those of random " +
          "weights. The number is the AUC over all test volumes; it counts a channel that is low in shapes like one that " +
          `is high. ${IN_ALL}`,
      ],
      labels,
      galleries: features,
    },
    {
      title: "What the networks find (as Fig. A3)",
      text: [
        "Networks of the honest protocol after their last epoch, on the first test volumes. Dice is the mean of the " +
          `shapes that are in the volume. ${IN_ALL}`,
      ],
      labels,
      galleries: masks,
    },
    { title: "Samples in 2D (Fig. A2)", labels: CLASSES_2D.slice(0, -1), galleries: images },
    { title: "Samples in 3D (Fig. A2)", labels, galleries: volumes },
  ];
  return sections.filter(({ galleries = [] }) => galleries.length > 0);
}

// ── What stands behind ──────────────────────────────────────────────────────

const PROTOCOLS: ReportSection = {
  title: "Two protocols",
  text: [
    "The authors' code measures differently from what the paper's text says. Both ways are reported, and never in one column.",
  ],
  tables: [
    {
      columns: [{ title: "" }, { title: "as published" }, { title: "honest" }],
      rows: [
        [
          "classes",
          "the mean of all but the first: cones are left out, and the background, which is easy, is counted (in 2D: squares are left out)",
          "the mean of the five shapes (in 2D: of both)",
        ],
        [
          "voxels",
          "counted together in batches of 20 volumes, then averaged",
          "counted together over the whole test set",
        ],
        [
          "epoch",
          "the one whose Dice is best on the test set, which makes numbers look better than they are",
          "the last one; nothing is chosen",
        ],
        [
          "random weights",
          "the 3D network draws wider kernels (Kaiming, for ReLU) than 2.5D and ACS (PyTorch's default)",
          "all draw PyTorch's default",
        ],
        [
          "features for mAUC",
          "the decoder's first enlargement repeats the nearest value, unlike the network itself",
          "of the network as it is: linear",
        ],
      ],
    },
  ],
  notes: [
    "The text speaks of 100 test volumes, the code takes 200. The authors' notebook holds an mAUC of " +
      `${percent(NOTEBOOK_AUC["acs-p"])} for ACS p. and ${percent(NOTEBOOK_AUC["acs-r"])} for ACS r., their table ` +
      `${percent(TABLE_3["acs-p"]?.auc)} and ${percent(TABLE_3["acs-r"]?.auc)}. Paper: Yang et al., “Reinventing 2D ` +
      "Convolutions for 3D Images”, arXiv:1911.10477.",
  ],
};

/** As train.ts, shapes.ts and unet.ts have it. */
const FIXED = {
  network: "UNet, widths 64 and 128, two poolings; BatchNorm after every 3×3 convolution",
  loss: "soft Dice over all classes, ε = 0.01",
  "2D": "SGD 0.01, momentum 0.9, weight decay 1e-4, batches of 64; a tenth of the rate from half of the epochs on",
  "3D": "Adam 0.001, batches of 4, constant rate, no augmentation",
  data: "48 voxels to a side; 3 shapes in an image, 4 in a volume, of 5 to 24 voxels; noise of standard deviation 0.5",
  "not pretrained": "the last layer, whose classes are others",
};
