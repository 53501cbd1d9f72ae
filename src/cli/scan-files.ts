/** @file Which scans a command works on, and where their results go. */

import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { inputError } from "../base/errors.ts";
import { checkWritable, ioErrors, isThere, makeFolder } from "../base/files.ts";
import { isLeftover } from "../data/file-names.ts";
import { type ScanFiles, scanCases } from "../data/scan-cases.ts";
import { canReadVolume, canWriteVolume } from "../volume/index.ts";
import { voxelFiles } from "../volume/read.ts";

export interface ScanJob extends ScanFiles {
  readonly output: string;
}

/** Whether a result goes into a DICOM segmentation (SEG). */
export const isDicomResult = (path: string): boolean => /\.dcm$/i.test(path);

const canWriteResult = (path: string): boolean => canWriteVolume(path) || isDicomResult(path);

/** Endings of files that hold no volume; folders may have dots in their names. */
const NO_FOLDER = /\.(csv|tsv|txt|json|png|pdf|onnx|gz|zip)$/i;

/** Where results go, and for what network. */
export interface ScanPlan extends ScanChoice {
  /** A file for a single scan, else a folder, which is made if need be. */
  readonly target: string;
  /** What is written: a word for the names in that folder. */
  readonly what: string;
  /** Of names in that folder: see {@link nameOfResult}. */
  readonly pattern?: string | undefined;
}

/** For what network scans are listed. */
export interface ScanChoice {
  /** Channels of the images that the network was made for; undefined where it takes any number. */
  readonly channels: number | undefined;
  readonly onWarning: (sentence: string) => void;
  readonly onNote: (sentence: string) => void;
}

/** What stands for itself in the pattern of a name. */
const PLACEHOLDERS = ["{case}", "{output}"] as const;

/** Labels are named as challenges want them, and all else so that it can lie in the same folder. */
const PATTERNS: Readonly<Record<string, string>> = { labels: "{case}.nii.gz" };
const USUAL_PATTERN = "{case}_{output}.nii.gz";

/**
 * Pairs every scan with the file of its result, and makes sure that each can be written before any work is done.
 *
 * @param paths - as given: files, folders of volumes, DICOM folders, data sets
 */
export async function planScans(paths: readonly string[], plan: ScanPlan): Promise<readonly ScanJob[]> {
  const { target, what, channels, onWarning } = plan;
  const files = await listFiles(paths, plan.onNote);
  const scans = await scanCases(files, channels, onWarning);
  const existing = await stat(target).catch(() => undefined);
  // What comes from a folder goes to one, also where that is a single scan.
  const isLikeFolder =
    /[/\\]$/.test(target) || (extname(target) === "" && files.some((file) => !paths.includes(file)));
  const isFolder = scans.length > 1 || (existing ? existing.isDirectory() : isLikeFolder);
  if (plan.pattern !== undefined) checkPattern(plan.pattern, isFolder ? undefined : target);
  if (isFolder) {
    if ((canWriteResult(target) || NO_FOLDER.test(target)) && !existing?.isDirectory())
      throw inputError(`There are ${scans.length} scans: name a folder for them, not the file "${target}".`);
    await makeFolder(target);
  } else if (!canWriteResult(target))
    throw inputError(
      `Cannot write a volume to "${target}": its name should end in .nii.gz, .nii, .nrrd, .npz or .npy, or in .dcm for a DICOM segmentation.`,
    );
  const pattern = plan.pattern ?? PATTERNS[what] ?? USUAL_PATTERN;
  const jobs = scans.map((scan) => ({
    ...scan,
    output: isFolder ? join(target, nameOfResult(pattern, scan.name, what)) : target,
  }));
  if (isFolder && pattern === PATTERNS["labels"] && plan.pattern === undefined)
    await checkNotAmong(files, target);
  await checkOutputs(jobs, isFolder);
  return jobs;
}

/** Under the names of scans, results beside them would be taken for such the next time. */
async function checkNotAmong(files: readonly string[], folder: string): Promise<void> {
  const folders = await Promise.all(files.filter(canReadVolume).map((file) => realOf(dirname(file))));
  if (folders.includes(await realOf(folder)))
    throw inputError(
      `"${folder}" holds scans, and results there would have the names of scans: choose another folder, or names such as --name "${USUAL_PATTERN}".`,
    );
}

