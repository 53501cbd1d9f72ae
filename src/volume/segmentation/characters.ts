/**
 * @file Text of DICOM headers: bytes in one of the standard's many character sets, as a string.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.12.html#sect_C.12.1.1.2
 */

import type { ElementSet } from "../dicom/element-set.ts";

/** The web's names of the standard's sets, by the number of the ISO registry or by their own name. */
const DECODERS: Readonly<Record<string, string>> = {
  "6": "iso-8859-1",
  "13": "shift_jis",
  "58": "gbk",
  "87": "iso-2022-jp",
  "100": "iso-8859-1",
  "101": "iso-8859-2",
  "109": "iso-8859-3",
  "110": "iso-8859-4",
  "126": "iso-8859-7",
  "127": "iso-8859-6",
  "138": "iso-8859-8",
  "144": "iso-8859-5",
  "148": "iso-8859-9",
  "149": "euc-kr",
  "159": "iso-2022-jp",
  "166": "windows-874",
  "192": "utf-8",
  "203": "iso-8859-15",
  GB18030: "gb18030",
  GBK: "gbk",
};

/** The values of SpecificCharacterSet: of what a data set's texts are made. */
export const characterSets = (set: ElementSet): readonly string[] =>
  (set.string("x00080005") ?? "").split("\\").map((one) => one.replaceAll("\0", "").trim());

/**
 * The text of an element, without its padding; empty if it is absent.
 *
 * @param key - as dicom-parser names it
 * @param sets - of the data set, for texts by people; none for what is ASCII whatever the set, such as UIDs
 * @returns undefined if the bytes are no text in these sets
 */
export function textIn(set: ElementSet, key: string, sets: readonly string[]): string | undefined {
  const element = set.elements[key];
  if (!element) return "";
  const bytes = set.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  return dicomText(bytes.subarray(0, end), sets)?.replaceAll("\0", "").trim();
}

const ESCAPE = "\u001b";

/**
 * @param sets - the values of SpecificCharacterSet
 * @returns undefined if the bytes are no text in these sets
 */
export function dicomText(bytes: Uint8Array, sets: readonly string[]): string | undefined {
  const names = sets.map((set) => DECODERS[set.replace(/^ISO(_| 2022 )IR /, "")]);
  const ascii = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const isAscii = /^[\t\n\f\r -~]*$/.test(ascii);
  if (isAscii) return ascii;
  const escapes = ascii.split(ESCAPE).slice(1);
  // Korean and Chinese are announced once, and then told by their high bits; Japanese is switched to and fro.
  const announced = escapes.every((text) => /^\$\)[AC]/.test(text));
  const wanted =
    escapes.length === 0
      ? (names[0] ?? (sets[0] ? undefined : "iso-8859-1"))
      : announced
        ? names.find((name) => name === "euc-kr" || name === "gbk")
        : names.find((name) => name === "iso-2022-jp");
  if (wanted === undefined) return undefined;
  const plain = announced ? ascii.split(ESCAPE)[0]! + escapes.map((part) => part.slice(3)).join("") : ascii;
  const text = new TextDecoder(wanted).decode(Uint8Array.from(plain, (letter) => letter.charCodeAt(0)));
  return text.includes("\ufffd") ? undefined : text;
}
