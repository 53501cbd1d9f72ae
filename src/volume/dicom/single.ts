/**
 * @file Images as files of their own that say no more than how to decode their pixels. dcm2niix takes facts from wherever they
 * stand (sequences of other objects, private elements), orders and parts images by its own rules, and takes one slope for
 * many: what headers say we have read, and what it is to decode comes to it in the order of our volumes.
 */

import { concatBytes, swapBytes } from "../../base/bytes.ts";
import { failOf } from "../../formats/foreign.ts";
import { type Parts, compressedImages, ITEM, SEQUENCE_END } from "./codestream.ts";
import { plainBytes } from "./parse.ts";
import type { DicomFile } from "./headers.ts";
import type { PixelFormat } from "./pixel-format.ts";
import { EXPLICIT_BIG, EXPLICIT_LITTLE, SYNTAX_KINDS, type SyntaxKind } from "./syntaxes.ts";
import type { Tag } from "./tags.ts";
import { keyOf } from "./tags.ts";

const MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4";

/**
 * Makes files of the images of a file.
 *
 * @returns the file of an image, by the image's place in the file, and its rank in the volume
 * @throws {@link AcsconvError} `format` if the pixels differ from what the header says of them
 */
export async function openSingles(file: DicomFile): Promise<(index: number, rank: number) => Uint8Array> {
  const bytes = await plainBytes(file);
  if (SYNTAX_KINDS[file.transferSyntax] === "raw") {
    const { samples, allocated } = file.format;
    const length = (file.rows * file.columns * samples * allocated) / 8;
    const pixels = rawPixels(file, bytes, length, allocated);
    return (index, rank) =>
      encode(file, EXPLICIT_LITTLE, rank, [pixels.subarray(index * length, (index + 1) * length)]);
  }
  const images = compressedImages(file, bytes);
  return (index, rank) => encode(file, file.transferSyntax, rank, encapsulated(images[index]!));
}

/** The pixels of all images of a file, little endian. */
function rawPixels(
  { source, frames, pixelOffset, transferSyntax }: DicomFile,
  bytes: Uint8Array,
  imageBytes: number,
  allocated: number,
): Uint8Array {
  const fail = failOf(source.name);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isBig = transferSyntax === EXPLICIT_BIG;
  const held = view.getUint32(pixelOffset - 4, !isBig);
  if (held === UNDEFINED_LENGTH)
    fail(`is damaged: its pixels lie in fragments, as none do in its transfer syntax ${transferSyntax}`);
  const needed = frames.length * imageBytes;
  // What follows the pixels is none of them.
  const there = Math.min(held, bytes.length - pixelOffset);
  if (there < needed) fail(`is truncated: it holds ${there} bytes of pixels, not ${needed}`);
  if (!isBig) return bytes.subarray(pixelOffset, pixelOffset + needed);
  // Numbers of 8 bits stand in pairs where the element's are of 16; the last of an odd number lies behind its filler.
  const isWords = String.fromCharCode(...bytes.subarray(pixelOffset - 8, pixelOffset - 6)) === "OW";
  const size = Math.max(allocated / 8, isWords ? 2 : 1);
  const pixels = bytes.slice(pixelOffset, pixelOffset + Math.ceil(needed / size) * size);
  swapBytes(pixels, size);
  return pixels;
}

const UNDEFINED_LENGTH = 0xffffffff;

function encode(
  { format, rows, columns }: DicomFile,
  syntax: string,
  rank: number,
  pixels: Parts,
): Uint8Array {
  const text = (tag: Tag, vr: string, ...values: readonly (string | number)[]): Uint8Array =>
    encodeElement(tag, vr, ascii(values.map(String).join("\\")));
  const short = (tag: Tag, value: number): Uint8Array =>
    encodeElement(tag, "US", Uint8Array.of(value & 0xff, value >> 8));
  const kind = SYNTAX_KINDS[syntax]!;
  const isRaw = kind === "raw";
  const meta = text("TransferSyntaxUID", "UI", syntax);
  return concatBytes([
    new Uint8Array(128),
    ascii("DICM"),
    encodeElement("FileMetaInformationGroupLength", "UL", Uint8Array.of(meta.length, 0, 0, 0)),
    meta,
    text("SOPClassUID", "UI", MR_IMAGE),
    text("SOPInstanceUID", "UI", `1.${rank + 1}`),
    text("Modality", "CS", "MR"),
    text("SeriesInstanceUID", "UI", "1.1"),
    text("SeriesNumber", "IS", 1),
    text("InstanceNumber", "IS", rank + 1),
    text("ImagePositionPatient", "DS", 0, 0, rank),
    text("ImageOrientationPatient", "DS", 1, 0, 0, 0, 1, 0),
    short("SamplesPerPixel", format.samples),
    text("PhotometricInterpretation", "CS", coloursOf(format, kind)),
    // RLE has planes whatever its header says, and so has the decoder's result.
    short("PlanarConfiguration", format.planar && isRaw ? 1 : 0),
    short("Rows", rows),
    short("Columns", columns),
    text("PixelSpacing", "DS", 1, 1),
    // All bits, and no sign: what they mean we know.
    short("BitsAllocated", format.allocated),
    short("BitsStored", format.allocated),
    short("HighBit", format.allocated - 1),
    short("PixelRepresentation", 0),
    ...(isRaw
      ? [encodeElement(format.element, RAW_TYPES[format.element], pixels[0])]
      : [encodeElement("PixelData", "OB", undefined), ...pixels]),
  ]);
}

const RAW_TYPES = { PixelData: "OW", FloatPixelData: "OF", DoubleFloatPixelData: "OD" } as const;

/** Colours that are stored as they are stay so; what decoders make of compressed ones, these say. */
const coloursOf = ({ samples, colours }: PixelFormat, kind: SyntaxKind): string =>
  samples === 1 ? "MONOCHROME2" : kind === "raw" || kind === "RLE" ? "RGB" : colours;

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** An element in explicit little endian; without value, one of undefined length. */
function encodeElement(tag: Tag, vr: string, value: Uint8Array | undefined): Uint8Array {
  const key = keyOf(tag);
  const long = vr.startsWith("O");
  const size = value ? value.length + (value.length % 2) : 0;
  const bytes = new Uint8Array((long ? 12 : 8) + size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Number.parseInt(key.slice(1, 5), 16), true);
  view.setUint16(2, Number.parseInt(key.slice(5), 16), true);
  bytes.set(ascii(vr), 4);
  if (long) view.setUint32(8, value ? size : 0xffffffff, true);
  else view.setUint16(6, size, true);
  // Texts are filled up with a space, UIDs with a zero.
  if (value && vr !== "UI") bytes.fill(0x20, bytes.length - size);
  if (value) bytes.set(value, bytes.length - size);
  return bytes;
}

/** A compressed image as a file has it: an empty table of offsets, an item, and the end of the sequence. */
function encapsulated(image: Parts): Parts {
  const item = (tag: number, size: number): Uint8Array => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(0, tag, true);
    new DataView(bytes.buffer).setUint32(4, size, true);
    return bytes;
  };
  const size = image.reduce((sum, part) => sum + part.length, 0);
  return [item(ITEM, 0), item(ITEM, size), ...image, item(SEQUENCE_END, 0)];
}