const realOf = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));

/** `{case}_{output}.nii.gz` → `liver_1_labels.nii.gz` */
const nameOfResult = (pattern: string, name: string, what: string): string =>
  pattern.replace(/\{(case|output)\}/g, (_, word) => (word === "case" ? name : what));

function checkPattern(pattern: string, file: string | undefined): void {
  if (file !== undefined)
    throw inputError(`--name names the files in a folder, and "${file}" is a file: leave one of them out.`);
  const unknown = pattern.match(/\{[^}]*\}?/g)?.find((found) => !PLACEHOLDERS.some((one) => one === found));
  if (unknown !== undefined || !pattern.includes("{case}") || /[/\\]/.test(pattern))
    throw inputError(
      `--name should be the name of a file with {case} in it, and {output} where that is wanted, such as "${USUAL_PATTERN}", and is "${pattern}".`,
    );
  if (!canWriteResult(pattern))
    throw inputError(
      `Cannot write a volume to "${pattern}" (--name): it should end in .nii.gz, .nii, .nrrd, .npz or .npy, or in .dcm for a DICOM segmentation.`,
    );
}

/** No result may take the place of a scan, of another result, or of a data set's own files. */
async function checkOutputs(jobs: readonly ScanJob[], isFolder: boolean): Promise<void> {
  const scans = jobs.flatMap(({ files }) => files);
  const beside = await Promise.all(scans.map(voxelFiles));
  const inputs = new Set(await Promise.all([...scans, ...beside.flat()].map(realOf)));
  const other = isFolder ? `another folder, or names such as --name "${USUAL_PATTERN}"` : "another output";
  const outputs = new Map<string, string>();
  for (const { files, output } of jobs) {
    const before = outputs.get(output);
    if (before !== undefined)
      throw inputError(`"${before}" and "${files[0]}" would both be written to "${output}": run them apart.`);
    if (inputs.has(await realOf(output)))
      throw inputError(`"${output}" is one of the scans, and would be replaced: choose ${other}.`);
    if (await belongsToDataSet(output))
      throw inputError(`"${output}" belongs to a data set, and would be replaced: choose ${other}.`);
    outputs.set(output, files[0]!);
    await checkWritable(output);
  }
}

/** Whether a file that is there lies among the scans or labels of a data set. */
async function belongsToDataSet(path: string): Promise<boolean> {
  const folder = dirname(resolve(path));
  return (
    /^(images|labels)T[rs]$/.test(basename(folder)) &&
    (await isThere(path)) &&
    (await isThere(join(folder, "..", "dataset.json")))
  );
}

/** The files that the arguments name: files, all volumes of folders, DICOM folders as they are. */
export async function listFiles(
  paths: readonly string[],
  onNote: (sentence: string) => void,
): Promise<readonly string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const there = await ioErrors("read", path, () => stat(path));
    const volumes = there.isDirectory() ? await volumesIn(path) : [];
    if (volumes.length > 0) files.push(...volumes);
    else if (there.isDirectory() && (await isDataSet(path))) {
      const scans = join(path, "imagesTs");
      const tests = (await isThere(scans)) ? await volumesIn(scans) : [];
      if (tests.length === 0)
        throw inputError(
          `"${path}" is a data set, and there are no scans in "${scans}": name the folder of those that are to be predicted, such as "${join(path, "imagesTr")}".`,
        );
      onNote(`"${path}" is a data set: the scans in its imagesTs are predicted`);
      files.push(...tests);
    }
    // A folder without volume files may hold a DICOM series; reading it will tell.
    else files.push(path);
  }
  return [...new Set(files)];
}

async function volumesIn(folder: string): Promise<readonly string[]> {
  const names = await ioErrors("read", folder, () => readdir(folder));
  return names
    .filter((name) => canReadVolume(name) && !isLeftover(name))
    .sort()
    .map((name) => join(folder, name));
}

const isDataSet = async (folder: string): Promise<boolean> =>
  (await isThere(join(folder, "dataset.json"))) ||
  (await isThere(join(folder, "imagesTr"))) ||
  isThere(join(folder, "imagesTs"));
