/** @file `acsconv predict`: a 3D network over scans of any size. */

import { basename } from "node:path";
import { type Command, Option } from "commander";
import { AcsconvError, inputError } from "../base/errors.ts";
import { checkApart, checkWritable, isThere, writeFiles } from "../base/files.ts";
import { count, flagged, oneOf } from "../base/fields.ts";
import { withoutEnding } from "../data/file-names.ts";
import { Warnings } from "../data/warnings.ts";
import { type Model, load } from "../index.ts";
import { type PredictOptions, type PredictionKind, predictVolume } from "../model/index.ts";
import { isClassifier, requirePredictable } from "../model/network.ts";
import { inputChannels } from "../model/scores.ts";
import { MACHINE, NETWORK, PREPARATION, WINDOWS, asTrained } from "../model/settings.ts";
import type { TaskClasses } from "../model/task.ts";
import { formatTable } from "../report/text-table.ts";
import type { Session, SessionOptions } from "../run/session.ts";
import { type Volume, readChannels, writeVolume } from "../volume/index.ts";
import { warn } from "./errors.ts";
import { type GlobalOptions, addFlags, valuesOfFlags } from "./flags.ts";
import { classifyScans } from "./predict-classes.ts";
import { previewPng } from "./preview.ts";
import { formatDuration, startProgress } from "./progress.ts";
import { print, printNote } from "./print.ts";
import { printable } from "../base/printable.ts";
import { checkSegmentable, segmentationWriter } from "./dicom-result.ts";
import { type ScanJob, isDicomResult, planScans } from "./scan-files.ts";

interface PredictFlags extends GlobalOptions, Readonly<Record<string, unknown>> {
  readonly out: string;
  readonly output: PredictionKind;
  readonly series?: string;
  readonly array?: string;
  /** Of results in a folder. */
  readonly name?: string;
  /** A path; none for one beside the output; false for no picture. */
  readonly preview?: string | false;
}

const GROUPS = {
  Windows: {
    ...asTrained({ patch: WINDOWS.patch }),
    overlap: WINDOWS.overlap,
    blending: flagged(
      oneOf(["gaussian", "constant"]),
      "--blending <how>",
      "how overlapping windows are weighed",
      { default: "gaussian" },
    ),
    batch: flagged(count, "--batch <n>", "windows at once (default: the model's, or 1)"),
  },
  Scans: asTrained(PREPARATION),
  Network: {
    ...NETWORK,
    activation: flagged(
      oneOf(["softmax", "sigmoid", "none"]),
      "--activation <name>",
      "from scores to probabilities (default: what fits the scores); none is --scores probabilities",
    ),
  },
  Machine: MACHINE,
} as const;

const SETTINGS = { ...GROUPS.Windows, ...GROUPS.Scans, ...GROUPS.Network };
type Settings = Pick<PredictOptions, keyof typeof SETTINGS>;

const EXAMPLES = `
Examples:
  A lifted network over one scan; labels on the scan's own grid, and a picture beside them:
  $ acsconv predict unet.acs.onnx scan.nii.gz -o seg.nii.gz

  A CT: soft-tissue window, resampled to 1.5 mm for the network, windows of 96³ voxels:
  $ acsconv predict liver.acs.onnx ct/ -o liver.nii.gz --window -160,240 --spacing 1.5 --patch 96

  A CT's DICOM folder, and its segmentation as DICOM (SEG), as archives and viewers take it:
  $ acsconv predict liver.acs.onnx ct/ -o liver.dcm

  All scans of a folder, probabilities instead of labels (results/scan_probabilities.nii.gz):
  $ acsconv predict unet.acs.onnx scans/ -o results/ --output probabilities

  nnU-Net's files, one for each channel (case_0000.nii.gz, case_0001.nii.gz), under other names than case.nii.gz:
  $ acsconv predict run/model.onnx Dataset001/imagesTs -o results/ --name "{case}_{output}.nrrd"

  A classifier: the class of each scan, and a table of the probabilities of all classes:
  $ acsconv predict run/model.onnx scans/ -o scores.csv

  A backbone that was trained on ImageNet: its feature maps, axial slices first:
  $ acsconv predict resnet18.acs.onnx t1.nii.gz -o maps.npz --output features --normalize imagenet --orient LPS

Scans: .nii .nii.gz .nrrd .nhdr .mha .mhd .npy .npz, DICOM folders. Results: .nii .nii.gz .nrrd .npz .npy,
and .dcm: a DICOM segmentation (SEG) of a DICOM series.
A 2D network has to be lifted first: see "acsconv help lift".`;

