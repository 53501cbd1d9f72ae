/** @file `acsconv evaluate`: a network against labelled scans, case by case and class by class. */

import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Command, Option } from "commander";
import { readCase } from "../data/cases.ts";
import { type DataFolder, cropToRegion, openFolder } from "../data/index.ts";
import { checkWritable } from "../base/files.ts";
import { NODE_DEVICES } from "../compile/targets/index.ts";
import { type Device, type Normalization, load } from "../index.ts";
import { METRIC_NAMES } from "../metrics/registry.ts";
import type { CaseResult, LabelledCase, Metrics } from "../model/evaluate.ts";
import type { Layout } from "../model/network.ts";
import type { Preparation } from "../model/prepare.ts";
import { formatTable } from "../report/text-table.ts";
import type { Scores } from "../run/sinks.ts";
import { type RegionConfig, regionOf } from "../train/runs/config.ts";
import { type Named, nameOf } from "../base/fields.ts";
import type { Vec3, Volume } from "../volume/index.ts";
import {
  layoutOption,
  parseCount,
  parseFraction,
  parseNamedList,
  parseRange,
  parseRegion,
  parseSizes,
  parseSpacing,
  scoresOption,
} from "./arguments.ts";
import { warn } from "./errors.ts";
import { formatValue, metricTables } from "./metric-tables.ts";
import type { GlobalOptions } from "./global-options.ts";
import { startProgress } from "./progress.ts";
import { readConfig } from "../train/runs/config-file.ts";
import { writeText } from "../train/runs/folder.ts";
import { createMetrics } from "../train/choices.ts";
import { checkClasses } from "../train/runs/trained-network.ts";

interface EvaluateFlags extends GlobalOptions {
  readonly model: string;
  readonly data: string;
  readonly metrics: readonly Named[];
  readonly out?: string;
  readonly region?: RegionConfig;
  readonly patch?: Vec3;
  readonly overlap: number;
  readonly spacing?: Vec3;
  readonly orient?: string;
  readonly window?: readonly [number, number];
  readonly normalize?: Normalization;
  readonly scores?: Scores;
  readonly layout?: Layout;
  readonly device: Device;
  readonly threads?: number;
}

const EXAMPLES = `
Examples:
  The network of a run, with the intensities, spacing and patches that it was trained with:
  $ acsconv evaluate --model run/model.onnx --data Task09_Spleen

  Several metrics, also as JSON, by case:
  $ acsconv evaluate --model run/model.onnx --data Task09_Spleen --metrics dice,dicePerCase,iou --out results.json

  On one half of every scan, after training on the other:
  $ acsconv evaluate --model run/model.onnx --data t1 --region right`;

export function addEvaluate(program: Command): void {
  program
    .command("evaluate")
    .summary("measure a network on labelled scans")
    .description(
      "Predict every labelled scan of a folder, in overlapping windows, and compare with the labels on the scan's own grid.",
    )
    .requiredOption("--model <file.onnx>", "a 3D network with a score per voxel")
    .requiredOption("--data <folder>", "labelled scans: Medical Segmentation Decathlon or nnU-Net v2")
    .addOption(
      new Option("--metrics <names>", `${METRIC_NAMES.join(", ")}; or JSON`)
        .argParser(parseNamedList)
        .default(["dice", "iou"], "dice,iou"),
    )
    .option("--out <file.json>", "also write the values as JSON, case by case")
    .option(
      "--region <part>",
      "count only a half of every scan, or six parts; the network sees all of it, unlike in validation",
      parseRegion,
    )
    .option("--patch <d,h,w>", "voxels the network sees at once (default: as it was trained)", parseSizes)
    .option("--overlap <part>", "part of a window that the next one covers", parseFraction, 0.5)
    .option(
      "--spacing <d,h,w>",
      "millimetres at which the network works (this and the next three: by default as it was trained)",
      parseSpacing,
    )
    .option("--orient <code>", "turn scans for the network, such as LPS")
    .option("--window <low,high>", "clamp intensities to this range, which becomes 0 to 1", parseRange)
    .addOption(
      new Option("--normalize <how>", "intensities").choices(["zscore", "minmax", "imagenet", "none"]),
    )
    .addOption(scoresOption())
    .addOption(layoutOption())
    .addOption(new Option("--device <name>", "where to compute").choices(NODE_DEVICES).default("cpu"))
    .option("--threads <n>", "CPU threads (default: the physical cores)", parseCount)
    .addHelpText("after", EXAMPLES)
    .action(async (_: unknown, command: Command) => {
      await evaluate(command.optsWithGlobals<EvaluateFlags>());
    });
}

async function evaluate(flags: EvaluateFlags): Promise<void> {
  if (flags.out !== undefined) await checkWritable(flags.out);
  const model = await load(flags.model);
  const folder = await openFolder(flags.data);
  checkClasses(model, folder);
  const note = (line: string): void => {
    if (!flags.quiet) process.stderr.write(`${line}\n`);
  };
  const beside = model.task ? {} : await besideOf(flags.model, note);
  const { region, overlap, device, threads, scores, layout } = flags;
  const { patch = beside.patch, spacing = beside.spacing, orient: orientation = beside.orientation } = flags;
  const { window = beside.window, normalize = beside.normalize } = flags;
  const progress = startProgress("evaluating", "cases", flags.quiet ?? false);
  let done = 0;
  const { metrics, cases } = await model
    .evaluate(read(folder), {
      patch,
      overlap,
      spacing,
      orientation,
      window,
      normalize,
      scores,
      layout,
      session: { device, threads },
      labels: folder.classes.names,
      metrics: () => createMetrics(flags.metrics, folder),
      needsScores: flags.metrics.some((metric) => nameOf(metric) === "rocAuc"),
      ...(region && { part: (volume: Volume) => cropToRegion(volume, regionOf(region)) }),
      onWarning: warn,
      onNote: note,
      onCase: () => progress.update(++done, folder.cases.length),
    })
    .finally(() => progress.stop());
  if (flags.out !== undefined) {
    const json = { model: flags.model, data: flags.data, ...(region && { region }), metrics, cases };
    await writeText(flags.out, `${JSON.stringify(json, undefined, 2)}\n`);
  }
  if (!flags.quiet) process.stdout.write(`${tables(folder, metrics, cases)}\n`);
}

async function* read(folder: DataFolder): AsyncGenerator<LabelledCase> {
  for (const files of folder.cases) yield { name: files.name, ...(await readCase(files, folder)) };
}

/** How a network without a task was trained, if it lies in the folder of a run. */
async function besideOf(
  path: string,
  note: (line: string) => void,
): Promise<Preparation & { readonly patch?: Vec3 | undefined }> {
  const config = join(dirname(path), "config.json");
  const isRun = (await stat(config).catch(() => undefined))?.isFile() ?? false;
  if (!isRun) return {};
  note(`prepared as "${config}" says, because the network's file does not`);
  const { size, spacing, orientation, window, normalize } = await readConfig(config);
  return { patch: size, spacing, orientation, window, normalize };
}

/** Classes in lines; then, of several cases, each in a line. */
function tables({ classes: { names } }: DataFolder, metrics: Metrics, cases: readonly CaseResult[]): string {
  const byClass = metricTables(metrics, names);
  if (cases.length < 2) return byClass;
  const columns = Object.keys(metrics).filter((name) => !name.includes("."));
  if (columns.length === 0) return byClass;
  const lines = cases.map((one) => [one.name, ...columns.map((name) => formatValue(one.metrics[name]))]);
  return `${byClass}\n\n${formatTable(["case", ...columns], lines)}`;
}
