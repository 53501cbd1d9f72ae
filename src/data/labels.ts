/**
 * @file From the numbers in a label file to the classes of a network, which
 * are counted from 0. Files may leave gaps: 0, 4, 5, 6 become 0, 1, 2, 3.
 */

import { AcsconvError, formatError } from "../base/errors.ts";
import { allocate } from "../base/memory.ts";
import { type Volume, withData } from "../volume/volume.ts";

/** The class of voxels that nobody has labelled; losses and metrics leave them out. */
export const IGNORED = 255;

/** More would not fit into a byte beside {@link IGNORED}. */
const MAX_CLASSES = 255;
/** Values are looked up in a table; 16 bits hold those of every published label map. */
const MAX_VALUE = 65535;

/** What label files hold. The class of each of `values[k]` is `k`, and its name `names[k]`; class 0 is background. */
export interface LabelTable {
  readonly names: readonly string[];
  readonly values: readonly (readonly number[])[];
  /** The values of voxels that nobody has labelled; they become {@link IGNORED}. */
  readonly ignore?: readonly number[];
}

/** A label map whose voxels are classes (or {@link IGNORED}). */
export type ClassMap = Volume & { readonly data: Uint8Array<ArrayBuffer> };

/** @param entries - name and values of each class, in any order; classes are sorted by their lowest value */
export function labelTable(
  entries: readonly (readonly [name: string, values: readonly number[]])[],
  where: string,
  ignore: readonly number[] = [],
): LabelTable {
  if (entries.length < 2 || entries.length > MAX_CLASSES)
    throw formatError(
      `${where}: expected 2 to ${MAX_CLASSES} classes in "labels", background included, and found ${entries.length}.`,
    );
  const sorted = [...entries].sort(([, a], [, b]) => Math.min(...a) - Math.min(...b));
  const values = sorted.map(([, own]) => own);
  const all = [...values.flat(), ...ignore];
  const wrong = all.find((value) => !Number.isInteger(value) || value < 0 || value > MAX_VALUE);
  if (wrong !== undefined)
    throw formatError(`${where}: labels are whole numbers from 0 to ${MAX_VALUE}, not ${wrong}.`);
  const double = all.find((value, i) => all.indexOf(value) !== i);
  if (double !== undefined)
    throw formatError(
      `${where}: two classes have the label ${double}; give each its own (overlapping regions are not supported).`,
    );
  const names = entries.map(([name]) => name);
  const same = names.find((name, i) => names.indexOf(name) !== i);
  if (same !== undefined)
    throw formatError(
      `${where}: two classes are called ${JSON.stringify(same)}: give each its own name, or, as one class, both labels in a list ("${same}": [1, 2]).`,
    );
  return { names: sorted.map(([name]) => name), values, ...(ignore.length > 0 && { ignore }) };
}

/** @param label - one channel of label values */
export function classesOf(label: Volume, table: LabelTable, where: string): ClassMap {
  const { values, ignore = [] } = table;
  const classOf = new Int16Array(Math.max(...values.flat(), ...ignore) + 1).fill(-1);
  values.forEach((own, k) => own.forEach((value) => (classOf[value] = k)));
  for (const value of ignore) classOf[value] = IGNORED;
  const { data } = label;
  const result = allocate(() => new Uint8Array(data.length), data.length);
  for (let i = 0; i < data.length; i++) {
    const k = classOf[data[i]!] ?? -1; // what is no whole number, or too large, is not in the table
    if (k < 0) throw unknownLabel(data, i, table, where);
    result[i] = k;
  }
  return { ...withData(label, result), data: result };
}

function unknownLabel(data: Volume["data"], at: number, table: LabelTable, where: string): AcsconvError {
  const value = data[at]!;
  let count = 0;
  for (const other of data) if (Object.is(other, value)) count++;
  const classes = table.values.map((own, k) => `${own.join(", ")} (${table.names[k]})`).join(", ");
  return formatError(
    `${where} has the label ${value} in ${count === 1 ? "one voxel" : `${count} voxels`}, but the classes are ${classes}: add it to "labels" in dataset.json or correct the file.`,
  );
}
