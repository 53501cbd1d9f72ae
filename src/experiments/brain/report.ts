/** @file The page of the experiment on a brain: what it asks, the table, how rows compare, curves, pictures, cost. */

import { basename } from "node:path";
import type { Series } from "../../report/html/curves.ts";
import { type Markup, markup } from "../../report/html/markup.ts";
import { pageText, pictureLegend, section, sideBySide } from "../../report/html/page.ts";
import { labelVariable } from "../../report/html/palette.ts";
import { type Gallery, gallery } from "../../report/html/pictures.ts";
import { type Column, settingsTable, table } from "../../report/html/table.ts";
import { commandOf as command } from "../command.ts";
import { costRow, costTable } from "../costs.ts";
import { type ValueOf, epochChart, meanCurve } from "../curves.ts";
import { percent } from "../statistic.ts";
import { type BrainConfig, DEFAULTS } from "./config.ts";
import type { BrainResults } from "./results.ts";
import { TISSUES, type TableRow, comparisonsOf, comparisonText, tableOf, transferText } from "./table.ts";

/** One HTML file that needs nothing else. */
export function brainReport(results: BrainResults, pictures: readonly Gallery[]): string {
  const { config, rows } = results;
  const values = tableOf(results);
  const comparisons = comparisonsOf(values);
  const steps = config.epochs * config.steps;
  return pageText({
    title: "Half a brain to learn from",
    facts: [
      `pretrained network: ${basename(config.network)}`,
      `${steps} steps on patches of ${config.size}³ voxels, ${config.batch} at once`,
      values.every(({ epochs }) => epochs.every((done) => done >= config.epochs))
        ? "finished"
        : "not finished yet",
    ],
    sections: [
      section("The experiment", story(steps)),
      section("The right half", mainTable(values), tableNote(config)),
      section(
        "How they compare",
        comparisons.length === 0
          ? markup`<p class="note">Nothing is known yet.</p>`
          : markup`<ul>${comparisons.map((one) => markup`<li>${comparisonText(one)}</li>`)}</ul>`,
      ),
      section("Training", sideBySide(charts(results))),
      ...(pictures.length > 0
        ? [section("What they find", pictureLegend(TISSUES), ...pictures.map(gallery))]
        : []),
      section(
        "Time and memory",
        ...costTable(
          rows.flatMap(({ label, runs }) => costRow(label, runs)),
          `A step is ${config.batch} patches; inference is the right half, in overlapping windows.`,
        ),
      ),
      section(
        "Run it again",
        markup`<div class="card scroll"><pre>${commandOf(config)}</pre></div>`,
        markup`<h3>Configuration</h3>`,
        settingsTable({ ...config, network: basename(config.network) }),
        markup`<h3>The same in every run</h3>`,
        settingsTable(FIXED),
      ),
    ],
  });
}

const story = (steps: number): Markup => markup`<p>
One T1-weighted MR scan of a head, with its tissues: cerebrospinal fluid (CSF), grey matter, white matter. Networks see the
patient’s left half, for ${steps} steps, and are asked for the tissues of the right one. What is a network worth here that
has learnt from other images, in 2D, and is read in 3D?</p><p>
“p.” has the pretrained weights, “r.” random ones, both from the same 2D architecture. ACS deals its kernels to the three planes,
2.5D leaves all of them in one plane, 3D has cubic kernels instead.</p>`;

function mainTable(rows: readonly TableRow[]): Markup {
  const number = (title: string, group: string): Column => ({ title, isNumber: true, group });
  return table(
    [
      { title: "model", isLine: true },
      { title: "from the pretrained network", isNumber: true },
      ...TISSUES.map((tissue) => number(tissue, "Dice")),
      number("mean", "Dice"),
      number("mean", "IoU"),
    ],
    rows.map((row) => [
      row.label,
      transferText(row),
      ...TISSUES.map((tissue) => percent(row.tissues[tissue])),
      percent(row.dice),
      percent(row.iou),
    ]),
  );
}

const tableNote = ({
  seeds,
  epochs,
}: BrainConfig): Markup => markup`<p class="note">In per cent, after epoch ${epochs};
nothing is chosen by looking at the right half.${
  seeds.length > 1
    ? ` Mean ± standard deviation over ${seeds.length} seeds, which decide over fresh weights and patches.`
    : ""
} It is one scan, whose tissues were found by k-means: the numbers compare networks, and say nothing of other scans.</p>`;

function charts({ rows }: BrainResults): Markup[] {
  const lines = (valueOf: ValueOf): Series[] =>
    rows.map(({ label, runs }, i) => ({
      label,
      colour: labelVariable(i + 1),
      points: meanCurve(runs, valueOf),
    }));
  return [
    epochChart(
      "Loss, left half",
      lines(({ loss }) => loss),
    ),
    epochChart(
      "Dice, right half",
      lines(({ metrics }) => metrics?.["dice"]),
    ),
  ];
}

const OPTIONS = {
  network: "network",
  models: "models",
  epochs: "epochs",
  "test-every": "testEvery",
  seeds: "seeds",
  steps: "steps",
  batch: "batch",
  size: "size",
  spacing: "spacing",
} as const satisfies Readonly<Record<string, keyof BrainConfig>>;

/** The network is named without the folder that it was in. */
export const commandOf = (config: BrainConfig): string =>
  command("brain", OPTIONS, { ...config, network: basename(config.network) }, DEFAULTS);

/** As train.ts and data.ts have it. */
const FIXED = {
  scan: "128 × 128 × 62 voxels of 2 × 2 × 3 mm, resampled; intensities with mean 0 and deviation 1",
  patches:
    "at random places of the left half, a third of them around a voxel of a tissue, mirrored at random",
  loss: "soft Dice and cross-entropy; voxels without a label are ignored",
  optimiser: "Adam 0.001, constant rate",
  "new layers": "the paper’s FCN decoder on an encoder, or the last layer of a network that has a decoder",
};
