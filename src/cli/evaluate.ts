/** @file `acsconv evaluate`: a network against labelled scans, case by case and class by class. */

import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { inputError } from "../base/errors.ts";
import { type Named, flagged, namedList, oneOf } from "../base/fields.ts";
import { checkGrids, readCases } from "../data/cases.ts";
import {
  type ClassificationSet,
  SPLITS,
  type SplitName,
  scansOf,
  splitsOf,
  withClasses,
} from "../data/classification/data-set.ts";
import { readScans, requireWholeScans } from "../data/classification/scans.ts";
import type { ArrayNames } from "../data/folders.ts";
import { type LabelledData, openData } from "../data/open.ts";
import { Warnings } from "../data/warnings.ts";
import { checkWritable } from "../base/files.ts";
import { load, type Model } from "../index.ts";
import { METRIC_NAMES } from "../metrics/registry.ts";
import type { CaseResult, CasesOptions, LabelledCase, Metrics } from "../model/evaluate.ts";
import { isClassifier } from "../model/network.ts";
import { readScores } from "../model/scores.ts";
import type { Preparation } from "../model/prepare.ts";
import { MACHINE, NETWORK, PREPARATION, WINDOWS, asTrained } from "../model/settings.ts";
import { formatTable } from "../report/text-table.ts";
import type { SessionOptions } from "../run/session.ts";
import { type RegionConfig, partOf } from "../train/runs/config.ts";
import { CONFIG_FIELDS } from "../train/runs/config-fields.ts";
import type { Vec3 } from "../volume/index.ts";
import { warn } from "./errors.ts";
import { type GlobalOptions, addFlags, valuesOfFlags } from "./flags.ts";
import { countedIn, formatValue, metricTables } from "./metric-tables.ts";
import { startProgress } from "./progress.ts";
import { readConfig } from "../train/runs/config-file.ts";
import { writeText } from "../train/runs/folder.ts";
import { createMetrics, needsScores } from "../train/choices.ts";
import { channelsOf, checkClasses } from "../train/runs/trained-network.ts";
import { print, printNote } from "./print.ts";

interface EvaluateFlags extends GlobalOptions, Readonly<Record<string, unknown>> {
  readonly model: string;
  readonly data: string;
  readonly out?: string;
}

/** Metrics unless they are named. */
const USUAL_METRICS = {
  segmentation: ["dice", "iou"],
  classification: ["accuracy", "rocAuc", "recall", "confusionMatrix"],
} as const satisfies Record<LabelledData["kind"], readonly string[]>;

interface Measured {
  readonly split?: SplitName;
  readonly metrics?: readonly Named[];
  readonly region?: RegionConfig;
}

