/**
 * @file The archives of MedMNIST's 3D sets: `train_images` uint8 [N, D, H, W] and `train_labels` [N, 1], the same for
 * `val` and `test`. Images are read when the first scan of their part is asked for, and kept in their own type.
 *
 * @see https://medmnist.com
 */

import { openSource } from "../../base/byte-source.ts";
import { type AcsconvError, formatError } from "../../base/errors.ts";
import { builtin } from "../../base/files.ts";
import { withoutEnding } from "../file-names.ts";
import { type ArrayHeader, type NpzArchive, openNpz } from "../../formats/npz.ts";
import { numbersOf } from "../../graph/tensor.ts";
import type { Vec3 } from "../../volume/vec3.ts";
import { type Voxels, plainGrid, withData } from "../../volume/volume.ts";
import { type FileNumbers, voxelsOf } from "../../volume/voxels.ts";
import {
  type ClassificationSet,
  classificationSet,
  type NamedScan,
  SPLITS,
  type SplitName,
} from "./data-set.ts";

const imagesOf = (split: SplitName): string => `${split}_images`;
const labelsOf = (split: SplitName): string => `${split}_labels`;

/** Whether a .npz archive is one of MedMNIST's, by the names of its arrays. */
export const isMedmnist = ({ names }: Pick<NpzArchive, "names">): boolean =>
  SPLITS.some((split) => names.includes(imagesOf(split)) && names.includes(labelsOf(split)));

/**
 * Opens an archive: labels are read, of images only what they are.
 *
 * @throws {@link AcsconvError} `io`; `format` for arrays of other names, shapes or types, or a single class
 */
export async function openMedmnist(path: string): Promise<ClassificationSet> {
  const where = `"${path}"`;
  const archive = await openNpz(await openSource(path));
  if (!isMedmnist(archive))
    throw formatError(
      `${where} should hold train_images and train_labels as MedMNIST's 3D sets do (and val_…, test_…), and holds ${archive.names.join(", ") || "no arrays"}.`,
    );
  const headers = new Map(archive.arrays.map((array) => [array.name, array]));
  const scans = SPLITS.flatMap((split) => {
    const [images, labels] = [headers.get(imagesOf(split)), headers.get(labelsOf(split))];
    if (!images && !labels) return [];
    if (!images || !labels)
      throw formatError(
        `${where} has ${(images ?? labels)!.name} and no ${images ? labelsOf(split) : imagesOf(split)}: a part needs both.`,
      );
    return scansOfPart(path, archive, split, images, labels);
  });
  const name = withoutEnding(builtin("node:path").basename(path));
  // Labels count the classes, also those of which there is no scan.
  const most = scans.reduce((highest, { label }) => Math.max(highest, Number(label)), 0);
  const names = Array.from({ length: most + 1 }, (_, k) => String(k));
  return classificationSet(name, scans, where, names);
}

function scansOfPart(
  path: string,
  archive: NpzArchive,
  split: SplitName,
  images: ArrayHeader,
  labels: ArrayHeader,
): NamedScan[] {
  const shape = shapeOf(images, path);
  const names = labelNames(archive, labels, images, path);
  const grid = plainGrid(shape);
  const length = shape[0] * shape[1] * shape[2];
  let loading: Promise<Voxels> | undefined;
  // From the file anew, so that the packed bytes are not kept beside the images.
  const load = async (): Promise<Voxels> => {
    const tensor = (await openNpz(await openSource(path))).read(images.name);
    return voxelsOf(numbersOf(tensor) as FileNumbers, `${path}:${images.name}`);
  };
  return names.map((label, i) => ({
    name: `${split}/${i}`,
    label,
    split,
    read: async () => {
      const voxels = await (loading ??= load());
      return withData(grid, voxels.slice(i * length, (i + 1) * length));
    },
    grid: async () => grid,
  }));
}

/** [D, H, W] of the scans in an array [N, D, H, W]. */
function shapeOf(images: ArrayHeader, path: string): Vec3 {
  const { dtype, dims } = images;
  const wrong = (why: string): AcsconvError =>
    formatError(
      `"${path}": ${images.name} should be [N, D, H, W] numbers, a scan for each N, and is ${described(images)}${why}.`,
    );
  if (!dtype || dtype.startsWith("complex")) throw wrong("");
  if (dims.length === 3) throw wrong(": a set of 2D images, and these are networks of volumes");
  if (dims.length !== 4) throw wrong("");
  const [count, ...shape] = dims as [number, number, number, number];
  // [N, 28, 28, 3] would pass for scans of three columns.
  if (shape[2] <= 4 && shape[0] > 4 && shape[1] > 4)
    throw wrong(": a set of 2D images in colour, and these are networks of volumes");
  if (count === 0 || shape.includes(0)) throw wrong(", which is empty");
  return shape;
}

/** Larger numbers count no classes. */
const MAX_LABEL = 65535;

/** The labels [N, 1], or [N], as names. */
function labelNames(
  archive: NpzArchive,
  labels: ArrayHeader,
  { name: images, dims: [count] }: ArrayHeader,
  path: string,
): readonly string[] {
  const { dtype, dims } = labels;
  const wrong = (why: string): AcsconvError =>
    formatError(
      `"${path}": ${labels.name} should be [N, 1] whole numbers, a class for each scan, and is ${described(labels)}${why}.`,
    );
  const isInteger = dtype !== undefined && /^(u?int|bool)/.test(dtype);
  if (dims.length === 2 && dims[1]! > 1)
    throw wrong(": several labels for each scan are no classes to choose from");
  if (!isInteger) throw wrong(": numbers to regress are no classes");
  if (dims.length === 0 || dims.length > 2) throw wrong("");
  if (dims[0] !== count) throw wrong(`, where ${images} has ${count} scans`);
  const numbers = numbersOf(archive.read(labels.name));
  const odd = numbers.find((label) => !(label >= 0 && label <= MAX_LABEL));
  if (odd !== undefined) throw wrong(`, of which one is ${odd}`);
  return Array.from(numbers, String);
}

const described = ({ dtype, dims }: ArrayHeader): string => `${dtype ?? "no numbers"} [${dims.join(", ")}]`;
