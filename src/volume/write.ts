/** @file Writing volumes: picks the format by the file's name (Node only). */

import { AcsconvError } from "../base/errors.ts";
import { writeFiles } from "../base/files.ts";
import { encodeNifti } from "./nifti.ts";
import { encodeNpyVolume, encodeNpzVolume } from "./npz-volume.ts";
import { encodeNrrd } from "./nrrd.ts";
import { type Volume, checkVolume } from "./volume.ts";

/** Formats by the ends of names. */
const FORMATS = {
  ".nii": { encode: encodeNifti, gzip: false },
  ".nii.gz": { encode: encodeNifti, gzip: true },
  ".nrrd": { encode: encodeNrrd, gzip: false },
  ".npz": { encode: encodeNpzVolume, gzip: false },
  ".npy": { encode: encodeNpyVolume, gzip: false },
} as const;

/**
 * Writes a volume as NIfTI (.nii, .nii.gz), NRRD (.nrrd) or NumPy (.npz with
 * its geometry, .npy without), voxels of the type they have. The file appears
 * when it is complete.
 *
 * @throws {@link AcsconvError} `input` (unknown format, inconsistent volume) or `io` (no such folder, disk full …)
 */
export async function writeVolume(volume: Volume, path: string): Promise<void> {
  const format = formatOf(path);
  checkVolume(volume);
  const parts = format.encode(volume);
  const chunks = format.gzip ? (await import("./files.ts")).gzipped(parts) : parts;
  await writeFiles([{ path, chunks }]);
}

/** Whether {@link writeVolume} knows the format of this name; for checking before long work. */
export const canWriteVolume = (path: string): boolean => suffixOf(path) !== undefined;

const suffixOf = (path: string): keyof typeof FORMATS | undefined =>
  (Object.keys(FORMATS) as (keyof typeof FORMATS)[]).find((end) => path.toLowerCase().endsWith(end));

function formatOf(path: string): (typeof FORMATS)[keyof typeof FORMATS] {
  const suffix = suffixOf(path);
  if (suffix) return FORMATS[suffix];
  throw new AcsconvError(
    "input",
    `Cannot write a volume to "${path}": its name should end in ${Object.keys(FORMATS).join(", ")}.`,
  );
}
