/** @file `acsconv evaluate`: a network against labelled scans, case by case and class by class. */

import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { type Named, flagged, namedList } from "../base/fields.ts";
import { checkGrids, readCases } from "../data/cases.ts";
import { type ArrayNames, type DataFolder, openFolder } from "../data/index.ts";
import { Warnings } from "../data/warnings.ts";
import { checkWritable } from "../base/files.ts";
import { load } from "../index.ts";
import { METRIC_NAMES } from "../metrics/registry.ts";
import type { CaseResult, CasesOptions, Metrics } from "../model/evaluate.ts";
import type { Preparation } from "../model/prepare.ts";
import { MACHINE, NETWORK, PREPARATION, WINDOWS, asTrained } from "../model/settings.ts";
import { formatTable } from "../report/text-table.ts";
import type { SessionOptions } from "../run/session.ts";
import { type RegionConfig, partOf } from "../train/runs/config.ts";
import { CONFIG_FIELDS } from "../train/runs/config-fields.ts";
import type { Vec3 } from "../volume/index.ts";
import { warn } from "./errors.ts";
import { type GlobalOptions, addFlags, valuesOfFlags } from "./flags.ts";
import { formatValue, metricTables } from "./metric-tables.ts";
import { startProgress } from "./progress.ts";
import { readConfig } from "../train/runs/config-file.ts";
import { writeText } from "../train/runs/folder.ts";
import { createMetrics, needsScores } from "../train/choices.ts";
import { checkClasses } from "../train/runs/trained-network.ts";
import { print, printNote } from "./print.ts";

interface EvaluateFlags extends GlobalOptions, Readonly<Record<string, unknown>> {
  readonly model: string;
  readonly data: string;
  readonly out?: string;
}

interface Measured {
  readonly metrics?: readonly Named[];
  readonly region?: RegionConfig;
}

const MEASURED = {
  metrics: flagged(namedList, "--metrics <names>", `${METRIC_NAMES.join(", ")}; or JSON (default: dice,iou)`),
  region: flagged(
    CONFIG_FIELDS.region,
    "--region <part>",
    "count only a half of every scan, or six parts; the network sees all of it",
  ),
} as const;
const ARRAYS = { array: CONFIG_FIELDS.array, labelArray: CONFIG_FIELDS.labelArray } as const;
const GROUPS = {
  Measures: MEASURED,
  Windows: { ...asTrained({ patch: WINDOWS.patch }), overlap: WINDOWS.overlap },
  Scans: { ...asTrained(PREPARATION), ...ARRAYS },
  Network: NETWORK,
  Machine: MACHINE,
} as const;
const SETTINGS = { ...GROUPS.Windows, ...asTrained(PREPARATION), ...GROUPS.Network };

const EXAMPLES = `
Examples:
  The network of a run, with the intensities, spacing and patches that it was trained with:
  $ acsconv evaluate --model run/model.onnx --data Task09_Spleen

  Several metrics, also as JSON, by case:
  $ acsconv evaluate --model run/model.onnx --data Task09_Spleen --metrics dice,dicePerCase,iou --out results.json

  On one half of every scan, after training on the other:
  $ acsconv evaluate --model run/model.onnx --data t1 --region right`;

export function addEvaluate(program: Command): void {
  const command = program
    .command("evaluate")
    .summary("measure a network on labelled scans")
    .description(
      "Predict every labelled scan of a folder, in overlapping windows, and compare with the labels on the scan's own grid.",
    )
    .requiredOption("--model <file.onnx>", "a 3D network with a score per voxel")
    .requiredOption("--data <folder>", "labelled scans: Medical Segmentation Decathlon or nnU-Net")
    .option("--out <file.json>", "also write the values as JSON, case by case");
  addFlags(command, GROUPS);
  command.addHelpText("after", EXAMPLES).action(async (_: unknown, self: Command) => {
    await evaluate(self.optsWithGlobals<EvaluateFlags>());
  });
}

async function evaluate(flags: EvaluateFlags): Promise<void> {
  if (flags.out !== undefined) await checkWritable(flags.out);
  const model = await load(flags.model, { onWarning: warn });
  const folder = await openFolder(flags.data, valuesOfFlags<ArrayNames>(ARRAYS, flags));
  checkClasses(model, folder);
  const warnings = new Warnings(warn);
  await checkGrids(folder.cases, warnings);
  const note = (line: string): void => {
    if (!flags.quiet) printNote(line);
  };
  const beside = model.task ? {} : await besideOf(flags.model, note);
  const { metrics: wanted = ["dice", "iou"], region } = valuesOfFlags<Measured>(MEASURED, flags);
  const progress = startProgress("evaluating", "cases", flags.quiet ?? false);
  let done = 0;
  const { metrics, cases } = await model
    .evaluate(readCases(folder.cases, folder, warnings), {
      ...beside,
      ...valuesOfFlags<Pick<CasesOptions, keyof typeof SETTINGS>>(SETTINGS, flags),
      session: valuesOfFlags<Pick<SessionOptions, keyof typeof MACHINE>>(MACHINE, flags),
      labels: folder.classes.names,
      channels: folder.channels,
      metrics: () => createMetrics(wanted, folder),
      needsScores: needsScores(wanted),
      ...(region && { part: partOf(region) }),
      onWarning: warn,
      onNote: note,
      onCase: () => progress.update(++done, folder.cases.length),
    })
    .finally(() => progress.stop());
  if (flags.out !== undefined) {
    const json = { model: flags.model, data: flags.data, ...(region && { region }), metrics, cases };
    await writeText(flags.out, `${JSON.stringify(json, undefined, 2)}\n`);
  }
  if (!flags.quiet) print(tables(folder, metrics, cases));
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
