/** @file Writing volumes: picks the format by the file's name (Node only). */

import { inputError } from "../base/errors.ts";
import { builtin, writeFiles } from "../base/files.ts";
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
  await writeFiles([{ path, chunks: format.gzip ? gzipped(parts) : parts }]);
}

/** More at once would not make compression faster. */
const CHUNK = 2 ** 20;

/** Compresses as it is written, so that a scan is not held again. */
function gzipped(parts: Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const { constants, createGzip } = builtin("node:zlib");
  // Scans are noise in their low bits: level 1 is several times faster than 6, for files some percent larger.
  const gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: CHUNK });
  return builtin("node:stream").Readable.from(pieces(parts)).pipe(gzip);
}

function* pieces(parts: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const part of parts)
    for (let start = 0; start < part.length; start += CHUNK) yield part.subarray(start, start + CHUNK);
}

/** Whether {@link writeVolume} knows the format of this name; for checking before long work. */
export const canWriteVolume = (path: string): boolean => suffixOf(path) !== undefined;

const suffixOf = (path: string): keyof typeof FORMATS | undefined =>
  (Object.keys(FORMATS) as (keyof typeof FORMATS)[]).find((end) => path.toLowerCase().endsWith(end));

function formatOf(path: string): (typeof FORMATS)[keyof typeof FORMATS] {
  const suffix = suffixOf(path);
  if (suffix) return FORMATS[suffix];
  if (/\.dcm$/i.test(path))
    throw inputError(
      `Cannot write a volume to "${path}" without the DICOM images that it is of: labels are written with them by writeSegmentation.`,
      { code: "E_UNSUPPORTED" },
    );
  throw inputError(
    `Cannot write a volume to "${path}": its name should end in ${Object.keys(FORMATS).join(", ")}.`,
    { code: "E_UNSUPPORTED" },
  );
}
