/** @file Which scans a command works on, and where their results go. */

import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { inputError } from "../base/errors.ts";
import { checkWritable, ioErrors, makeFolder } from "../base/files.ts";
import { withoutEnding } from "../data/folders.ts";
import { canReadVolume, canWriteVolume } from "../volume/index.ts";

export interface ScanJob {
  readonly input: string;
  readonly output: string;
}

/** Whether a result goes into a DICOM segmentation (SEG). */
export const isDicomResult = (path: string): boolean => /\.dcm$/i.test(path);

const canWriteResult = (path: string): boolean => canWriteVolume(path) || isDicomResult(path);

/** The scans that the arguments name: files, folders of volumes (all of those in them), DICOM folders. */
async function listScans(paths: readonly string[]): Promise<readonly string[]> {
  const scans: string[] = [];
  for (const path of paths) {
    const there = await ioErrors("read", path, () => stat(path));
    const names = there.isDirectory() ? await ioErrors("read", path, () => readdir(path)) : [];
    const volumes = names.filter(canReadVolume).sort();
    // A folder without volume files may hold a DICOM series; reading it will tell.
    scans.push(...(volumes.length > 0 ? volumes.map((name) => join(path, name)) : [path]));
  }
  return scans;
}

/**
 * Pairs every scan with the file of its result, and makes sure that each can be written before any work is done.
 *
 * @param paths - as given: files, folders of volumes, DICOM folders
 * @param target - a file for a single scan, else a folder, which is made if need be
 * @param what - goes into the names in that folder: `scan.nii.gz` → `scan_labels.nii.gz`
 */
export async function planScans(
  paths: readonly string[],
  target: string,
  what: string,
): Promise<readonly ScanJob[]> {
  const scans = await listScans(paths);
  const existing = await stat(target).catch(() => undefined);
  const isFolder = scans.length > 1 || existing?.isDirectory() || /[/\\]$/.test(target);
  if (isFolder) {
    if (canWriteResult(target) && !existing?.isDirectory())
      throw inputError(`There are ${scans.length} scans: name a folder for them, not the file "${target}".`);
    await makeFolder(target);
  } else if (!canWriteResult(target))
    throw inputError(
      `Cannot write a volume to "${target}": its name should end in .nii.gz, .nii, .nrrd, .npz or .npy, or in .dcm for a DICOM segmentation.`,
    );
  const jobs = scans.map((input) => ({
    input,
    output: isFolder ? join(target, `${withoutEnding(basename(resolve(input)))}_${what}.nii.gz`) : target,
  }));
  const inputs = new Set(jobs.map(({ input }) => resolve(input)));
  const outputs = new Map<string, string>();
  for (const { input, output } of jobs) {
    const other = outputs.get(output);
    if (other !== undefined)
      throw inputError(`"${other}" and "${input}" would both be written to "${output}": run them apart.`);
    if (inputs.has(resolve(output)))
      throw inputError(`"${output}" is one of the scans, and would be replaced: choose another output.`);
    outputs.set(output, input);
    await checkWritable(output);
  }
  return jobs;
}
