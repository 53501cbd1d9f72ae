/**
 * @file Scans with one class each: what every layout of such data sets becomes, whether it is a folder for each class
 * (`folders.ts`), a table of files and labels (`table.ts`) or an archive of MedMNIST (`medmnist.ts`).
 */

import { formatError, inputError, type AcsconvError } from "../../base/errors.ts";
import { plainName } from "../../base/names.ts";
import type { Grid, Volume } from "../../volume/volume.ts";
import type { LabelTable } from "../labels.ts";

/** The parts that a data set may come in. */
export const SPLITS = ["train", "val", "test"] as const;
/** One of {@link SPLITS}: to train on, to validate on, to test with. */
export type SplitName = (typeof SPLITS)[number];

/** Other names that people give them. */
const SYNONYMS: Readonly<Record<string, SplitName>> = {
  train: "train",
  training: "train",
  val: "val",
  valid: "val",
  validation: "val",
  validate: "val",
  dev: "val",
  test: "test",
  testing: "test",
};

/** The part that a name stands for, however it is written. */
export const splitNamed = (name: string): SplitName | undefined => {
  const plain = name.trim().toLowerCase();
  return Object.hasOwn(SYNONYMS, plain) ? SYNONYMS[plain] : undefined;
};

/** A scan, and the class of all of it. */
export interface ClassifiedScan {
  /** Unlike that of any other: its path in the folder or the table, or its place in an archive. */
  readonly name: string;
  /** Its class, as a place in the names. */
  readonly label: number;
  /** The part of the data set that it belongs to, where there are parts. */
  readonly split: SplitName | undefined;
  readonly read: (onWarning?: (sentence: string) => void) => Promise<Volume>;
  /** Where its voxels lie, where that is known without reading them. */
  readonly grid: () => Promise<Grid | undefined>;
}

/** A data set of scans with one class each. */
export interface ClassificationSet {
  readonly kind: "classification";
  readonly name: string;
  /** In the order of the data; at least one. */
  readonly cases: readonly ClassifiedScan[];
  readonly channels: undefined;
  /** Names in the order of their numbers; the value of each class is its number. */
  readonly classes: LabelTable;
}

/** A scan before the classes are known: its label is a name. */
export type NamedScan = Omit<ClassifiedScan, "label"> & { readonly label: string };

/** Classes are bytes in targets and predictions; 255 stands for none. */
const MAX_CLASSES = 255;
const MAX_NAME = 256;

/**
 * Numbers the classes: names are sorted, numbers by their value.
 *
 * @param where - the data set, for messages
 * @param all - the names of all classes there may be, where the layout says; by default of those there are
 * @throws {@link AcsconvError} `format` for no scans, too many classes, or names that hardly differ
 */
export function classificationSet(
  name: string,
  scans: readonly NamedScan[],
  where: string,
  all?: readonly string[],
): ClassificationSet {
  const present = [...new Set(scans.map(({ label }) => label))];
  if (present.length === 0)
    throw formatError(`${where} has no labelled scans: a row or a file for each is expected.`);
  const names = all ?? sortedNames(present);
  requireDifferent(names, where);
  if (names.length > MAX_CLASSES || names.some((one) => one.length > MAX_NAME))
    throw formatError(
      `${where} has ${names.length} classes, such as "${names[0]!.slice(0, 40)}": at most ${MAX_CLASSES} with names of up to ${MAX_NAME} letters can be told apart; are these labels numbers to regress?`,
    );
  const numbers = new Map(names.map((one, k) => [one, k]));
  return {
    kind: "classification",
    name,
    cases: scans.map((scan) => ({ ...scan, label: numbers.get(scan.label)! })),
    channels: undefined,
    classes: { names, values: names.map((_, k) => [k]) },
  };
}

/** Names are matched however they are written, so that those of two classes must differ in more. */
function requireDifferent(names: readonly string[], where: string): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const before = seen.get(plainName(name));
    if (before !== undefined)
      throw formatError(
        `${where} has the classes "${before}" and "${name}", which differ only in capitals, blanks or how accents are stored: give one class one name.`,
      );
    seen.set(plainName(name), name);
  }
}

/** The same in every country, and 2 before 10. */
function sortedNames(names: readonly string[]): readonly string[] {
  const areNumbers = names.every((name) => name.trim() !== "" && Number.isFinite(Number(name)));
  return [...names].sort(areNumbers ? (a, b) => Number(a) - Number(b) : (a, b) => (a < b ? -1 : 1));
}

/** The parts that a data set has, in the order of their use; none where it is not divided. */
export const splitsOf = ({ cases }: ClassificationSet): readonly SplitName[] =>
  SPLITS.filter((name) => cases.some(({ split }) => split === name));

/**
 * The scans of one part.
 *
 * @throws {@link AcsconvError} `input` if there is no such part
 */
export function scansOf(data: ClassificationSet, split: SplitName): readonly ClassifiedScan[] {
  const scans = data.cases.filter((scan) => scan.split === split);
  if (scans.length > 0) return scans;
  const there = splitsOf(data);
  throw inputError(
    there.length === 0
      ? `The data set "${data.name}" is not divided into parts, so it has no "${split}": leave the split out.`
      : `The data set "${data.name}" has no scans to ${PURPOSE[split]} ("${split}"), only ${there.map((one) => `"${one}"`).join(" and ")}.`,
  );
}

const PURPOSE = { train: "train on", val: "validate on", test: "test with" } as const;

/**
 * The same scans with their classes numbered as others are, matched by name. There may be fewer.
 *
 * @param names - of the classes, in the order of their numbers
 * @param whose - such as "the network has"
 * @throws {@link AcsconvError} `input` for a class that is not among them
 */
export function withClasses(
  data: ClassificationSet,
  names: readonly string[],
  whose: string,
): ClassificationSet {
  const there = names.map(plainName);
  const numbers = data.classes.names.map((name) => there.indexOf(plainName(name)));
  const unknown = data.classes.names.filter((_, k) => numbers[k] === -1);
  if (unknown.length > 0) throw unknownClasses(data, unknown, names, whose);
  return {
    ...data,
    cases: data.cases.map((scan) => ({ ...scan, label: numbers[scan.label]! })),
    classes: { names, values: names.map((_, k) => [k]) },
  };
}

const unknownClasses = (
  { name, classes }: ClassificationSet,
  unknown: readonly string[],
  names: readonly string[],
  whose: string,
): AcsconvError =>
  inputError(
    `The data set "${name}" has the classes ${classes.names.join(", ")}, and ${whose} ${names.join(", ")}: ${unknown.map((one) => `"${one}"`).join(" and ")} ${unknown.length > 1 ? "are" : "is"} not among them; both need the same names.`,
  );
