/**
 * @file dataset.json, the description that the Medical Segmentation Decathlon and nnU-Net keep beside their scans.
 *
 * | | Decathlon, nnU-Net v1 | nnU-Net v2 |
 * |---|---|---|
 * | classes | `"labels": {"0": "background", "1": "liver"}` | `"labels": {"background": 0, "liver": [1, 2]}` |
 * | channels | `"modality": {"0": "CT"}` | `"channel_names": {"0": "CT"}` |
 * | cases | `"training": [{"image": "…", "label": "…"}]` | by file names, which end in `"file_ending"`, or `"dataset": {"case": {"images": ["…"], "label": "…"}}` |
 *
 * @see https://medicaldecathlon.com
 * @see https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md
 */

import { isObject } from "../base/fields.ts";
import { formatError, messageOf } from "../base/errors.ts";
import { type LabelTable, labelTable } from "./labels.ts";

/** An image and its label, as paths in the file; an image may be a list of files, one for each channel. */
export interface Pair {
  /** Of the case, where the list says. */
  readonly name?: string;
  readonly images: readonly string[];
  readonly label: string;
}

/** What a dataset.json says. */
export interface Description {
  readonly name: string | undefined;
  readonly channels: readonly string[] | undefined;
  readonly classes: LabelTable;
  /** The listed pairs, or how the names of files end. */
  readonly cases: { readonly pairs: readonly Pair[] } | { readonly fileEnding: string };
}

type Json = Readonly<Record<string, unknown>>;

export function parseDescription(text: string, path: string): Description {
  const where = `"${path}"`;
  const json = objectOf(parse(text, where), where);
  const { name, labels, modality, channel_names: channelNames } = json;
  const names = channelNames ?? modality;
  return {
    name: typeof name === "string" && name !== "" ? name : undefined,
    channels: names === undefined ? undefined : channelsOf(names, where),
    classes: classesOf(labels, where),
    cases: casesOf(json, where),
  };
}

/** nnU-Net's converter leaves the Decathlon's list in some files; the names of files are what counts then. */
function casesOf({ dataset, file_ending: fileEnding, training }: Json, where: string): Description["cases"] {
  if (isObject(dataset)) return { pairs: namedPairs(dataset, where) };
  return typeof fileEnding === "string" ? { fileEnding } : { pairs: pairsOf(training, where) };
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw formatError(`${where} is not JSON: ${messageOf(cause)}.`, { cause });
  }
}

function objectOf(value: unknown, what: string): Json {
  if (isObject(value)) return value;
  throw formatError(`${what} should be a JSON object, {"…": …}, and is ${kindOf(value)}.`);
}

const kindOf = (value: unknown): string =>
  value === undefined
    ? "missing"
    : Array.isArray(value)
      ? "a list"
      : value === null
        ? "null"
        : `a ${typeof value}`;

/** `{"0": "T1", "1": "FLAIR"}`, or a list of names. */
function channelsOf(value: unknown, where: string): readonly string[] {
  const names = Array.isArray(value) ? value : Object.values(objectOf(value, `The channels in ${where}`));
  const keys = Object.keys(value as object);
  if (names.length > 0 && keys.every((key, i) => key === String(i))) return names.map(String);
  throw formatError(
    `${where}: channels are numbered from "0" on, and these are ${keys.map((key) => `"${key}"`).join(", ") || "none"}.`,
  );
}

/** The name that nnU-Net reserves for voxels that nobody has labelled. */
const IGNORE = "ignore";

function classesOf(value: unknown, where: string): LabelTable {
  const entries = Object.entries(objectOf(value, `"labels" in ${where}`)).map(([key, other]) => {
    // Decathlon: "1": "liver"; nnU-Net: "liver": 1 (or "1", in early files), or [1, 2], both of them liver.
    const [name, label] = /^\d+$/.test(key) && typeof other === "string" ? [other, key] : [key, other];
    const labels: readonly unknown[] = Array.isArray(label) ? label : [label];
    const numbers = labels.map((one) => (typeof one === "string" && one !== "" ? Number(one) : one));
    const wrong = numbers.findIndex((one) => typeof one !== "number");
    if (wrong >= 0 || numbers.length === 0)
      throw formatError(
        `${where}: the label of "${name}" should be a number, and is ${kindOf(numbers.length === 0 ? [] : numbers[wrong])}.`,
      );
    return [name, numbers as readonly number[]] as const;
  });
  return labelTable(
    entries.filter(([name]) => name !== IGNORE),
    where,
    entries.find(([name]) => name === IGNORE)?.[1],
  );
}

function pairsOf(value: unknown, where: string): readonly Pair[] {
  if (!Array.isArray(value))
    throw formatError(
      `${where} should list "training" pairs of "image" and "label" (Medical Segmentation Decathlon, nnU-Net v1) or have a "file_ending" (nnU-Net v2).`,
    );
  return (value as readonly unknown[]).map((entry, i) => {
    const what = `Entry ${i} of "training" in ${where}`;
    const { image, label } = objectOf(entry, what);
    return (
      pairOf(image, label) ??
      refuse(`${what} should be {"image": "…", "label": "…"} with paths of files`, entry)
    );
  });
}

function namedPairs(dataset: Json, where: string): readonly Pair[] {
  return Object.entries(dataset).map(([name, entry]) => {
    const what = `"${name}" of "dataset" in ${where}`;
    const { images, label } = objectOf(entry, what);
    const pair = pairOf(images, label);
    return pair
      ? { name, ...pair }
      : refuse(`${what} should be {"images": ["…"], "label": "…"} with paths of files`, entry);
  });
}

function pairOf(image: unknown, label: unknown): Pair | undefined {
  const images: readonly unknown[] = Array.isArray(image) ? image : [image];
  const isPath = (path: unknown): path is string => typeof path === "string" && path !== "";
  return images.length > 0 && images.every(isPath) && isPath(label) ? { images, label } : undefined;
}

function refuse(expected: string, found: unknown): never {
  throw formatError(`${expected}, and is ${JSON.stringify(found).slice(0, 200)}.`);
}
