/**
 * @file Label files, DICOM segmentations among them. A segmentation numbers its segments 1, 2, 3 … because the standard
 * wants that, whatever the labels of a data set are; its names say which class each is. Where they do not, numbers count.
 */

import { builtin, isFolder } from "../base/files.ts";
import { printable } from "../base/printable.ts";
import { type ReadSegment, isSegmentation, readSegmentation } from "../volume/segmentation/read.ts";
import { canReadVolume, readVolume } from "../volume/read.ts";
import { allocate } from "../base/memory.ts";
import { type Grid, type Volume, withData } from "../volume/volume.ts";
import type { LabelTable } from "./labels.ts";

interface LabelOptions {
  readonly onWarning: (sentence: string) => void;
  /** Of NumPy archives. */
  readonly array?: string | undefined;
  /** Of the image. */
  readonly image: string;
}

/**
 * Reads a label file; a segmentation as labels on its image's grid.
 *
 * @param grid - of the image
 * @throws {@link AcsconvError} as {@link readVolume} and {@link readSegmentation}
 */
export async function readLabel(
  path: string,
  grid: Grid,
  classes: LabelTable,
  { onWarning, array, image }: LabelOptions,
): Promise<Volume> {
  const file = await segmentationAt(path);
  if (file === undefined) return readVolume(path, { onWarning, array });
  const { segments, ...labels } = await readSegmentation(file, grid, { onWarning, images: image });
  const values = valuesByName(segments, classes);
  if (values) {
    tellNames(segments, values, classes, path, onWarning);
    return renumbered(labels, values);
  }
  warnOfNames(segments, classes, path, onWarning);
  return labels;
}

function renumbered(labels: Volume, values: ReadonlyMap<number, number>): Volume {
  if ([...values].every(([number, value]) => number === value)) return labels;
  const { length } = labels.data;
  // Labels of data sets have at most 16 bits.
  const data = allocate(() => new Uint16Array(length), 2 * length);
  labels.data.forEach((number, i) => (data[i] = values.get(number) ?? number));
  return withData(labels, data);
}

/** The segmentation that a path leads to, by its content; archives keep each in a folder of its own. */
async function segmentationAt(path: string): Promise<string | undefined> {
  let file = path;
  if (await isFolder(path)) {
    const names = await builtin("node:fs/promises").readdir(path);
    if (names.length !== 1) return undefined;
    file = builtin("node:path").join(path, names[0]!);
    if (await isFolder(file)) return undefined;
  }
  return !canReadVolume(file) && (await isSegmentation(file)) ? file : undefined;
}

/** `Left_Kidney` is `left kidney`. */
const plain = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, " ")
    .trim();

/** The label of each segment's class, if the names of all segments are those of classes. */
function valuesByName(
  segments: readonly ReadSegment[],
  { names, values }: LabelTable,
): ReadonlyMap<number, number> | undefined {
  const classOf = new Map(names.map((name, k) => [plain(name), values[k]![0]!]));
  const found = segments.map(({ number, label }) => [number, classOf.get(plain(label))] as const);
  const isEach = found.every(([, value]) => value !== undefined);
  const isOwn = new Set(found.map(([, value]) => value)).size === segments.length;
  return isEach && isOwn ? new Map(found as readonly (readonly [number, number])[]) : undefined;
}

/** Numbers that are the labels of other classes than the names say: names have won. */
function tellNames(
  segments: readonly ReadSegment[],
  taken: ReadonlyMap<number, number>,
  { names, values }: LabelTable,
  path: string,
  onWarning: (sentence: string) => void,
): void {
  const others = segments.flatMap(({ number, label }) => {
    const value = taken.get(number)!;
    const k = values.findIndex((own) => own.includes(number));
    const isOther = k >= 0 && !values[k]!.includes(value);
    return isOther
      ? [
          `segment ${number} "${printable(label)}" is label ${value}, though ${number} is "${names[k]!}" there`,
        ]
      : [];
  });
  if (others.length > 0)
    onWarning(
      `"${path}" numbers segments otherwise than the data set does, and they are taken by name: ${others.join("; ")}.`,
    );
}

/** `Segment_1`, `label 1`, `s1`, or none: a number, but no name. */
const NO_NAME = /^(s|seg|segment|label|class|roi)?\s*\d*$/;

function warnOfNames(
  segments: readonly ReadSegment[],
  { names, values }: LabelTable,
  path: string,
  onWarning: (sentence: string) => void,
): void {
  const others = segments.flatMap(({ number, label }) => {
    const k = values.findIndex((own) => own.includes(number));
    return k < 0 || NO_NAME.test(plain(label)) || plain(label) === plain(names[k]!)
      ? []
      : [`${number} "${printable(label)}", which is "${names[k]!}" there`];
  });
  if (others.length > 0)
    onWarning(
      `"${path}" names segments otherwise than the data set does, whose labels are taken by number: ${others.join("; ")}.`,
    );
}
