/**
 * @file Pixels that the JPEG family compresses, as they lie in a file: in fragments, of which one or several make an
 * image. The sizes that they claim are checked: decoders take memory for these, whatever the header says.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part05/sect_A.4.html
 */

import { type Fail, failOf } from "../../formats/foreign.ts";
import type { DicomFile } from "./headers.ts";

/** JPEG and JPEG-LS begin with this marker, then JPEG 2000. */
const SOI = 0xffd8;
const SOC = 0xff4f;
const SIZ = 0xff51;
/** (FFFE,E000) and (FFFE,E0DD), read as one number. */
export const ITEM = 0xe000fffe;
export const SEQUENCE_END = 0xe0ddfffe;

/** Transfer syntaxes of the JPEG family. */
const JPEG = "1.2.840.10008.1.2.4.";
const RLE = "1.2.840.10008.1.2.5";

/**
 * The compressed images of a file, each in the parts in which it lies there; undefined if its pixels are not compressed.
 *
 * @param bytes - the whole file
 * @throws {@link AcsconvError} `format` if what the fragments claim differs from the header
 */
export function compressedImages(
  file: DicomFile,
  bytes: Uint8Array,
): readonly (readonly Uint8Array[])[] | undefined {
  const { transferSyntax, rows, columns, frames } = file;
  if (transferSyntax !== RLE && !transferSyntax.startsWith(JPEG)) return undefined;
  const fail = failOf(file.source.name);
  // The first item is a table of offsets.
  const [, ...fragments] = itemsOf(bytes, file.pixelOffset, fail);
  const images: Uint8Array[][] = [];
  for (const fragment of fragments) {
    const size = transferSyntax === RLE ? undefined : sizeOf(fragment);
    if (size && (size.rows !== rows || size.columns !== columns))
      fail(
        `is damaged: its compressed pixels claim ${size.columns} × ${size.rows}, its header ${columns} × ${rows}`,
      );
    // RLE has one fragment for each image.
    if (size || images.length === 0 || transferSyntax === RLE) images.push([fragment]);
    else images.at(-1)!.push(fragment);
  }
  if (images.length !== frames.length)
    fail(`is damaged: it holds ${images.length} compressed images, where its header says ${frames.length}`);
  return images;
}

/** The items of a sequence, which lie in the file one behind the other. */
function itemsOf(bytes: Uint8Array, start: number, fail: Fail): readonly Uint8Array[] {
  const items: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = start; at + 8 <= bytes.length && view.getUint32(at, true) === ITEM;) {
    const end = at + 8 + view.getUint32(at + 4, true);
    if (end > bytes.length) fail(`is truncated: it ends ${end - bytes.length} bytes before its pixels do`);
    items.push(bytes.subarray(at + 8, end));
    at = end;
  }
  return items;
}

/** The size that a fragment begins with, if it is the first of an image. */
function sizeOf(bytes: Uint8Array): { rows: number; columns: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length;
  if (end < 4) return undefined;
  const first = view.getUint16(0);
  if (first === SOC) {
    if (end < 24 || view.getUint16(2) !== SIZ) return undefined;
    const field = (i: number): number => view.getUint32(8 + 4 * i);
    return { columns: field(0) - field(2), rows: field(1) - field(3) };
  }
  if (first !== SOI) return undefined;
  for (let at = 2; at + 9 <= end;) {
    const marker = view.getUint16(at);
    if (marker < 0xff00) return undefined;
    if (marker === 0xffff) at += 1;
    else if (isFrameHeader(marker)) return { rows: view.getUint16(at + 5), columns: view.getUint16(at + 7) };
    else at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

/** SOF0 to SOF15 without the tables among them, and SOF55 of JPEG-LS. */
const isFrameHeader = (marker: number): boolean =>
  (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) || marker === 0xfff7;