export function addPredict(program: Command): void {
  const command = program
    .command("predict")
    .summary("run a 3D network over scans")
    .description(
      "Run a 3D network over scans of any size, in overlapping windows. Results lie on the scan's own grid; those of a classifier are a table.",
    )
    .argument("<model.onnx>", "a 3D network: one input [N, C, D, H, W], a score per voxel or per scan")
    .argument("<scans...>", "volumes, folders of volumes, DICOM folders; a data set stands for its imagesTs")
    .requiredOption(
      "-o, --out <path>",
      "file for the result, or a folder for those of several scans; of a classifier a .csv",
    )
    .option(
      "--name <pattern>",
      "of results in a folder: {case} is the scan's name, {output} what is written; the end says the format (default: {case}.nii.gz, of other than labels {case}_{output}.nii.gz)",
    )
    .addOption(
      new Option("--output <kind>", "what to write")
        .choices(["labels", "probabilities", "features"])
        .default("labels"),
    )
    .option(
      "--series <uid>",
      "which DICOM series, where a folder has several: its UID or number in the list, with :1 a volume in it",
    )
    .option("--array <name>", "which array of a .npz file, where it holds several; name[3] for a part of it")
    .option("--preview <file.png>", "where the picture goes (default: beside the result)")
    .option("--no-preview", "no picture");
  addFlags(command, GROUPS);
  command
    .addHelpText("after", EXAMPLES)
    .action(async (modelPath: string, scans: string[], _: unknown, self: Command) => {
      await predict(modelPath, scans, self.optsWithGlobals<PredictFlags>());
    });
}

async function predict(modelPath: string, scans: readonly string[], flags: PredictFlags): Promise<void> {
  const model = await load(modelPath, { onWarning: warn });
  const settings = valuesOfFlags<Settings>(SETTINGS, flags);
  const machine = valuesOfFlags<Pick<SessionOptions, keyof typeof MACHINE>>(MACHINE, flags);
  const series = flags.series === undefined ? undefined : seriesOf(flags.series);
  if (flags.output !== "features") requirePredictable(model.graph);
  const choice = {
    channels: model.task?.channels?.length ?? inputChannels(model.graph),
    onWarning: warn,
    onNote: (note: string) => say(flags, note),
  };
  if (isClassifier(model.graph) && flags.output !== "features") {
    const { quiet = false, out } = flags;
    refuseForClassifier(flags, settings);
    return classifyScans(model, {
      modelPath,
      scans,
      out,
      settings,
      machine,
      read: { series, array: flags.array },
      choice: { ...choice, task: model.task?.channels, inputs: inputChannels(model.graph) },
      quiet,
    });
  }
  const jobs = await planScans(scans, {
    ...choice,
    target: flags.out,
    what: flags.output,
    pattern: flags.name,
  });
  if (jobs.some(({ output }) => isDicomResult(output))) checkSegmentable(flags.output, jobs[0]!.output);
  if (typeof flags.preview === "string") {
    if (jobs.length > 1)
      throw inputError("--preview names one picture, but there are several scans: leave it out.");
    await checkApart([modelPath, ...jobs.flatMap(({ files, output }) => [...files, output]), flags.preview]);
    await checkWritable(flags.preview);
  }
  const session = await model.session({ ...machine, size: settings.patch ?? model.task?.patch });
  let failed = 0;
  try {
    for (const job of jobs) {
      try {
        await predictOne(model, modelPath, session, job, flags, settings);
      } catch (error) {
        // One bad scan does not cost the others their results.
        if (jobs.length === 1 || !(error instanceof AcsconvError)) throw error;
        printNote(`acsconv: ${printable(filesText(job))}: ${error.message}`);
        failed++;
      }
    }
  } finally {
    await session.dispose();
  }
  if (failed > 0) throw inputError(`${failed} of ${jobs.length} scans failed, for the reasons above.`);
}

