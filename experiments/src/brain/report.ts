/** @file The page of the experiment on a brain: what it asks, the table, how rows compare, curves, pictures, cost. */

import { basename } from "node:path";
import { type ReportChart, type ReportGallery, type ReportTable, reportPage } from "acsconv/report/page";
import { commandOf as command } from "../command-text.ts";
import { costRow, costSection } from "../costs.ts";
import { type ValueOf, epochChart, grouped, meanCurve, numbers, settingsSections } from "../page.ts";
import { percent } from "../statistic.ts";
import { type BrainConfig, DEFAULTS } from "./config.ts";
import type { BrainResults } from "./results.ts";
import { TISSUES, type TableRow, comparisonsOf, comparisonText, tableOf, transferText } from "./table.ts";

/** One HTML file that needs nothing else. */
export function brainReport(results: BrainResults, pictures: readonly ReportGallery[]): string {
  const { config, rows } = results;
  const values = tableOf(results);
  const comparisons = comparisonsOf(values);
  const steps = config.epochs * config.steps;
  return reportPage({
    title: "Half a brain to learn from",
    facts: [
      `pretrained network: ${basename(config.network)}`,
      `${steps} steps on patches of ${config.size}³ voxels, ${config.batch} at once`,
      values.every(({ epochs }) => epochs.every((done) => done >= config.epochs))
        ? "finished"
        : "not finished yet",
    ],
    sections: [
      { title: "The experiment", text: story(steps) },
      { title: "The right half", tables: [mainTable(values)], notes: [tableNote(config)] },
      comparisons.length === 0
        ? { title: "How they compare", notes: ["Nothing is known yet."] }
        : { title: "How they compare", text: comparisons.map(comparisonText) },
      { title: "Training", charts: charts(results) },
      ...(pictures.length > 0 ? [{ title: "What they find", labels: TISSUES, galleries: pictures }] : []),
      costSection(
        rows.flatMap(({ label, runs }) => costRow(label, runs)),
        `A step is ${config.batch} patches; inference is the right half, in overlapping windows.`,
      ),
      ...settingsSections(commandOf(config), { ...config, network: basename(config.network) }, FIXED),
    ],
  });
}

const story = (steps: number): string[] => [
  "One T1-weighted MR scan of a head, with its tissues: cerebrospinal fluid (CSF), grey matter, white matter. Networks " +
    `see the patient’s left half, for ${steps} steps, and are asked for the tissues of the right one. What is a network ` +
    "worth here that has learnt from other images, in 2D, and is read in 3D?",
  "“p.” has the pretrained weights, “r.” random ones, both from the same 2D architecture. ACS deals its kernels to the " +
    "three planes, 2.5D leaves all of them in one plane, 3D has cubic kernels instead.",
];

const mainTable = (rows: readonly TableRow[]): ReportTable => ({
  columns: [
    { title: "model", isLine: true },
    ...numbers("from the pretrained network"),
    ...grouped("Dice", numbers(...TISSUES, "mean")),
    ...grouped("IoU", numbers("mean")),
  ],
  rows: rows.map((row) => [
    row.label,
    transferText(row),
    ...TISSUES.map((tissue) => percent(row.tissues[tissue])),
    percent(row.dice),
    percent(row.iou),
  ]),
});

function tableNote({ seeds, epochs }: BrainConfig): string {
  const several =
    seeds.length > 1
      ? ` Mean ± standard deviation over ${seeds.length} seeds, which decide over fresh weights and patches.`
      : "";
  return (
    `In per cent, after epoch ${epochs}; nothing is chosen by looking at the right half.${several} It is one scan, ` +
    "whose tissues were found by k-means: the numbers compare networks, and say nothing of other scans."
  );
}

function charts({ rows }: BrainResults): ReportChart[] {
  const lines = (valueOf: ValueOf) =>
    rows.map(({ label, runs }) => ({ label, points: meanCurve(runs, valueOf) }));
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
