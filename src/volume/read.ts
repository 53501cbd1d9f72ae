/** @file Reading volumes: picks the reader by the file's name. */

import { AcsconvError, formatError, inputError } from "../base/errors.ts";
import { builtin, isFolder } from "../base/files.ts";
import { openSource } from "../base/byte-source.ts";
import { openNpz } from "../formats/npz.ts";
import { type ItkImage, quietly, volumeFromItk } from "./itk.ts";
import { readNifti, readNiftiGrid } from "./nifti.ts";
import { volumeFromNpy, volumeFromNpz } from "./npz-volume.ts";
import type { Grid, Volume } from "./volume.ts";

/** What a file alone does not say. */
export interface ReadOptions {
  /** DICOM: which series, where a folder has several; its UID, or its place (from 0) in the error's list. */
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
  ".nrrd": "itk",
  ".nhdr": "itk",
  ".mha": "itk",
  ".mhd": "itk",
  ".npy": "npy",
  ".npz": "npz",
} as const;

/**
 * Reads a volume: NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr), MetaImage (.mha,
 * .mhd), NumPy (.npy, .npz), or, in Node, a DICOM file or folder. Integers stay
 * integers unless the file scales them; float64 becomes float32.
 *
 * @param input - a path (Node), or a browser's `File`. For NRRD and MetaImage a
 *   browser loads ITK's WebAssembly from where `@itk-wasm/image-io` is told to.
 * @throws {@link AcsconvError} `io` (no such file …), `format` (damaged …) or `input` (several series …)
 */
export async function readVolume(input: string | File, options: ReadOptions = {}): Promise<Volume> {
  const name = typeof input === "string" ? input : input.name;
  const suffix = suffixOf(name);
  const onWarning = options.onWarning ?? ((sentence: string) => console.warn(sentence));
  if (typeof input === "string") {
    if (!suffix || (await isFolder(input))) {
      refuseUnfit(name, undefined, options);
      return readDicomOrRefuse(input, options);
    }
  }
  refuseUnfit(name, suffix, options);
  switch (suffix && FORMATS[suffix]) {
    case "nifti":
      return readNifti(await openSource(input), onWarning);
    case "npy":
      return volumeFromNpy(await bytesFrom(input), name);
    case "npz":
      return volumeFromNpz(await openNpz(await openSource(input)), name, options.array, onWarning);
    case "itk":
      return volumeFromItk(await readItk(input, suffix!), name);
    case undefined:
      throw unknownFormat(name);
  }
}

/** Where the voxels of a file lie, if its header says so without the rest being read (NIfTI). */
export async function readGrid(path: string): Promise<Grid | undefined> {
  const suffix = suffixOf(path);
  return suffix && FORMATS[suffix] === "nifti" ? readNiftiGrid(await openSource(path)) : undefined;
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

async function readDicomOrRefuse(path: string, options: ReadOptions): Promise<Volume> {
  const { readDicom } = await import("./dicom.ts");
  const onWarning = options.onWarning ?? ((sentence: string) => console.warn(sentence));
  return readDicom(path, { series: options.series, onWarning });
}

const bytesFrom = async (input: string | File): Promise<Uint8Array> => (await openSource(input)).bytes();

async function readItk(input: string | File, suffix: string): Promise<ItkImage> {
  const itk = await import("@itk-wasm/image-io");
  const name = typeof input === "string" ? input : input.name;
  return quietly(`"${name}"`, async () => {
    if (typeof input !== "string") return (await itk.readImage(input)).image as ItkImage;
    const read = suffix === ".nrrd" || suffix === ".nhdr" ? itk.nrrdReadImageNode : itk.metaReadImageNode;
    const { couldRead, image } = await read(builtin("node:path").resolve(input));
    if (!couldRead) throw new Error("its header is not of that format");
    return image as ItkImage;
  });
}
