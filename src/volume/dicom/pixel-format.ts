/**
 * @file How pixels are stored, and what their bits mean. Decoders give back the bits that a pixel has in its file, whatever
 * they are; of these, some are a number, with a sign or without, and others are overlays of old scanners.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part05/chapter_8.html
 */

import { printable } from "../../base/printable.ts";
import { SYNTAX_KINDS } from "./syntaxes.ts";
import type { Tags } from "./tags.ts";

export interface PixelFormat {
  readonly element: "PixelData" | "FloatPixelData" | "DoubleFloatPixelData";
  /** Side by side in a pixel: 1, or 3 in colour. */
  readonly samples: number;
  /** PhotometricInterpretation: MONOCHROME2, RGB … Numbers of MONOCHROME1 are not turned round: they are the same. */
  readonly colours: string;
  /** All numbers of one sample stand together, then those of the next. */
  readonly planar: boolean;
  /** Bits that a number takes. */
  readonly allocated: number;
  /** Bits that it has, of which this is the highest, from 0 on. */
  readonly stored: number;
  readonly highBit: number;
  readonly signed: boolean;
}

/** Which element of a file that has pixels holds them. */
export const pixelElementOf = (tags: Tags): PixelFormat["element"] =>
  (["FloatPixelData", "DoubleFloatPixelData"] as const).find((tag) => tags.has(tag)) ?? "PixelData";

export function pixelFormatOf(tags: Tags): PixelFormat {
  const element = pixelElementOf(tags);
  const allocated =
    element === "PixelData" ? (tags.short("BitsAllocated") ?? 16) : element === "FloatPixelData" ? 32 : 64;
  const stored = tags.short("BitsStored") ?? allocated;
  return {
    element,
    samples: tags.short("SamplesPerPixel") ?? 1,
    colours: tags.text("PhotometricInterpretation"),
    planar: tags.short("PlanarConfiguration") === 1,
    allocated,
    stored,
    highBit: tags.short("HighBit") ?? stored - 1,
    signed: tags.short("PixelRepresentation") === 1,
  };
}

const TYPES = {
  unsigned: { 8: Uint8Array, 16: Uint16Array, 32: Uint32Array },
  signed: { 8: Int8Array, 16: Int16Array, 32: Int32Array },
  float: { 32: Float32Array, 64: Float64Array },
} as const;

export type PixelNumbers =
  Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** The numbers among the bits of decoded pixels, which they replace in memory: without overlays, and with their sign. */
export function numbersOf(
  { element, allocated, stored, highBit, signed }: PixelFormat,
  { buffer, byteOffset }: Uint8Array<ArrayBuffer>,
  start: number,
  length: number,
): PixelNumbers {
  const types: Readonly<
    Record<number, new (buffer: ArrayBuffer, at: number, length: number) => PixelNumbers>
  > = TYPES[element !== "PixelData" ? "float" : signed ? "signed" : "unsigned"];
  const numbers = new types[allocated]!(buffer, byteOffset + start, length);
  if (element !== "PixelData" || stored === allocated) return numbers;
  const [up, down] = [31 - highBit, 32 - stored];
  for (let i = 0; i < length; i++)
    numbers[i] = signed ? (numbers[i]! << up) >> down : (numbers[i]! << up) >>> down;
  return numbers;
}

/** A file, as far as its pixels are concerned. */
interface Encoded {
  readonly format: PixelFormat;
  readonly transferSyntax: string;
}

/** What is wrong with the pixels of an image, if anything is: the end of a sentence of which the image is the subject. */
export function formatFault({ format, transferSyntax }: Encoded): string | undefined {
  const { element, samples, colours, allocated, stored, highBit } = format;
  const kind = SYNTAX_KINDS[transferSyntax];
  if (!kind)
    return `has its pixels in transfer syntax ${printable(transferSyntax)}, which is not decoded: convert it to an uncompressed one, by dcmdjpeg or gdcmconv --raw`;
  if (samples !== 1 && samples !== 3) return `has ${samples} samples per pixel, where 1 or 3 are read`;
  if (element !== "PixelData")
    return samples === 1 && kind === "raw" ? undefined : "has floats that are compressed, or colours";
  if (![8, 16, 32].includes(allocated) || (samples === 3 && allocated !== 8))
    return `has ${samples === 3 ? "colours of " : ""}${allocated} bits per number (BitsAllocated, 0028,0100), where ${samples === 3 ? "8" : "8, 16 or 32"} are read`;
  if (stored < 1 || highBit < stored - 1 || highBit >= allocated)
    return `is damaged: its numbers are said to have ${stored} bits up to bit ${highBit} (BitsStored, HighBit), of ${allocated}`;
  if (kind === "raw" && /42[02]/.test(colours))
    return `has colours of half the resolution (${printable(colours)}, 0028,0004), which are only read compressed`;
  return undefined;
}