/** What is for results with voxels is not ignored where there are none. */
function refuseForClassifier({ name, preview }: PredictFlags, settings: Settings): void {
  const given = [
    ...(["overlap", "blending", "batch"] as const).filter((key) => settings[key] !== undefined),
    ...(name === undefined ? [] : ["name"]),
    ...(typeof preview === "string" ? ["preview"] : []),
  ];
  if (given.length > 0)
    throw inputError(
      `The network classifies whole scans, for which ${given.map((key) => `--${key}`).join(" and ")} ${given.length > 1 ? "mean" : "means"} nothing: leave ${given.length > 1 ? "them" : "it"} out.`,
    );
}

async function predictOne(
  model: Model,
  modelPath: string,
  session: Session,
  job: ScanJob,
  flags: PredictFlags,
  settings: Settings,
): Promise<void> {
  const series = flags.series === undefined ? undefined : seriesOf(flags.series);
  // Headers are read again for a DICOM segmentation, which has the same to tell.
  const { tell } = new Warnings(warn);
  const scan = await readChannels(job.files, { onWarning: tell, series, array: flags.array });
  say(
    flags,
    `${filesText(job)}: ${scan.channels > 1 ? `${scan.channels} × ` : ""}[${scan.shape.join(", ")}] voxels of ${scan.spacing.map((mm) => +mm.toFixed(3)).join(" × ")} mm`,
  );
  const writeDicom = isDicomResult(job.output)
    ? await segmentationWriter(scan, job.output, { source: job.files[0]!, series, onWarning: tell })
    : undefined;

  const progress = startProgress("  predicting", "windows", flags.quiet ?? false);
  const start = performance.now();
  const result = await predictVolume(session, scan, {
    output: flags.output,
    ...settings,
    onWarning: warn,
    onNote: (note) => say(flags, `  ${note}`),
    onProgress: (done, total) => progress.update(done, total),
  }).finally(() => progress.stop());
  const seconds = (performance.now() - start) / 1000;

  const isNew = !(await isThere(job.output));
  if (writeDicom) await writeDicom(result, modelPath, model.task?.classes);
  else await writeVolume(result, job.output);
  say(flags, `  wrote ${job.output} in ${formatDuration(seconds)}`);
  if (flags.output === "labels") say(flags, indent(labelTable(result, model.task?.classes)));
  if (flags.preview !== false) {
    const path = typeof flags.preview === "string" ? flags.preview : `${withoutEnding(job.output)}.png`;
    // A picture beside a result that was not there is somebody's own.
    if (typeof flags.preview !== "string" && isNew && (await isThere(path))) {
      warn(
        `"${path}" is there already: the preview is not written over it; name another file with --preview.`,
      );
      return;
    }
    await writeFiles([{ path, chunks: [previewPng(scan, result, flags.output)] }]);
    say(flags, `  wrote ${path}`);
  }
}

function say({ quiet }: PredictFlags, line: string): void {
  if (!quiet) print(line);
}

/** The files of a scan: the first by its path, the others by their names. */
const filesText = ({ files: [first, ...others] }: ScanJob): string =>
  [first, ...others.map((path) => basename(path))].join(" + ");

/** How much of the volume each label takes, or of classes that may overlap each mask. */
function labelTable({ data, channels, spacing }: Volume, classes: TaskClasses | undefined): string {
  const counts = new Map<number, number>();
  const count = data.length / channels;
  const add = (label: number): void => void counts.set(label, (counts.get(label) ?? 0) + 1);
  if (channels === 1) for (const label of data) add(label);
  else data.forEach((isIn, i) => isIn && add(Math.floor(i / count)));
  const nameOf = (label: number): string | undefined =>
    classes?.names[channels === 1 ? classes.values.indexOf(label) : label];
  const millilitres = (spacing[0] * spacing[1] * spacing[2]) / 1000;
  return formatTable(
    [channels === 1 ? "label" : "mask", ...(classes ? ["class"] : []), "voxels", "volume", "share"],
    [...counts]
      .sort(([a], [b]) => a - b)
      .map(([label, voxels]) => [
        String(channels === 1 ? label : label + 1),
        ...(classes ? [nameOf(label) ?? ""] : []),
        String(voxels),
        `${(voxels * millilitres).toFixed(1)} ml`,
        `${((100 * voxels) / count).toFixed(1)} %`,
      ]),
  );
}

const indent = (text: string): string => text.replace(/^/gm, "  ");

/** A number is a place in the list of series that an error printed; anything else a UID. */
const seriesOf = (text: string): string | number => (/^\d+$/.test(text) ? Number(text) : text);
