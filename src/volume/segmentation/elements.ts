/** @file Values of DICOM elements: texts, times and identifiers as the standard writes them. */

/** Elements by their standard names; sequences are lists of such. */
export type Elements = { readonly [name: string]: unknown };

/** The type of most text in DICOM, `LO`, holds so many characters. */
const MAX_TEXT = 64;

/** One line of a length that fits; a backslash would begin another value. */
export const textOf = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  [...text.replaceAll(/[\\\u0000-\u001f\u007f]/g, " ").trim()].slice(0, MAX_TEXT).join("");

const digits = (...numbers: readonly number[]): string =>
  numbers.map((number) => String(number).padStart(2, "0")).join("");

export const dateOf = (now: Date): string => digits(now.getFullYear(), now.getMonth() + 1, now.getDate());
export const timeOf = (now: Date): string => digits(now.getHours(), now.getMinutes(), now.getSeconds());

/** A UID that is a random UUID, as the standard allows for anybody: 2.25. and its number. */
export function newUid(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return `2.25.${bytes.reduce((number, byte) => number * 256n + BigInt(byte), 0n)}`;
}
