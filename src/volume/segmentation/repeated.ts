/**
 * @file What a segmentation repeats of its images: of which patient and study they are, in which frame of reference, and whether a
 * codec has changed them.
 * Headers from the field hold what the standard does not allow; that is brought into its form, or left out and told.
 */

import { formatError } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import type { DicomFile } from "../dicom/headers.ts";
import { parseHeader } from "../dicom/parse.ts";
import { dicomText } from "./characters.ts";
import type { Elements } from "./elements.ts";

export interface Repeated {
  readonly copied: Elements;
  readonly frameOfReference: string | undefined;
}

/** Digits and points, to which we do not hold them strictly: anonymisers write roots that there are not. */
export const isUid = (text: string): boolean => /^[\d.]{1,64}$/.test(text);

/** What values of a type may be, after what old software writes instead was brought into form. */
const TYPES = {
  AS: { form: (text) => text, accepts: /^\d{3}[DWMY]$/ },
  CS: { form: (text) => text.toUpperCase(), accepts: /^[A-Z0-9_ ]{1,16}$/ },
  // 1970.01.02, as before 1993
  DA: { form: (text) => text.replaceAll(/[.-]/g, ""), accepts: /^\d{8}$/ },
  DS: { form: (text) => text, accepts: /^(?=.{1,16}$)[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i },
  LO: { form: (text) => text, accepts: /^[^]{1,64}$/u },
  PN: { form: (text) => text, accepts: /^[^=]{0,64}(=[^=]{0,64}){0,2}$/u },
  SH: { form: (text) => text, accepts: /^[^]{1,16}$/u },
  TM: { form: (text) => text.replaceAll(":", ""), accepts: /^\d\d([0-5]\d([0-6]\d(\.\d{1,6})?)?)?$/ },
  UI: { form: (text) => text, accepts: /^[\d.]{1,64}$/ },
} as const satisfies Readonly<Record<string, { form: (text: string) => string; accepts: RegExp }>>;

/** Elements by their names, with their types. Those marked `empty` have to be there, even so. */
const COPIED: Readonly<
  Record<string, { readonly key: string; readonly type: keyof typeof TYPES; readonly empty?: true }>
> = {
  StudyDate: { key: "x00080020", type: "DA", empty: true },
  StudyTime: { key: "x00080030", type: "TM", empty: true },
  AccessionNumber: { key: "x00080050", type: "SH", empty: true },
  ReferringPhysicianName: { key: "x00080090", type: "PN", empty: true },
  StudyDescription: { key: "x00081030", type: "LO" },
  PatientName: { key: "x00100010", type: "PN", empty: true },
  PatientID: { key: "x00100020", type: "LO", empty: true },
  IssuerOfPatientID: { key: "x00100021", type: "LO" },
  PatientBirthDate: { key: "x00100030", type: "DA", empty: true },
  PatientSex: { key: "x00100040", type: "CS", empty: true },
  PatientAge: { key: "x00101010", type: "AS" },
  PatientSize: { key: "x00101020", type: "DS" },
  PatientWeight: { key: "x00101030", type: "DS" },
  PatientIdentityRemoved: { key: "x00120062", type: "CS" },
  DeidentificationMethod: { key: "x00120063", type: "LO" },
  StudyInstanceUID: { key: "x0020000d", type: "UI" },
  StudyID: { key: "x00200010", type: "SH", empty: true },
  FrameOfReferenceUID: { key: "x00200052", type: "UI" },
  LossyImageCompression: { key: "x00282110", type: "CS" },
  LossyImageCompressionRatio: { key: "x00282112", type: "DS" },
  LossyImageCompressionMethod: { key: "x00282114", type: "CS" },
  PositionReferenceIndicator: { key: "x00201040", type: "LO", empty: true },
};

/** @param name - the series, for messages */
export async function repeatedOf(
  file: DicomFile,
  name: string,
  onWarning: (sentence: string) => void,
): Promise<Repeated> {
  const { set } = (await parseHeader(file.source))!;
  const sets = (set.string("x00080005") ?? "").split("\\").map((one) => one.trim());
  const copied: Record<string, unknown> = {};
  for (const [keyword, { key, type, empty }] of Object.entries(COPIED)) {
    const element = set.elements[key];
    const bytes = element && set.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
    const text = bytes && dicomText(bytes, sets)?.replaceAll("\0", "").trim();
    const values = text?.split("\\").map((value) => TYPES[type].form(value.trim())) ?? [];
    const isSound = values.every((value) => value === "" || TYPES[type].accepts.test(value));
    if (bytes && (text === undefined || !isSound))
      onWarning(
        `${name} has a ${keyword} that is ${text === undefined ? `no text in its character set, ${sets.join(" ") || "of which it names none"}` : `against the standard, "${printable(text.slice(0, 80))}"`}: the segmentation goes without it.`,
      );
    if (text && isSound) copied[keyword] = values.length > 1 ? values : values[0];
    else if (empty) copied[keyword] = null;
  }
  // By the standard, whoever removed the identity says how.
  if (copied["DeidentificationMethod"] === undefined) delete copied["PatientIdentityRemoved"];
  const { FrameOfReferenceUID: frameOfReference, ...rest } = copied;
  if (!rest["StudyInstanceUID"])
    throw formatError(`${name} has no StudyInstanceUID, to which a segmentation belongs.`);
  return { copied: rest, frameOfReference: frameOfReference as string | undefined };
}
