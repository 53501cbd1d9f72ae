/**
 * @file Compressed pixels as they lie in a file: in fragments, of which one or several make an image. What they claim is held
 * against the header: decoders take memory for it, and write past what the header takes, whatever that says.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part05/sect_A.4.html
 */

import { type Fail, failOf } from "../../formats/foreign.ts";
import type { DicomFile } from "./headers.ts";
import { rleFault } from "./rle.ts";
import { SYNTAX_KINDS, type SyntaxKind } from "./syntaxes.ts";

/** JPEG and JPEG-LS begin with this marker, then JPEG 2000. */
const SOI = 0xffd8;
const SOC = 0xff4f;
const SIZ = 0xff51;
const SOF55 = 0xfff7;
/** JPEG 2000 in a file of its own begins with a box of this length, named `jP`. */
const JP2 = [0x0000000c, 0x6a502020] as const;
/** (FFFE,E000) and (FFFE,E0DD), read as one number. */
export const ITEM = 0xe000fffe;
export const SEQUENCE_END = 0xe0ddfffe;

/** An image, in the parts in which it lies in the file. */
export type Parts = readonly Uint8Array[];

/**
 * The compressed images of a file.
 *
 * @param bytes - the whole file
 * @throws {@link AcsconvError} `format` if what the fragments claim differs from the header
 */
export function compressedImages(file: DicomFile, bytes: Uint8Array): readonly Parts[] {
  const { transferSyntax, frames, format } = file;
  const fail = failOf(file.source.name);
  const kind = SYNTAX_KINDS[transferSyntax]!;
  // The first item is a table of offsets.
  const [, ...fragments] = itemsOf(bytes, file.pixelOffset, fail);
  const images: Uint8Array[][] = [];
  for (const fragment of fragments) {
    // RLE has one fragment for each image.
    const claim = kind === "RLE" ? undefined : claimOf(fragment, fail);
    if (claim) checkClaim(claim, kind, file, fail);
    if (claim || images.length === 0 || kind === "RLE") images.push([fragment]);
    else images.at(-1)!.push(fragment);
    const count = file.rows * file.columns;
    const fault = kind === "RLE" && rleFault(fragment, (format.samples * format.allocated) / 8, count);
    if (fault) fail(`is damaged: ${fault}`);
  }
  if (images.length !== frames.length)
    fail(
      `is damaged, or cut off: it holds ${images.length} compressed images, where its header says ${frames.length}`,
    );
  if (kind !== "RLE" && images.some(([first]) => !claimOf(first!, fail)))
    fail(`is damaged: its compressed pixels do not begin as ${kind} does`);
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

/** What the beginning of an image says of it. */
interface Claim {
  readonly kind: SyntaxKind;
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  readonly bits: number;
}

/** The claim with which a fragment begins, if it is the first of an image. */
function claimOf(bytes: Uint8Array, fail: Fail): Claim | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length;
  if (end < 8) return undefined;
  if (view.getUint32(0) === JP2[0] && view.getUint32(4) === JP2[1])
    fail("holds whole JP2 files as its pixels, where only their codestreams should stand");
  const first = view.getUint16(0);
  if (first === SOC) {
    if (end < 43 || view.getUint16(2) !== SIZ) return undefined;
    const field = (i: number): number => view.getUint32(8 + 4 * i);
    const [samples, bits] = [view.getUint16(40), (view.getUint8(42) & 0x7f) + 1];
    return { kind: "JPEG 2000", columns: field(0) - field(2), rows: field(1) - field(3), samples, bits };
  }
  if (first !== SOI) return undefined;
  for (let at = 2; at + 10 <= end;) {
    const marker = view.getUint16(at);
    if (marker < 0xff00) return undefined;
    if (marker === 0xffff) at += 1;
    else if (isFrameHeader(marker))
      return {
        kind: marker === SOF55 ? "JPEG-LS" : "JPEG",
        bits: view.getUint8(at + 4),
        rows: view.getUint16(at + 5),
        columns: view.getUint16(at + 7),
        samples: view.getUint8(at + 9),
      };
    else at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

function checkClaim(claim: Claim, kind: SyntaxKind, { rows, columns, format }: DicomFile, fail: Fail): void {
  const { samples, allocated, stored, signed } = format;
  const claims = (its: string, headers: string): never =>
    fail(`is damaged: its compressed pixels claim ${its}, its header ${headers}`);
  if (claim.kind !== kind) claims(`to be ${claim.kind}`, kind);
  if (claim.rows !== rows || claim.columns !== columns)
    claims(`${claim.columns} × ${claim.rows}`, `${columns} × ${rows}`);
  if (claim.samples !== samples) claims(`${claim.samples} samples each`, String(samples));
  // Their decoded size follows from their bits; and the sign is the highest of these.
  if (Math.ceil(claim.bits / 8) !== allocated / 8 || (signed && claim.bits < stored))
    claims(`${claim.bits} bits each`, `${stored} of ${allocated}`);
}

/** SOF0 to SOF15 without the tables among them, and SOF55 of JPEG-LS. */
const isFrameHeader = (marker: number): boolean =>
  (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) || marker === SOF55;
