/** @file `acsconv predict`: a 3D network over scans of any size. */

import { type Command, Option } from "commander";
import { AcsconvError, inputError } from "../base/errors.ts";
import { checkApart, checkWritable, writeFiles } from "../base/files.ts";
import { count, flagged, oneOf } from "../base/fields.ts";
import { withoutEnding } from "../data/folders.ts";
import { type Model, load } from "../index.ts";
import { type PredictOptions, type PredictionKind, predictVolume } from "../model/index.ts";
import { MACHINE, NETWORK, PREPARATION, WINDOWS, asTrained } from "../model/settings.ts";
import type { TaskClasses } from "../model/task.ts";
import { formatTable } from "../report/text-table.ts";
import type { Session, SessionOptions } from "../run/session.ts";
import { type Volume, readVolume, writeVolume } from "../volume/index.ts";
import { warn } from "./errors.ts";
import { type GlobalOptions, addFlags, valuesOfFlags } from "./flags.ts";
import { previewPng } from "./preview.ts";
import { formatDuration, startProgress } from "./progress.ts";
import { type ScanJob, planScans } from "./scan-files.ts";

interface PredictFlags extends GlobalOptions, Readonly<Record<string, unknown>> {
  readonly out: string;
  readonly output: PredictionKind;
  readonly series?: string;
  /** A path; true for one beside the output; false for none. */
  readonly preview: string | boolean;
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

  All scans of a folder, probabilities instead of labels:
  $ acsconv predict unet.acs.onnx scans/ -o results/ --output probabilities

  A backbone that was trained on ImageNet: its feature maps, axial slices first:
  $ acsconv predict resnet18.acs.onnx t1.nii.gz -o maps.npz --output features --normalize imagenet --orient LPS

Scans: .nii .nii.gz .nrrd .nhdr .mha .mhd .npy .npz, DICOM folders. Results: .nii .nii.gz .nrrd .npz .npy.
A 2D network has to be lifted first: see "acsconv help lift".`;

export function addPredict(program: Command): void {
  const command = program
    .command("predict")
    .summary("run a 3D network over scans")
    .description(
      "Run a 3D network over scans of any size, in overlapping windows. Results lie on the scan's own grid.",
    )
    .argument("<model.onnx>", "a 3D network: one input [N, C, D, H, W], a score per voxel")
    .argument("<scans...>", "volumes, folders of volumes, DICOM folders")
    .requiredOption("-o, --out <path>", "file for the result, or a folder for those of several scans")
    .addOption(
      new Option("--output <kind>", "what to write")
        .choices(["labels", "probabilities", "features"])
        .default("labels"),
    )
    .option(
      "--series <uid>",
      "which DICOM series, where a folder has several: its UID or number in the list, with :1 a volume in it",
    )
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
  const jobs = await planScans(scans, flags.out, flags.output);
  if (typeof flags.preview === "string") {
    if (jobs.length > 1)
      throw inputError("--preview names one picture, but there are several scans: leave it out.");
    await checkApart([modelPath, ...jobs.flatMap(({ input, output }) => [input, output]), flags.preview]);
    await checkWritable(flags.preview);
  }
  const model = await load(modelPath);
  const settings = valuesOfFlags<Settings>(SETTINGS, flags);
  const machine = valuesOfFlags<Pick<SessionOptions, keyof typeof MACHINE>>(MACHINE, flags);
  const session = await model.session({ ...machine, size: settings.patch ?? model.task?.patch });
  let failed = 0;
  try {
    for (const job of jobs) {
      try {
        await predictOne(model, session, job, flags, settings);
      } catch (error) {
        // One bad scan does not cost the others their results.
        if (jobs.length === 1 || !(error instanceof AcsconvError)) throw error;
        process.stderr.write(`acsconv: ${job.input}: ${error.message}\n`);
        failed++;
      }
    }
  } finally {
    await session.dispose();
  }
  if (failed > 0) throw inputError(`${failed} of ${jobs.length} scans failed, for the reasons above.`);
}

async function predictOne(
  model: Model,
  session: Session,
  job: ScanJob,
  flags: PredictFlags,
  settings: Settings,
): Promise<void> {
  const say = (line: string): void => {
    if (!flags.quiet) process.stdout.write(`${line}\n`);
  };
  const scan = await readVolume(job.input, {
    onWarning: warn,
    series: flags.series === undefined ? undefined : seriesOf(flags.series),
  });
  say(
    `${job.input}: [${scan.shape.join(", ")}] voxels of ${scan.spacing.map((mm) => +mm.toFixed(3)).join(" × ")} mm`,
  );

  const progress = startProgress("  predicting", "windows", flags.quiet ?? false);
  const start = performance.now();
  const result = await predictVolume(session, scan, {
    output: flags.output,
    ...settings,
    onWarning: warn,
    onNote: (note) => say(`  ${note}`),
    onProgress: (done, total) => progress.update(done, total),
  }).finally(() => progress.stop());
  const seconds = (performance.now() - start) / 1000;

  await writeVolume(result, job.output);
  say(`  wrote ${job.output} in ${formatDuration(seconds)}`);
  if (flags.output === "labels") say(indent(labelTable(result, model.task?.classes)));
  if (flags.preview !== false) {
    const path = typeof flags.preview === "string" ? flags.preview : `${withoutEnding(job.output)}.png`;
    await writeFiles([{ path, chunks: [previewPng(scan, result, flags.output)] }]);
    say(`  wrote ${path}`);
  }
}

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
