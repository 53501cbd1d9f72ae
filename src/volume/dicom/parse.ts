/**
 * @file From a file's first bytes to the elements of its header, by dicom-parser; also of files that lack the preamble or
 * the group of elements that says how the rest is encoded, as old archives and radiotherapy systems write them.
 */

import { concatBytes } from "../../base/bytes.ts";
import dicomParser from "dicom-parser";
import type { ElementSet } from "./element-set.ts";
import { Inflate } from "fflate";
import type { ByteSource } from "../../base/byte-source.ts";
import { failOf } from "../../formats/foreign.ts";
import { DEFLATED, EXPLICIT_LITTLE, IMPLICIT_LITTLE } from "./syntaxes.ts";
import { keyOf } from "./tags.ts";

export { DEFLATED, EXPLICIT_LITTLE, IMPLICIT_LITTLE } from "./syntaxes.ts";

/** Pixels begin before the first of these in almost all files, before the second in almost all that describe many frames. */
const HEAD_BYTES = [2 ** 16, 2 ** 22, Infinity] as const;
/** Deflated files are documents and single images: more than this is a bomb. */
const MAX_INFLATED = 2 ** 28;

const PREAMBLE = 128;
const MAGIC = "DICM";
const PROLOGUE = PREAMBLE + MAGIC.length;

/** A header: its data set up to the pixels. */
export interface ParsedHeader {
  readonly set: ElementSet;
  readonly transferSyntax: string;
  /** What to add to offsets in the data set for those in the file. */
  readonly shift: number;
}

/** How a DICOM stream begins. */
interface Start {
  /** Whether the magic word stands behind a preamble. */
  readonly magic: boolean;
  /** The syntax that it seems to be in, where the group is missing that would say so. */
  readonly syntax?: string;
}

/** The header of a file; undefined if it is no DICOM. */
export async function parseHeader(source: ByteSource): Promise<ParsedHeader | undefined> {
  let cause: unknown;
  for (const count of HEAD_BYTES) {
    const head = count === Infinity ? await source.bytes() : await source.head(count);
    const start = startOf(head);
    if (!start) return undefined;
    const whole = head.length >= source.size;
    try {
      const set = parse(head, start, source.name);
      if (whole || hasPixels(set))
        return { set, transferSyntax: syntaxOf(set, start), shift: shiftOf(start) };
    } catch (error) {
      // Cut off, or damaged: all of it will tell.
      cause = error;
    }
    if (whole) break;
  }
  // Without the magic word it was a guess.
  const { magic } = startOf(await source.head(PROLOGUE + 8))!;
  return magic
    ? failOf(source.name)(`is a damaged DICOM file: its header cannot be read${reasonOf(cause)}`)
    : undefined;
}

/** Whether a file begins as DICOM does. */
export const looksLikeDicom = async (source: ByteSource): Promise<boolean> =>
  startOf(await source.head(PROLOGUE + 8)) !== undefined;

/** dicom-parser throws strings as well. */
const reasonOf = (cause: unknown): string =>
  typeof cause === "string" && cause.includes(":") ? ` (${cause.slice(cause.indexOf(":") + 1).trim()})` : "";

export const hasPixels = (set: ElementSet): boolean =>
  (["PixelData", "FloatPixelData", "DoubleFloatPixelData"] as const).some((tag) => set.elements[keyOf(tag)]);

function parse(bytes: Uint8Array, start: Start, name: string): ElementSet {
  const untilTag = keyOf("PixelData");
  const inflater = (all: Uint8Array, position: number): Uint8Array => inflated(all, position, name);
  if (start.syntax !== undefined)
    return dicomParser.parseDicom(start.magic ? bytes.subarray(PROLOGUE) : bytes, {
      untilTag,
      TransferSyntaxUID: start.syntax,
    });
  return dicomParser.parseDicom(start.magic ? bytes : withPrologue(bytes), { untilTag, inflater });
}

/** {@link parse} leaves a prologue out, or puts one in. */
const shiftOf = ({ magic, syntax }: Start): number =>
  magic === (syntax === undefined) ? 0 : magic ? PROLOGUE : -PROLOGUE;

const syntaxOf = (set: ElementSet, start: Start): string =>
  start.syntax ?? set.string(keyOf("TransferSyntaxUID"))?.replaceAll("\0", "").trim() ?? IMPLICIT_LITTLE;

/** The same bytes behind the preamble and the magic word that they lack. */
function withPrologue(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(PROLOGUE + bytes.length);
  new TextEncoder().encodeInto(MAGIC, whole.subarray(PREAMBLE));
  whole.set(bytes, PROLOGUE);
  return whole;
}

/** How a file begins: `DICM` behind a preamble, or an element of group 2 or 8, which come first in any data set. */
function startOf(head: Uint8Array): Start | undefined {
  const magic = String.fromCharCode(...head.subarray(PREAMBLE, PROLOGUE)) === MAGIC;
  const at = magic ? PROLOGUE : 0;
  if (head.length < at + 8) return undefined;
  const view = new DataView(head.buffer, head.byteOffset + at, 8);
  const [group, element] = [view.getUint16(0, true), view.getUint16(2, true)];
  if (group === 2) return magic || element <= 0x0102 ? { magic } : undefined;
  const syntax = isVr(head.subarray(at + 4, at + 6)) ? EXPLICIT_LITTLE : IMPLICIT_LITTLE;
  if (magic) return { magic, syntax };
  const known =
    group === 8 && element <= 0x0070 && (syntax === EXPLICIT_LITTLE || view.getUint32(4, true) <= 64);
  return known ? { magic, syntax } : undefined;
}

/** Whether two bytes name a type of value, as `UI` does. */
const isVr = (bytes: Uint8Array): boolean => bytes.every((byte) => byte >= 0x41 && byte <= 0x5a);

/** The file with what follows its own header expanded. */
function inflated(bytes: Uint8Array, position: number, name: string): Uint8Array {
  const parts: Uint8Array[] = [bytes.subarray(0, position)];
  let size = position;
  const inflate = new Inflate((part) => {
    parts.push(part);
    size += part.length;
    if (size > MAX_INFLATED)
      failOf(name)(
        `would expand to more than ${MAX_INFLATED} bytes, which deflated DICOM does not`,
        "E_LIMIT",
      );
  });
  // In pieces, so that a bomb is seen before it has gone off.
  const step = 2 ** 14;
  for (let at = position; at < bytes.length; at += step)
    inflate.push(bytes.subarray(at, at + step), at + step >= bytes.length);
  return concatBytes(parts);
}

/** The bytes of a file in which its header tells places: those of deflated ones are expanded. */
export async function plainBytes({ source, transferSyntax }: Located): Promise<Uint8Array> {
  const bytes = await source.bytes();
  if (transferSyntax !== DEFLATED) return bytes;
  const start = startOf(bytes)!;
  let whole = bytes;
  const inflater = (all: Uint8Array, position: number): Uint8Array =>
    (whole = inflated(all, position, source.name));
  dicomParser.parseDicom(start.magic ? bytes : withPrologue(bytes), {
    untilTag: keyOf("PixelData"),
    inflater,
  });
  return start.magic ? whole : whole.subarray(PROLOGUE);
}

interface Located {
  readonly source: ByteSource;
  readonly transferSyntax: string;
}
