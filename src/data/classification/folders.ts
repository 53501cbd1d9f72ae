/**
 * @file A folder for each class, as torchvision's ImageFolder has them:
 *
 *   data/benign/a.nii.gz                 every volume that we read, at any depth
 *   data/malignant/b/                    or a folder of DICOM slices
 *   data/train/benign/…  data/val/benign/…  data/test/benign/…       or divided into parts
 *
 * Classes are the names of folders. Files of other kinds are left out, with a warning unless they are notes.
 */

import { formatError, ioError } from "../../base/errors.ts";
import { builtin } from "../../base/files.ts";
import { canReadVolume } from "../../volume/read.ts";
import {
  type ClassificationSet,
  classificationSet,
  type NamedScan,
  type SplitName,
  splitNamed,
} from "./data-set.ts";
import type { ArrayNames } from "../folders.ts";
import { entriesOf, scanIn } from "./files.ts";

/** More would be no folder of scans, but a disk. */
const MAX_SCANS = 1_000_000;

/** Folders of data sets with a label for each voxel, which are no classes. */
const NO_CLASSES = /^(images|labels|masks|segmentations?)(tr|ts)?$/i;

/**
 * Finds the scans of a folder that has one for each class; undefined where it has no folders, or those of segmentations.
 *
 * @throws {@link AcsconvError} `format` for a class without scans, or a single class; `io`
 */
export async function openClassFolders(
  root: string,
  arrays: ArrayNames,
  onWarning?: (sentence: string) => void,
): Promise<ClassificationSet | undefined> {
  const paths = builtin("node:path");
  const { folders } = await entriesOf(root);
  if (folders.length === 0 || folders.some((name) => NO_CLASSES.test(name))) return undefined;
  const splits = folders.map(splitNamed);
  const isDivided = splits.every((split) => split !== undefined);
  if (!isDivided && splits.some((split) => split !== undefined))
    throw formatError(
      `"${root}" has folders of parts and of classes side by side (${folders.join(", ")}): put a folder for each class into each of train, val and test, or have classes only.`,
    );
  const scans: NamedScan[] = [];
  const others: string[] = [];
  for (const [i, folder] of folders.entries()) {
    const within = isDivided ? (await entriesOf(paths.join(root, folder))).folders : [""];
    if (within.length === 0)
      throw formatError(`"${paths.join(root, folder)}" has no folders: expected one for each class.`);
    for (const name of within)
      scans.push(
        ...(await scansOfClass(root, paths.join(folder, name), name || folder, splits[i], arrays, others)),
      );
  }
  if (others.length > 0)
    onWarning?.(
      `"${root}" holds ${others.length === 1 ? "a file that is" : `${others.length} files that are`} no scan that we read, and left out, ${others.length === 1 ? "" : "such as "}"${others[0]}": expected .nii.gz, .nii, .nrrd, .mha, .npy, .npz or DICOM.`,
    );
  const resolved = paths.resolve(root);
  return classificationSet(paths.basename(resolved), scans, `"${root}"`);
}

/**
 * The scans below a folder, as class folders hold them, without classes: those to test with where it is divided into
 * parts, or all.
 *
 * @throws {@link AcsconvError} as {@link openClassFolders}
 */
export async function scansBelow(root: string, arrays: ArrayNames): Promise<readonly NamedScan[]> {
  const paths = builtin("node:path");
  const { folders } = await entriesOf(root);
  const tests = folders.every(splitNamed) ? folders.find((name) => splitNamed(name) === "test") : undefined;
  const within = tests === undefined ? folders : [tests];
  const found = await Promise.all(
    within.map(async (folder) => scansOfClass(root, paths.join(folder), "", undefined, arrays, [])),
  );
  return found.flat();
}

/** @param others - gets the files that are no scans */
async function scansOfClass(
  root: string,
  folder: string,
  label: string,
  split: SplitName | undefined,
  arrays: ArrayNames,
  others: string[],
): Promise<NamedScan[]> {
  const paths = builtin("node:path");
  const { realpath } = builtin("node:fs/promises");
  const rootPath = await realpath(root);
  const found: NamedScan[] = [];
  const add = (path: string): void => {
    const name = path.split(paths.sep).join("/");
    if (found.push(scanIn(paths.join(root, path), { name, label, split }, arrays)) > MAX_SCANS)
      throw formatError(`"${paths.join(root, folder)}" holds more than ${MAX_SCANS} scans.`, {
        code: "E_LIMIT",
      });
  };
  /** @param above - the folders that it lies in, where links lead to */
  const visit = async (path: string, above: readonly string[]): Promise<void> => {
    const whole = paths.join(root, path);
    const real = await realpath(whole);
    if (above.includes(real) || real === rootPath)
      throw formatError(`"${whole}" is a link to a folder that it lies in: remove it.`);
    const { files, folders } = await entriesOf(whole);
    const volumes = files.filter(canReadVolume);
    const slices = files.filter(isDicom);
    others.push(
      ...files
        .filter((name) => !volumes.includes(name) && !slices.includes(name) && !isNote(name))
        .map((name) => paths.join(path, name)),
    );
    if (volumes.length === 0 && slices.length > 0) {
      if (above.length === 0 && label !== "")
        throw formatError(
          `The class folder "${whole}" holds DICOM files side by side ("${slices[0]}"), which do not tell where one scan ends: put the files of each scan into a folder of its own.`,
        );
      add(path);
    }
    const beside = volumes.length > 0 ? slices.find((name) => DICOM.test(name)) : undefined;
    if (beside !== undefined)
      throw formatError(
        `"${whole}" holds volumes and DICOM files side by side ("${volumes[0]}", "${beside}"): remove what is there twice, or put the files of each DICOM scan into a folder of its own.`,
      );
    for (const name of volumes) add(paths.join(path, name));
    for (const name of folders) await visit(paths.join(path, name), [...above, real]);
  };
  await visit(folder, []);
  if (found.length === 0)
    throw ioError(
      `The class folder "${paths.join(root, folder)}" holds no scan: expected volumes (.nii.gz, .nii, .nrrd, .mha, .npy, .npz) or folders of DICOM slices; remove it if it is no class.`,
    );
  return found;
}

const DICOM = /\.(dcm|dicom|ima)$/i;

/** Whether a file looks like a slice: it says so, or has no ending, or a number as such. */
const isDicom = (name: string): boolean =>
  DICOM.test(name) ||
  (!/\.[a-z_]\w*$/i.test(name) && !/^(readme|licen[cs]e|changelog|notes?|makefile)$/i.test(name));

/** What stands beside scans and is none: notes, tables, pictures, raw voxels of headers that we read. */
const NOTES =
  /(^(readme|licen[cs]e|changelog|notes?|makefile|desktop\.ini)$|\.(txt|md|json|csv|tsv|xml|ya?ml|html?|pdf|log|ini|png|jpe?g|gif|raw|zraw|bval|bvec)$)/i;

/** Whether a file is no scan and not meant to be one. */
export const isNote = (name: string): boolean => NOTES.test(name);
