/** @file Data sets of any kind: labels for every voxel, or one class for each scan. The layout decides. */

import { inputError } from "../base/errors.ts";
import { builtin, ioErrors } from "../base/files.ts";
import { type ClassificationSet } from "./classification/data-set.ts";
import { openClassFolders } from "./classification/folders.ts";
import { openMedmnist } from "./classification/medmnist.ts";
import { openTable } from "./classification/table.ts";
import { type ArrayNames, type DataFolder, openFolder } from "./folders.ts";

/** A data set: labels for every voxel, or one class for each scan. */
export type LabelledData = DataFolder | ClassificationSet;

/** Whether a file is a table of scans and their classes, by its name. */
export const isTable = (path: string): boolean => /\.(csv|tsv|txt)$/i.test(path);

/**
 * Opens a data set, and makes sure that its files are there:
 *
 * - a folder with dataset.json, or such a file: labels for every voxel ({@link openFolder})
 * - a folder of folders, a table (.csv, .tsv) of files and labels, MedMNIST's .npz: a class for each scan
 *
 * @param arrays - which arrays of .npz files are scans, where these hold several
 * @param onWarning - told of files that are no scans, and left out
 * @throws {@link AcsconvError} `io` for files that are missing, `format` for what is no data set
 */
export async function openData(
  path: string,
  arrays: ArrayNames = {},
  onWarning?: (sentence: string) => void,
): Promise<LabelledData> {
  const data = await openAny(path, arrays, onWarning);
  if (data.kind === "classification") refuseUnfit(path, arrays);
  return data;
}

/** The class of a whole scan is in no array, and MedMNIST's arrays have the names that they have. */
function refuseUnfit(path: string, { array, labelArray }: ArrayNames): void {
  if (labelArray !== undefined)
    throw inputError(
      `"${path}" has one class for each scan and no labels in arrays: leave \`labelArray\` out (--label-array).`,
    );
  if (array !== undefined && isArchive(path))
    throw inputError(`"${path}" holds a whole data set: leave \`array\` out (--array).`);
}

const isArchive = (path: string): boolean => /\.npz$/i.test(path);

async function openAny(
  path: string,
  arrays: ArrayNames,
  onWarning: ((sentence: string) => void) | undefined,
): Promise<LabelledData> {
  const paths = builtin("node:path");
  const { stat } = builtin("node:fs/promises");
  const found = await ioErrors("read", path, () => stat(path));
  if (!found.isDirectory()) {
    if (isTable(path)) return openTable(path, arrays);
    return isArchive(path) ? openMedmnist(path) : openFolder(path, arrays);
  }
  const isDescribed = await stat(paths.join(path, "dataset.json")).then(
    (file) => file.isFile(),
    () => false,
  );
  const classes = isDescribed ? undefined : await openClassFolders(path, arrays, onWarning);
  return classes ?? openFolder(path, arrays);
}
