/** @file `acsconv evaluate`: a network against labelled scans, case by case and class by class. */

import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Command, Option } from "commander";
import { type LabelledScan, readCase } from "../data/cases.ts";
import { type DataFolder, cropToRegion, openFolder } from "../data/index.ts";
import { checkWritable } from "../base/files.ts";
import { type Device, type Normalization, load } from "../index.ts";
import type { Metric, Prediction } from "../metrics/metric.ts";
import { METRIC_NAMES } from "../metrics/registry.ts";
import { endsInActivation, predictVolume } from "../model/index.ts";
import type { Preparation } from "../model/prepare.ts";
import { formatTable } from "../report/text-table.ts";
import { toLabels } from "../run/sinks.ts";
import { type RegionConfig, type TrainConfig, regionOf } from "../train/runs/config.ts";
import type { Metrics } from "../train/events.ts";
import { type Named, nameOf } from "../base/fields.ts";
import type { Vec3, Volume } from "../volume/index.ts";
import {
  parseCount,
  parseFraction,
  parseNamedList,
  parseRange,
  parseRegion,
  parseSizes,
  parseSpacing,
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
    .option("--spacing <d,h,w>", "millimetres at which the network works", parseSpacing)
    .option("--orient <code>", "turn scans for the network, such as LPS")
    .option("--window <low,high>", "clamp intensities to this range, which becomes 0 to 1", parseRange)
    .addOption(
      new Option("--normalize <how>", "intensities").choices(["zscore", "minmax", "imagenet", "none"]),
    )
    .addOption(
      new Option("--device <name>", "where to compute")
        .choices(["cpu", "cuda", "webgpu", "coreml", "dml"])
        .default("cpu"),
    )
    .option("--threads <n>", "CPU threads (default: the physical cores)", parseCount)
    .addHelpText("after", EXAMPLES)
    .action(async (_: unknown, command: Command) => {
      await evaluate(command.optsWithGlobals<EvaluateFlags>());
    });
}

/** What one case, or all of them, are worth. */
interface Result {
  readonly name: string;
  readonly metrics: Metrics;
}

async function evaluate(flags: EvaluateFlags): Promise<void> {
  if (flags.out !== undefined) await checkWritable(flags.out);
  const model = await load(flags.model);
  const folder = await openFolder(flags.data);
  checkClasses(model, folder);
  const { patch, ...preparation } = await preparationOf(flags);
  const metricsOf = (): Metric[] => createMetrics(flags.metrics, folder, "probabilities");
  const all = metricsOf();
  const needsScores = flags.metrics.some((metric) => nameOf(metric) === "rocAuc");
  const session = await model.session({
    device: flags.device,
    ...(flags.threads && { threads: flags.threads }),
    ...(patch && { size: patch }),
  });
  const progress = startProgress("evaluating", "cases", flags.quiet ?? false);
  const cases: Result[] = [];
  try {
    for (const files of folder.cases) {
      const scan = await readCase(files, folder);
      const volume = await predictVolume(session, scan.image, {
        ...preparation,
        output: needsScores ? "probabilities" : "labels",
        overlap: flags.overlap,
        ...(patch && { patch }),
        ...(endsInActivation(model.graph) && { activation: "none" as const }),
        onWarning: (sentence) => warn(`Case "${files.name}": ${sentence}`),
      });
      const prediction = compared(files.name, scan, volume, flags.region);
      const own = metricsOf();
      for (const metric of [...all, ...own]) metric.add(prediction);
      cases.push({ name: files.name, metrics: valuesOf(own) });
      progress.update(cases.length, folder.cases.length);
    }
  } finally {
    progress.stop();
    await session.dispose();
  }
  const metrics = valuesOf(all);
  if (flags.out !== undefined) {
    const { model: network, data, region } = flags;
    const json = { model: network, data, ...(region && { region }), metrics, cases };
    await writeText(flags.out, `${JSON.stringify(json, undefined, 2)}\n`);
  }
  if (!flags.quiet) process.stdout.write(`${tables(folder, metrics, cases)}\n`);
}

/** How the network was trained, if it lies in the folder of a run; flags go before that. */
async function preparationOf(flags: EvaluateFlags): Promise<Preparation & { readonly patch?: Vec3 }> {
  const config = join(dirname(flags.model), "config.json");
  const isRun = (await stat(config).catch(() => undefined))?.isFile() ?? false;
  const trained: TrainConfig = isRun ? await readConfig(config) : {};
  const patch = flags.patch ?? trained.size;
  const spacing = flags.spacing ?? trained.spacing;
  const orientation = flags.orient ?? trained.orientation;
  const window = flags.window ?? trained.window;
  const normalize = flags.normalize ?? trained.normalize;
  return {
    ...(patch && { patch }),
    ...(spacing && { spacing }),
    ...(orientation !== undefined && { orientation }),
    ...(window && { window }),
    ...(normalize && { normalize }),
  };
}

/** The classes of a case's voxels, or of those in a region, beside the true ones. */
function compared(
  name: string,
  { label }: LabelledScan,
  predicted: Volume,
  region: RegionConfig | undefined,
): Prediction {
  const part = <V extends Volume>(volume: V): V => (region ? cropToRegion(volume, regionOf(region)) : volume);
  const [truth, found] = [part(label).data, part(predicted)];
  // Labels are bytes, probabilities are not.
  if (found.data instanceof Uint8Array) return { name, truth, classes: found.data };
  const scores = { data: found.data as Float32Array, classes: found.channels };
  const sink = toLabels([1, 1, truth.length], "none");
  sink.plane(0, scores.data, scores.classes);
  return { name, truth, classes: sink.result(), scores };
}

const valuesOf = (metrics: readonly Metric[]): Metrics =>
  Object.assign({}, ...metrics.map((metric) => metric.value())) as Metrics;

/** Classes in lines; then, of several cases, each in a line. */
function tables({ classes: { names } }: DataFolder, metrics: Metrics, cases: readonly Result[]): string {
  const byClass = metricTables(metrics, names);
  if (cases.length < 2) return byClass;
  const columns = Object.keys(metrics).filter((name) => !name.includes("."));
  if (columns.length === 0) return byClass;
  const lines = cases.map((one) => [one.name, ...columns.map((name) => formatValue(one.metrics[name]))]);
  return `${byClass}\n\n${formatTable(["case", ...columns], lines)}`;
}
