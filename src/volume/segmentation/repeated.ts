/**
 * @file What a segmentation repeats of its images: of which patient and study they are, in which frame of reference, and whether a
 * codec has changed them.
 * Headers from the field hold what the standard does not allow; that is brought into its form, or left out and told.
 */

import type { ElementSet } from "../dicom/element-set.ts";
import { formatError } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import type { DicomFile } from "../dicom/headers.ts";
import { parseHeader } from "../dicom/parse.ts";
import { keyOf } from "../dicom/tags.ts";
import { characterSets, textIn } from "./characters.ts";
import type { Elements } from "./elements.ts";
import { checkUid } from "./uid.ts";

/** Messages show so much of a value. */
const MAX_SHOWN = 80;

export interface Repeated {
  readonly copied: Elements;
  readonly frameOfReference: string | undefined;
}

/** What values of a type may be, after what old software writes instead was brought into form. */
interface Type {
  /** Written in the data set's own character set; the others in ASCII, whatever that is. */
  readonly isText?: true;
  form?(text: string): string;
  accepts(text: string): boolean;
}

const matching =
  (pattern: RegExp): Type["accepts"] =>
  (text) =>
    pattern.test(text);

/** A year, a month and a day that there are. */
function isDate(text: string): boolean {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)$/.exec(text) ?? [];
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day);
}

const TYPES = {
  AS: { accepts: matching(/^\d{3}[DWMY]$/) },
  CS: { form: (text) => text.toUpperCase(), accepts: matching(/^[A-Z0-9_ ]{1,16}$/) },
  // 1970.01.02, as before 1993, or 1970-01-02; 02.01.1970 may be of January or of February
  DA: { form: (text) => text.replace(/^(\d{4})([.-])(\d\d)\2(\d\d)$/, "$1$3$4"), accepts: isDate },
  DS: { accepts: matching(/^(?=.{1,16}$)[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i) },
  LO: { isText: true, accepts: matching(/^\P{Cc}{1,64}$/u) },
  // Up to three writings of a name, each of up to five parts.
  PN: {
    isText: true,
    accepts: (text) =>
      !/\p{Cc}/u.test(text) &&
      text.split("=").length <= 3 &&
      text.split("=").every((group) => group.length <= 64 && group.split("^").length <= 5),
  },
  SH: { isText: true, accepts: matching(/^\P{Cc}{1,16}$/u) },
  TM: {
    form: (text) => text.replace(/^(\d\d):(\d\d)(?::(\d\d.*))?$/, "$1$2$3"),
    accepts: matching(/^([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?|60)?)?$/),
  },
} as const satisfies Readonly<Record<string, Type>>;

/** An element of the header. */
interface Repeat {
  readonly key: string;
  readonly type: keyof typeof TYPES;
  /** Has to be there, even without a value. */
  readonly empty?: true;
  /** May have several values. */
  readonly many?: true;
  /** The only values that there are. */
  readonly among?: readonly string[];
}

/** Elements by their standard names. */
const COPIED: Readonly<Record<string, Repeat>> = {
  StudyDate: { key: "x00080020", type: "DA", empty: true },
  StudyTime: { key: "x00080030", type: "TM", empty: true },
  AccessionNumber: { key: "x00080050", type: "SH", empty: true },
  ReferringPhysicianName: { key: "x00080090", type: "PN", empty: true },
  StudyDescription: { key: "x00081030", type: "LO" },
  PatientName: { key: "x00100010", type: "PN", empty: true },
  PatientID: { key: "x00100020", type: "LO", empty: true },
  IssuerOfPatientID: { key: "x00100021", type: "LO" },
  PatientBirthDate: { key: "x00100030", type: "DA", empty: true },
  PatientSex: { key: "x00100040", type: "CS", empty: true, among: ["M", "F", "O"] },
  PatientAge: { key: "x00101010", type: "AS" },
  PatientSize: { key: "x00101020", type: "DS" },
  PatientWeight: { key: "x00101030", type: "DS" },
  PatientIdentityRemoved: { key: "x00120062", type: "CS", among: ["YES", "NO"] },
  DeidentificationMethod: { key: "x00120063", type: "LO", many: true },
  StudyID: { key: "x00200010", type: "SH", empty: true },
  LossyImageCompression: { key: "x00282110", type: "CS", among: ["00", "01"] },
  LossyImageCompressionRatio: { key: "x00282112", type: "DS", many: true },
  LossyImageCompressionMethod: { key: "x00282114", type: "CS", many: true },
  PositionReferenceIndicator: { key: "x00201040", type: "LO", empty: true },
};

/**
 * @param name - the series, for messages
 * @throws {@link AcsconvError} `format` if the study or the frame of reference has an identifier that is none
 */
export async function repeatedOf(
  file: DicomFile,
  name: string,
  onWarning: (sentence: string) => void,
): Promise<Repeated> {
  const { set } = (await parseHeader(file.source))!;
  const copied: Record<string, unknown> = {};
  for (const [keyword, repeat] of Object.entries(COPIED)) {
    const { empty, many } = repeat;
    const found = valuesOf(set, repeat);
    if (typeof found === "string")
      onWarning(`${name} has a value of ${keyword} that is ${found}: the segmentation goes without it.`);
    else if (found) copied[keyword] = many ? found : found[0];
    if (empty) copied[keyword] ??= null;
  }
  const [study, frameOfReference] = (["StudyInstanceUID", "FrameOfReferenceUID"] as const).map((tag) => {
    const uid = textIn(set, keyOf(tag), []);
    if (uid !== "") checkUid(file.source.name, tag, uid ?? "");
    return uid;
  });
  if (!study) throw formatError(`${name} has no StudyInstanceUID, to which a segmentation belongs.`);
  // By the standard, whoever removed the identity says how.
  if (copied["DeidentificationMethod"] === undefined) delete copied["PatientIdentityRemoved"];
  return { copied: { ...copied, StudyInstanceUID: study }, frameOfReference: frameOfReference || undefined };
}

/** An element's values in form, undefined if it has none; or in words what is wrong with them. */
function valuesOf(
  set: ElementSet,
  { key, type: typeName, many, among }: Repeat,
): readonly string[] | string | undefined {
  const type: Type = TYPES[typeName];
  const sets = characterSets(set);
  const text = textIn(set, key, type.isText ? sets : []);
  if (text === undefined)
    return `no text in its character set, ${printable(sets.join(" ")) || "of which it names none"}`;
  if (text === "") return undefined;
  const values = text.split("\\").map((value) => type.form?.(value.trim()) ?? value.trim());
  const isSound =
    (many || values.length === 1) &&
    values.every((value) => value === "" || (type.accepts(value) && (among?.includes(value) ?? true)));
  return isSound ? values : `against the standard, "${printable(text.slice(0, MAX_SHOWN))}"`;
}