const MEASURED = {
  metrics: flagged(
    namedList,
    "--metrics <names>",
    `${METRIC_NAMES.join(", ")}; or JSON (default: dice,iou; of a classifier accuracy,rocAuc,recall,confusionMatrix)`,
  ),
  region: flagged(
    CONFIG_FIELDS.region,
    "--region <part>",
    "count only a half of every scan, or six parts; the network sees all of it",
  ),
  split: flagged(
    oneOf(SPLITS),
    "--split <part>",
    "which part of data that are divided into train, val and test (default: test)",
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

  A classifier, with the part of the data that is there to test with:
  $ acsconv evaluate --model run/model.onnx --data nodulemnist3d.npz --out results.json

  On one half of every scan, after training on the other:
  $ acsconv evaluate --model run/model.onnx --data t1 --region right`;

export function addEvaluate(program: Command): void {
  const command = program
    .command("evaluate")
    .summary("measure a network on labelled scans")
    .description(
      "Predict every labelled scan of a data set and compare: in overlapping windows with the labels on the scan's own grid, or of a classifier with the class of each scan.",
    )
    .requiredOption("--model <file.onnx>", "a 3D network with a score per voxel, or a classifier")
    .requiredOption("--data <path>", CONFIG_FIELDS.data.help)
    .option("--out <file.json>", "also write the values as JSON, case by case");
  addFlags(command, GROUPS);
  command.addHelpText("after", EXAMPLES).action(async (_: unknown, self: Command) => {
    await evaluate(self.optsWithGlobals<EvaluateFlags>());
  });
}

async function evaluate(flags: EvaluateFlags): Promise<void> {
  if (flags.out !== undefined) await checkWritable(flags.out);
  const model = await load(flags.model, { onWarning: warn });
  const { metrics: given, region, split } = valuesOfFlags<Measured>(MEASURED, flags);
  const opened = await openData(flags.data, valuesOfFlags<ArrayNames>(ARRAYS, flags), warn);
  const { data, part, read, count } = await casesOf(opened, model, split);
  const settings = valuesOfFlags<Pick<CasesOptions, keyof typeof SETTINGS>>(SETTINGS, flags);
  const unfit = region ? "region" : settings.overlap === undefined ? undefined : "overlap";
  if (unfit && data.kind === "classification")
    throw inputError(
      `--${unfit} is for labels of voxels, and these data have one class for each scan: leave it out.`,
    );
  const note = (line: string): void => {
    if (!flags.quiet) printNote(line);
  };
  if (data.kind === "classification" && !model.task?.classes)
    note(
      `the network names no classes, and its outputs are taken as ${data.classes.names.join(", ")}, in this order`,
    );
  if (part) note(`${count} scans of the part "${part}"`);
  const beside = model.task ? {} : await besideOf(flags.model, note);
  const wanted = given ?? USUAL_METRICS[data.kind];
  const progress = startProgress("evaluating", "cases", flags.quiet ?? false);
  let done = 0;
  const { metrics, cases } = await model
    .evaluate(read(), {
      ...beside,
      ...settings,
      session: valuesOfFlags<Pick<SessionOptions, keyof typeof MACHINE>>(MACHINE, flags),
      labels: data.classes.names,
      channels: data.channels,
      metrics: () => createMetrics(wanted, data),
      needsScores: needsScores(wanted),
      ...(region && { part: partOf(region) }),
      onWarning: warn,
      onNote: note,
      onCase: () => progress.update(++done, count),
    })
    .finally(() => progress.stop());
  if (flags.out !== undefined) {
    const json = {
      model: flags.model,
      data: flags.data,
      ...(region && { region }),
      ...(part && { split: part }),
      metrics,
      cases: cases.map(caseJson),
    };
    await writeText(flags.out, `${JSON.stringify(json, undefined, 2)}\n`);
  }
  if (!flags.quiet) print(tables(data, metrics, cases));
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

/** What is evaluated of a data set, its classes numbered as the network's. */
async function casesOf(
  given: LabelledData,
  model: Model,
  split: SplitName | undefined,
): Promise<{
  readonly data: LabelledData;
  readonly part?: SplitName;
  readonly count: number;
  readonly read: () => AsyncIterable<LabelledCase>;
}> {
  const warnings = new Warnings(warn);
  if (given.kind === "segmentation") {
    if (split) throw inputError("--split is for data of scans with one class each: leave it out.");
    checkClasses(model, given);
    await checkGrids(given.cases, warnings);
    return { data: given, count: given.cases.length, read: () => readCases(given.cases, given, warnings) };
  }
  const names = model.task?.classes?.names;
  const data =
    names && isClassifier(model.graph)
      ? withClasses(given, names, "the network has")
      : byNumber(given, model);
  checkClasses(model, data);
  requireWholeScans(data.cases, channelsOf(model, data));
  const part = split ?? (splitsOf(data).length > 0 ? "test" : undefined);
  const cases = part ? scansOf(data, part) : data.cases;
  return { data, ...(part && { part }), count: cases.length, read: () => readScans(cases, warnings) };
}

/** Of a network that names no classes, its outputs: data whose classes are such numbers may have fewer. */
function byNumber(data: ClassificationSet, model: Model): ClassificationSet {
  const count = isClassifier(model.graph) ? readScores(model.graph).classes : undefined;
  if (count === undefined || count < 2) return data;
  const numbers = Array.from({ length: count }, (_, k) => String(k));
  if (!data.classes.names.every((name) => numbers.includes(name))) return data;
  return withClasses(data, numbers, "the network's outputs are");
}

/** A case of the JSON: of a scan with one class, its classes and probabilities by name. */
function caseJson({ name, metrics, classification }: CaseResult): object {
  if (!classification) return { name, metrics };
  const { classes, truth, predicted, probabilities } = classification;
  return {
    name,
    class: classes[truth],
    predicted: classes[predicted],
    probabilities: Object.fromEntries(classes.map((one, k) => [one, probabilities[k]])),
  };
}

/** Classes in lines; then, of several cases, each in a line. */
function tables(data: LabelledData, metrics: Metrics, cases: readonly CaseResult[]): string {
  const byClass = metricTables(metrics, data.classes.names, countedIn(data));
  if (data.kind === "classification") return `${byClass}\n\n${scanTable(cases)}`;
  if (cases.length < 2) return byClass;
  const columns = Object.keys(metrics).filter((name) => !name.includes("."));
  if (columns.length === 0) return byClass;
  const lines = cases.map((one) => [one.name, ...columns.map((name) => formatValue(one.metrics[name]))]);
  return `${byClass}\n\n${formatTable(["case", ...columns], lines)}`;
}

/** Longer lists are for `--out`. */
const MOST_LINES = 20;

/** The scans that are not what the network says, the surest first. */
function scanTable(cases: readonly CaseResult[]): string {
  const wrong = cases
    .flatMap(({ name, classification }) => (classification ? [{ name, ...classification }] : []))
    .filter(({ truth, predicted }) => truth !== predicted)
    .sort((a, b) => b.probabilities[b.predicted]! - a.probabilities[a.predicted]!);
  if (wrong.length === 0) return `all ${cases.length} scans are what the network says`;
  const lines = wrong
    .slice(0, MOST_LINES)
    .map(({ name, classes, truth, predicted, probabilities }) => [
      name,
      classes[truth]!,
      classes[predicted]!,
      probabilities[predicted]!.toFixed(4),
    ]);
  const more = wrong.length > MOST_LINES ? `\n… and ${wrong.length - MOST_LINES} more; --out writes all` : "";
  return `${formatTable(["case", "is", "predicted", "probability"], lines)}${more}`;
}
