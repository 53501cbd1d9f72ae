/**
 * @file Folders of labelled scans as data sets come in them.
 *
 * - Medical Segmentation Decathlon: `dataset.json` lists pairs of an image and a label; several channels are a fourth
 *   dimension of the image. A list of any pairs of files elsewhere is written in the same way; an "image" may also be a
 *   list of files.
 * - nnU-Net v2: `imagesTr/CASE_0000.nii.gz`, `CASE_0001` …, one file for each channel, and `labelsTr/CASE.nii.gz`.
 *
 * Only names are looked at here; scans are read when they are needed.
 */

import { formatError, ioError } from "../base/errors.ts";
import { builtin, ioErrors } from "../base/files.ts";
import { canReadVolume } from "../volume/read.ts";
import { type Description, type Pair, parseDescription } from "./dataset-json.ts";
import type { LabelTable } from "./labels.ts";

/** The files of a labelled scan. */
export interface CaseFiles {
  readonly name: string;
  /** One file with all channels, or one for each. */
  readonly images: readonly string[];
  readonly label: string;
}

/** Which arrays of .npz files are read, where they hold several. */
export interface ArrayNames {
  readonly array?: string | undefined;
  readonly labelArray?: string | undefined;
}

/** A data set on disk. */
export interface DataFolder extends ArrayNames {
  readonly name: string;
  /** Sorted by name; at least one. */
  readonly cases: readonly CaseFiles[];
  /** Names of the images' channels; undefined where dataset.json has none. */
  readonly channels: readonly string[] | undefined;
  readonly classes: LabelTable;
}

/** Larger than the list of any data set there is: a hundred thousand cases. */
const MAX_DESCRIPTION_BYTES = 2 ** 25;

/**
 * Finds the labelled cases of a data set, and makes sure that all files are there.
 *
 * @param path - the folder with dataset.json, or a file such as that
 * @param arrays - of .npz files, which may also hold image and label in one
 * @throws {@link AcsconvError} `io` (files that are missing) or `format` (a dataset.json that is none)
 */
export async function openFolder(path: string, { array, labelArray }: ArrayNames = {}): Promise<DataFolder> {
  const paths = builtin("node:path");
  const { readFile, stat } = builtin("node:fs/promises");
  const isFolder = (await ioErrors("read", path, () => stat(path))).isDirectory();
  const file = isFolder ? paths.join(path, "dataset.json") : path;
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile())
    throw ioError(
      `There is no dataset.json in "${path}": expected a data set in the layout of the Medical Segmentation Decathlon or nnU-Net v2.`,
    );
  if (found.size > MAX_DESCRIPTION_BYTES)
    throw formatError(`"${file}" has ${found.size} bytes, too many for the description of a data set.`);
  const description = parseDescription(await ioErrors("read", file, () => readFile(file, "utf8")), file);
  const root = paths.dirname(file);
  const cases =
    "pairs" in description.cases
      ? namedCases(description.cases.pairs, root)
      : await nnunetCases(root, description, description.cases.fileEnding);
  if (cases.length === 0)
    throw ioError(`The data set "${path}" is empty: dataset.json and its folders hold no labelled case.`);
  await checkFiles(cases, path);
  return {
    name: description.name ?? paths.basename(paths.resolve(root)),
    cases: cases.sort((a, b) => (a.name < b.name ? -1 : 1)),
    channels: description.channels,
    classes: description.classes,
    array,
    labelArray,
  };
}

/** What macOS leaves beside files on other systems' disks. */
const isLeftover = (name: string): boolean => name.startsWith("._");

function namedCases(pairs: readonly Pair[], root: string): CaseFiles[] {
  const paths = builtin("node:path");
  const real = pairs.filter(({ images }) => !images.some((path) => isLeftover(paths.basename(path))));
  const short = real.map(({ images }) => withoutEnding(paths.basename(images[0]!)));
  // Files of one name in several folders are told apart by their whole path.
  const isUnique = new Set(short).size === short.length;
  return real.map(({ images, label }, i) => ({
    name: isUnique ? short[i]! : withoutEnding(images[0]!).replace(/^\.\//, ""),
    images: images.map((path) => paths.resolve(root, path)),
    label: paths.resolve(root, label),
  }));
}

/** `scan.nii.gz` → `scan` */
export const withoutEnding = (path: string): string => path.replace(/(\.nii)?\.[a-z]+$/i, "");

/** Cases by their labels and by their first channel, so that a case that lacks either is found and reported. */
async function nnunetCases(root: string, description: Description, ending: string): Promise<CaseFiles[]> {
  const paths = builtin("node:path");
  if (!canReadVolume(`x${ending}`))
    throw formatError(
      `The data set's files end in "${ending}", which is no format that we read: expected .nii.gz, .nii, .nrrd, .mha or .npy.`,
    );
  const channels = description.channels;
  if (!channels)
    throw formatError(
      `"${paths.join(root, "dataset.json")}" should name the images' channels in "channel_names".`,
    );
  const first = `_0000${ending}`;
  const names = new Set([
    ...(await namesIn(paths.join(root, "labelsTr"), ending)),
    ...(await namesIn(paths.join(root, "imagesTr"), first)),
  ]);
  return [...names].map((name) => ({
    name,
    images: channels.map((_, c) =>
      paths.join(root, "imagesTr", `${name}_${String(c).padStart(4, "0")}${ending}`),
    ),
    label: paths.join(root, "labelsTr", `${name}${ending}`),
  }));
}

/** The names of a folder's files without `ending`, of those that have it. */
async function namesIn(folder: string, ending: string): Promise<readonly string[]> {
  const { readdir } = builtin("node:fs/promises");
  const names = await ioErrors("read", folder, () => readdir(folder));
  return names
    .filter((name) => name.endsWith(ending) && !isLeftover(name))
    .map((name) => name.slice(0, -ending.length));
}

async function checkFiles(cases: readonly CaseFiles[], path: string): Promise<void> {
  const { stat } = builtin("node:fs/promises");
  const missing: string[] = [];
  for (const { name, images, label } of cases) {
    for (const file of [...images, label]) {
      const found = await stat(file).catch(() => undefined);
      if (!found) missing.push(`"${file}" of case "${name}"`);
      // A folder may hold DICOM slices.
      else if (!found.isDirectory() && !canReadVolume(file))
        throw formatError(
          `Case "${name}": "${file}" is no volume that we read: expected .nii.gz, .nii, .nrrd, .mha or .npy.`,
        );
    }
  }
  if (missing.length === 0) return;
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
  throw ioError(`Files of the data set "${path}" are missing: ${missing[0]}${more}.`);
}
