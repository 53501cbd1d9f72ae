/** @file Reading volumes: picks the reader by the file's name. */

import { AcsconvError, formatError, inputError } from "../base/errors.ts";
import { isFolder } from "../base/files.ts";
import { openSource } from "../base/byte-source.ts";
import { printable } from "../base/printable.ts";
import { openNpz } from "../formats/npz.ts";
import type { DicomInput } from "./dicom/files.ts";
import { metaImageFiles, readMetaImage } from "./meta-image.ts";
import { refusalOf } from "./other-formats.ts";
import { nrrdFiles, readNrrd } from "./nrrd.ts";
import { readNifti, readNiftiChannels, readNiftiGrid } from "./nifti.ts";
import { volumeFromNpy, volumeFromNpz } from "./npz-volume.ts";
import type { Grid, Volume } from "./volume.ts";

/** What a file alone does not say. */
export interface ReadOptions {
  /**
   * DICOM: which series, where a folder has several; its UID, or its place (from 0) in the error's list. Where a series
   * holds several volumes (time points, echoes), `"UID:1"` or `"0:1"` is the second of them.
   */
  readonly series?: string | number | undefined;
  /** NumPy archives: which array is the volume, or `name[3]` for the fourth of an array of several. */
  readonly array?: string | undefined;
  /** Told of what is odd but can be read, such as unevenly spaced slices; `console.warn` by default. */
  readonly onWarning?: (sentence: string) => void;
}

/** Formats by the ends of names. */
const FORMATS = {
  ".nii": "nifti",
  ".nii.gz": "nifti",
  ".nrrd": "nrrd",
  ".nhdr": "nrrd",
  ".mha": "meta",
  ".mhd": "meta",
  ".npy": "npy",
  ".npz": "npz",
} as const;

/**
 * Reads a volume: NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr), MetaImage (.mha,
 * .mhd), NumPy (.npy, .npz), or a DICOM file or folder. Integers stay integers
 * unless the file scales them; float64 becomes float32.
 *
 * @param input - a path (Node), or a browser's `File`, which has to hold the voxels itself; of a DICOM folder all files,
 *   as `<input type="file" webkitdirectory>` has them
 * @throws {@link AcsconvError} `io` (no such file …), `format` (damaged …) or `input` (several series …)
 */
export async function readVolume(
  input: string | File | readonly File[],
  options: ReadOptions = {},
): Promise<Volume> {
  if (typeof input !== "string" && !(input instanceof File))
    return input.length === 1 ? readVolume(input[0]!, options) : readDicomOrRefuse(input, options);
  if (typeof input === "string" && (await isFolder(input))) return readDicomOrRefuse(input, options);
  const name = typeof input === "string" ? input : input.name;
  const suffix = suffixOf(name);
  const refusal = suffix ? undefined : await refusalOf(input);
  if (refusal) throw refusal;
  refuseUnfit(name, suffix, options);
  const onWarning = warnerOf(options);
  switch (suffix && FORMATS[suffix]) {
    case "nifti":
      return readNifti(await openSource(input), onWarning);
    case "npy":
      return volumeFromNpy(await bytesFrom(input), name);
    case "npz":
      return volumeFromNpz(await openNpz(await openSource(input)), name, options.array, onWarning);
    case "nrrd":
      return readNrrd(await openSource(input), onWarning);
    case "meta":
      return readMetaImage(await openSource(input), onWarning);
    case undefined:
      return readDicomOrRefuse(input, options);
  }
}

/** Where the voxels of a file lie, if its header says so without the rest being read (NIfTI). */
export async function readGrid(path: string): Promise<Grid | undefined> {
  const suffix = suffixOf(path);
  return suffix && FORMATS[suffix] === "nifti" ? readNiftiGrid(await openSource(path)) : undefined;
}

/** The other files that a file keeps its voxels in; none where that cannot be told, as {@link readVolume} will. */
export async function voxelFiles(path: string): Promise<readonly string[]> {
  const suffix = suffixOf(path);
  const format = suffix && FORMATS[suffix];
  if ((format !== "nrrd" && format !== "meta") || (await isFolder(path))) return [];
  const source = await openSource(path);
  return (format === "nrrd" ? nrrdFiles(source) : metaImageFiles(source)).catch(() => []);
}

/** How many channels a file has, likewise. */
export async function readChannelCount(path: string): Promise<number | undefined> {
  const suffix = suffixOf(path);
  return suffix && FORMATS[suffix] === "nifti" ? readNiftiChannels(await openSource(path)) : undefined;
}

/** Whether {@link readVolume} knows the format by this name; DICOM files may have any. */
export const canReadVolume = (name: string): boolean => suffixOf(name) !== undefined;

const suffixOf = (name: string): keyof typeof FORMATS | undefined =>
  (Object.keys(FORMATS) as (keyof typeof FORMATS)[]).find((end) => name.toLowerCase().endsWith(end));

/** What only some formats have is not ignored where it is asked of another. */
function refuseUnfit(
  name: string,
  suffix: keyof typeof FORMATS | undefined,
  { array, series }: ReadOptions,
): void {
  if (array !== undefined && suffix !== ".npz")
    throw inputError(`"${name}" has no arrays with names, as .npz files do: leave \`array\` out (--array).`);
  if (series !== undefined && suffix !== undefined)
    throw inputError(`"${name}" has no series, as DICOM folders do: leave \`series\` out (--series).`);
}

const unknownFormat = (name: string): AcsconvError =>
  formatError(
    `"${name}" is no volume that we read: expected ${Object.keys(FORMATS).join(", ")}, or a DICOM file or folder.`,
    { code: "E_UNSUPPORTED" },
  );

async function readDicomOrRefuse(input: DicomInput, options: ReadOptions): Promise<Volume> {
  if (typeof input === "string") refuseUnfit(input, undefined, options);
  const { looksLikeDicom } = await import("./dicom/parse.ts");
  const { readDicom } = await import("./dicom/read.ts");
  const single = input instanceof File || (typeof input === "string" && !(await isFolder(input)));
  if (single && !(await looksLikeDicom(await openSource(input))))
    throw unknownFormat(typeof input === "string" ? input : input.name);
  return readDicom(input, { series: options.series, onWarning: warnerOf(options) });
}

const warnerOf = ({ onWarning }: ReadOptions): ((sentence: string) => void) =>
  onWarning ?? ((sentence) => console.warn(printable(sentence)));

const bytesFrom = async (input: string | File): Promise<Uint8Array> => (await openSource(input)).bytes();
