/**
 * @file The page of the proof of concept: what it asks, Table 3 by both protocols
 * beside the paper's, what of the paper comes out, curves, pictures, cost, and all
 * it takes to run it again. A function of the folder's results, however far they are.
 */

import { bytes } from "../../report/figures.ts";
import type { Series } from "../../report/html/curves.ts";
import { type Markup, markup } from "../../report/html/markup.ts";
import { pageText, pictureLegend, section, sideBySide } from "../../report/html/page.ts";
import { labelVariable } from "../../report/html/palette.ts";
import { gallery } from "../../report/html/pictures.ts";
import { type Column, settingsTable, table } from "../../report/html/table.ts";
import { costTable } from "../costs.ts";
import { type ValueOf, epochChart, meanCurve } from "../curves.ts";
import { percent } from "../statistic.ts";
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
  const [shapes2d, shapes3d] = [CLASSES_2D, CLASSES_3D].map((classes) => classes.slice(0, -1));
  return pageText({
    title: "Does pretraining on images help a network for volumes?",
    facts: [
      "the proof of concept of ACS convolutions",
      isFinished(results) ? "finished" : "not finished yet",
    ],
    sections: [
      section("The experiment", story),
      section(
        "Table 3",
        markup`<p>${sentence(tables.budget)}</p>`,
        mainTable(tables, config),
        tableNote(config.seeds.length),
      ),
      section("Does what the paper says come out?", ...findings(tables)),
      section("Training", sideBySide(charts(results))),
      section(
        "Shape by shape",
        markup`<p>By the honest protocol, in per cent.</p>`,
        classTable(tables.classes, shapes3d!),
        markup`<h3>The 2D network</h3><p>By both protocols, in per cent.</p>`,
        table2d(tables, config, shapes2d!),
      ),
      ...figures(pictures),
      section(
        "Time and memory",
        ...costTable(
          tables.costs,
          "A step is 64 images in 2D and 4 volumes in 3D; inference is one image or volume of the test set.",
        ),
      ),
      section("Two protocols", protocols),
      section(
        "Run it again",
        markup`<div class="card scroll"><pre>${commandOf(config)}</pre></div>`,
        markup`<h3>Configuration</h3>`,
        settingsTable({ ...config }),
        markup`<h3>The same in every run</h3>`,
        settingsTable(FIXED),
      ),
    ],
  });
}

const story = markup`<p>
A small UNet learns to find squares and circles in noisy images. Then it is made 3D, and all weights but those of the
last layer are kept: as an ACS network, in which each third of the kernels looks along another plane, or as a 2.5D network, in
which all of them look along the same plane. Volumes hold shapes that the network has not seen: cones, pyramids, cubes, cylinders and balls.</p><p>
Is what was learnt in 2D worth something there? Two answers: how well the features tell shapes from background before
any training in 3D (mAUC), and how well the networks find the shapes after it (Dice and mIoU). Networks marked
“p.” begin with the pretrained weights, networks marked “r.” with random ones.</p>`;

const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`;

// ── Table 3 ─────────────────────────────────────────────────────────────────

const MEASURES = ["mAUC", "Dice", "mIoU"];

function mainTable({ rows }: PocTable, config: PocResults["config"]): Markup {
  const group = (name: string, titles: readonly string[]): Column[] =>
    titles.map((title) => ({ title, isNumber: true, group: name }));
  const ours = (scores: Scores, protocol: ProtocolName): string[] => [
    percent(scores.auc),
    percent(scores.dice),
    percent(scores.iou),
    progressText(scores, config, protocol),
  ];
  return table(
    [
      { title: "model", isLine: true },
      ...group("the paper", MEASURES),
      ...group("as published", [...MEASURES, "best epoch"]),
      ...group("honest", [...MEASURES, "last epoch"]),
      ...group("size", ["paper", "ours"]),
    ],
    rows.map(({ label, published, honest, paper, bytes: size }) => [
      label,
      ...[paper?.auc, paper?.dice, paper?.iou].map((value) => percent(value)),
      ...ours(published, "published"),
      ...ours(honest, "honest"),
      paper ? `${paper.megabytes} MB` : "–",
      size === undefined ? "–" : bytes(size),
    ]),
  );
}

const tableNote = (seeds: number): Markup => markup`<p class="note">In per cent${
  seeds > 1 ? `: mean ± standard deviation over ${seeds} seeds` : ""
}. mAUC is measured without training in 3D. “As published” and “honest” are two ways to measure, explained below: compare
“as published” with the paper, and models with each other by “honest”. Early in a training Dice also depends on BatchNorm’s running
statistics, which trail weights that still change fast: it can be far below what the loss promises.</p>`;

// ── What it says ────────────────────────────────────────────────────────────

function findings({ rows }: PocTable): Markup[] {
  const found = findingsOf(rows);
  if (found.length === 0) {
    return [markup`<p>The paper says nothing of these models alone.</p>`];
  }
  const cell = (comparison: Comparison | undefined): string => {
    if (!comparison) return "not known yet";
    const { first, second, holds, seeds } = comparison;
    const single = seeds ? `; ${seeds.holding} of ${seeds.all} seeds` : "";
    return `${holds ? "yes" : "no"}: ${percent(first)}, ${percent(second)}${single}`;
  };
  const several = found.some(({ honest }) => honest?.seeds);
  return [
    markup`<p>Of what the paper says of its table: as published, ${verdictOf(found, "published")}; by the honest protocol,
