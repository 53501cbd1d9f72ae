/** @file Transfer syntaxes: how the pixels of a file are encoded. */

export const IMPLICIT_LITTLE = "1.2.840.10008.1.2";
export const EXPLICIT_LITTLE = "1.2.840.10008.1.2.1";
export const EXPLICIT_BIG = "1.2.840.10008.1.2.2";
export const DEFLATED = "1.2.840.10008.1.2.1.99";

/** Syntaxes in which pixels stand as they are. */
export const UNCOMPRESSED = [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG];

export type SyntaxKind = "raw" | "RLE" | "JPEG" | "JPEG-LS" | "JPEG 2000";

/** Those that are decoded, each with the codec of its pixels. */
export const SYNTAX_KINDS: Readonly<Record<string, SyntaxKind | undefined>> = {
  ...Object.fromEntries([...UNCOMPRESSED, DEFLATED].map((syntax) => [syntax, "raw" as const])),
  "1.2.840.10008.1.2.5": "RLE",
  ...Object.fromEntries([50, 51, 57, 70].map((last) => [`1.2.840.10008.1.2.4.${last}`, "JPEG" as const])),
  ...Object.fromEntries([80, 81].map((last) => [`1.2.840.10008.1.2.4.${last}`, "JPEG-LS" as const])),
  ...Object.fromEntries([90, 91].map((last) => [`1.2.840.10008.1.2.4.${last}`, "JPEG 2000" as const])),
};