${verdictOf(found, "honest")}.</p>`,
    table(
      [
        { title: "what the paper says" },
        ...["its numbers", "as published", "honest"].map((title) => ({ title, isLine: true })),
      ],
      found.map(({ claim, paper, published, honest }) => [claim, ...[paper, published, honest].map(cell)]),
    ),
    markup`<p class="note">“Far above”: by ${percent(LARGE, 0)} points or more. “About equal to”: closer than
${percent(SMALL, 0)} point. ${
      several
        ? "Single seeds are counted, too, because means alone do not say what chance does."
        : "One seed cannot say how much of a small difference is chance."
    }</p>`,
  ];
}

// ── Curves ──────────────────────────────────────────────────────────────────

function charts({ config, pretraining, trainings }: PocResults): Markup[] {
  const rows = rowsOf(config);
  const lines = (valueOf: ValueOf, protocol?: ProtocolName): Series[] =>
    trainings.flatMap(({ id, label, runs }, i) =>
      protocol && !rows.some((row) => row[protocol] === id)
        ? []
        : [{ label, colour: labelVariable(i + 1), points: meanCurve(runs, valueOf) }],
    );
  const ofSource = (label: string, colour: string, valueOf: ValueOf): Series => ({
    label,
    colour,
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
      ofSource("loss", "var(--muted)", ({ loss }) => loss),
      ofSource("Dice, honest", labelVariable(2), ({ metrics }) => metrics?.["dice"]),
      ofSource("Dice, as published", labelVariable(1), ({ metrics }) => metrics?.["published.dice"]),
    ]),
  ];
}

// ── Classes ─────────────────────────────────────────────────────────────────

function classTable(rows: readonly ClassRow[], classes: readonly string[]): Markup {
  const columns = (group: string): Column[] => classes.map((title) => ({ title, isNumber: true, group }));
  return table(
    [{ title: "model", isLine: true }, ...columns("Dice"), ...columns("IoU")],
    rows.map(({ label, dice, iou }) => [
      label,
      ...[dice, iou].flatMap((values) => classes.map((name) => percent(values[name]))),
    ]),
  );
}

function table2d(
  { pretraining }: PocTable,
  config: PocResults["config"],
  classes: readonly string[],
): Markup {
  const { published, honest, dice } = pretraining;
  const number = (title: string, group: string): Column => ({ title, isNumber: true, group });
  return table(
    [
      number("Dice", "the paper"),
      number("Dice", "as published"),
      number("best epoch", "as published"),
      number("Dice", "honest"),
      ...classes.map((name) => number(name, "honest")),
      number("last epoch", "honest"),
    ],
    [
      [
        percent(DICE_2D, 2),
        percent(published.dice, 2),
        progressText(published, config, "published"),
        percent(honest.dice, 2),
        ...classes.map((name) => percent(dice[name], 2)),
        progressText(honest, config, "honest"),
      ],
    ],
  );
}

// ── Pictures ────────────────────────────────────────────────────────────────

function figures({ samples, features, masks }: PocPictures): Markup[] {
  const colours = pictureLegend(CLASSES_3D.slice(0, -1));
  const inAll =
    "Slices are not chosen by hand: of each volume it is the one with the most kinds of shapes, and of these the one that shows the smallest best.";
  return [
    ...(features.length > 0
      ? [
          section(
            "Features without training in 3D (Fig. 3)",
            markup`<p>The channels that tell shapes from background best, from low (violet) to high (yellow), beside those
of random weights. The number is the AUC over all test volumes; it counts a channel that is low in shapes like one that is high. ${inAll}</p>`,
            colours,
            ...features.map(gallery),
          ),
        ]
      : []),
    ...(masks.length > 0
      ? [
          section(
            "What the networks find (as Fig. A3)",
            markup`<p>Networks of the honest protocol after their last epoch, on the first test volumes. Dice is the mean of the
shapes that are in the volume. ${inAll}</p>`,
            colours,
            ...masks.map(gallery),
          ),
        ]
      : []),
    section(
      "Samples (Fig. A2)",
      pictureLegend(CLASSES_2D.slice(0, -1).map((label) => `${label} (2D)`)),
      colours,
      ...samples.map(gallery),
    ),
  ];
}

// ── What stands behind ──────────────────────────────────────────────────────

const points = (value: number): string => percent(value, 1);

const protocols = markup`<p>The authors' code measures differently from what the paper's text says. Both ways are
reported, and never in one column.</p>${table(
  [{ title: "" }, { title: "as published" }, { title: "honest" }],
  [
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
)}<p class="note">The text speaks of 100 test volumes, the code takes 200. The authors' notebook holds an mAUC of
${points(NOTEBOOK_AUC["acs-p"]!)} for ACS p. and ${points(NOTEBOOK_AUC["acs-r"]!)} for ACS r., their table
${points(TABLE_3["acs-p"]!.auc)} and ${points(TABLE_3["acs-r"]!.auc)}. Paper: Yang et al., “Reinventing 2D Convolutions for 3D
Images”, arXiv:1911.10477.</p>`;

/** As train.ts, shapes.ts and unet.ts have it. */
const FIXED = {
  network: "UNet, widths 64 and 128, two poolings; BatchNorm after every 3×3 convolution",
  loss: "soft Dice over all classes, ε = 0.01",
  "2D": "SGD 0.01, momentum 0.9, weight decay 1e-4, batches of 64; a tenth of the rate from half of the epochs on",
  "3D": "Adam 0.001, batches of 4, constant rate, no augmentation",
  data: "48 voxels to a side; 3 shapes in an image, 4 in a volume, of 5 to 24 voxels; noise of standard deviation 0.5",
  "not pretrained": "the last layer, whose classes are others",
};
