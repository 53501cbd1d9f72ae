/**
 * @file The voxels of formats with a header of text (NRRD, MetaImage): behind the header or in files of their own, plain,
 * compressed or written out as digits. What a header claims is held against the sizes of the files before memory is taken.
 */

import { type ByteSource, openSource } from "../base/byte-source.ts";
import { swapBytes } from "../base/bytes.ts";
import { DTYPES } from "../base/dtypes.ts";
import { formatError } from "../base/errors.ts";
import { builtin } from "../base/files.ts";
import { DEFLATE_MAX_RATIO, type Fail, failOf } from "../formats/foreign.ts";
import { bytesOf } from "../graph/tensor.ts";
import { ByteReader } from "./gzip-reader.ts";
import { allocate } from "../base/memory.ts";
import type { VoxelType } from "./volume.ts";
import type { FileNumbers } from "./voxels.ts";

/** Element types of such files. */
export type RawType = VoxelType | "int64" | "uint64" | "float64";

/** How numbers are stored: as they are in memory, compressed, or as decimal or hexadecimal digits. */
export type Encoding = "raw" | "gzip" | "zlib" | "text" | "hex";

/** Where numbers lie, and how. */
export interface RawVoxels {
  readonly type: RawType;
  readonly littleEndian: boolean;
  readonly count: number;
  readonly encoding: Encoding;
  /** Files with equal shares of the numbers, in turn, as the header calls them; none where they follow the header. */
  readonly files: readonly string[];
  /** Where the header ends in its own file. */
  readonly start: number;
  /** Lines to skip before what is encoded. */
  readonly lines: number;
  /** Bytes to skip before the numbers, once unpacked; -1 where they are the last ones of the file. */
  readonly skip: number;
}

/** More than the longest header of text, with a list of its files. */
const MAX_HEADER_BYTES = 2 ** 20;

/** The beginning of a file, as text of one character per byte: all of a header. */
export async function headOf(source: ByteSource, from = 0): Promise<string> {
  const reader = await ByteReader.open(source, { from, packing: "none" });
  try {
    const head = new Uint8Array(Math.max(0, Math.min(MAX_HEADER_BYTES, source.size - from)));
    await reader.readInto(head);
    return oneLetterPerByte(head);
  } finally {
    await reader.close();
  }
}

/** Refuses a header of which no more is looked at, instead of calling it damaged. */
export function checkHeaderEnd(head: string, end: number, fail: Fail): void {
  if (end < 0 && head.length >= MAX_HEADER_BYTES)
    fail("has a header of more than 1 MB, the limit here: is it text throughout?", "E_UNSUPPORTED");
}

const LETTERS_AT_ONCE = 2 ** 13;

/** Decoders of "latin1" do not give back all bytes: they take it for Windows' own. */
function oneLetterPerByte(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += LETTERS_AT_ONCE)
    text += String.fromCharCode(...bytes.subarray(at, at + LETTERS_AT_ONCE));
  return text;
}

/** Names in headers are in UTF-8, as files' names are; those that cannot be are in Latin-1. */
function nameFrom(letters: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(
      Uint8Array.from(letters, (letter) => letter.charCodeAt(0)),
    );
  } catch {
    return letters;
  }
}

/** A file, and where the encoded numbers begin in it. */
interface Part {
  readonly source: ByteSource;
  readonly from: number;
}

/**
 * Reads the numbers that a header describes.
 *
 * @throws {@link AcsconvError} `io` (files that are missing) or `format` (fewer numbers than the header says)
 */
export async function readRaw(voxels: RawVoxels, header: ByteSource): Promise<FileNumbers> {
  const { type, count, files, littleEndian, encoding } = voxels;
  const Numbers = DTYPES[type].array;
  const size = count * Numbers.BYTES_PER_ELEMENT;
  const fail = failOf(header.name);
  if (!Number.isSafeInteger(size)) fail(`is damaged: it claims to hold ${count} numbers`);
  const shares = Math.max(1, files.length);
  if (count % shares !== 0) fail(`is damaged: ${count} numbers cannot lie in ${shares} files in equal parts`);
  const share = size / shares;
  // All files before the first of them is read.
  const parts: Part[] = [];
  if (files.length === 0) parts.push(await partOf(header, voxels.start, share, voxels));
  for (const file of files) parts.push(await partOf(await openBeside(header, file), 0, share, voxels));
  const numbers: FileNumbers = allocate(() => new Numbers(count), size);
  for (const [i, part] of parts.entries())
    await readPart(part, new Uint8Array(numbers.buffer, i * share, share), voxels);
  if (!littleEndian && encoding !== "text") swapBytes(bytesOf(numbers), numbers.BYTES_PER_ELEMENT);
  return numbers;
}

const openBeside = async (header: ByteSource, file: string): Promise<ByteSource> =>
  openSource(await pathBeside(header, file));

/**
 * The path of a file that a header names: in the header's own folder or, if the header is a link, where that leads.
 *
 * @param letters - one for each byte of the name
 */
export async function pathBeside(header: ByteSource, letters: string): Promise<string> {
  const file = nameFrom(letters);
  if (header.path === undefined)
    throw formatError(
      `"${header.name}" keeps its voxels in another file, "${file}", which cannot be opened here: save both as one file (.nrrd, .mha or .nii.gz).`,
      { code: "E_UNSUPPORTED" },
    );
  const paths = builtin("node:path");
  const { realpath, stat } = builtin("node:fs/promises");
  const beside = paths.resolve(paths.dirname(header.path), file);
  if (await stat(beside).catch(() => undefined)) return beside;
  const linked = paths.resolve(paths.dirname(await realpath(header.path)), file);
  const isThere = linked !== beside && (await stat(linked).catch(() => undefined));
  return isThere ? linked : beside;
}

/** Finds where the numbers begin, and makes sure that `size` bytes of them can be there. */
async function partOf(source: ByteSource, start: number, size: number, voxels: RawVoxels): Promise<Part> {
  const { encoding, skip, type } = voxels;
  const begin = start + (await bytesOfLines(source, start, voxels.lines));
  const from = encoding !== "raw" ? begin : skip === -1 ? source.size - size : begin + skip;
  const there = source.size - from;
  const isPacked = encoding === "gzip" || encoding === "zlib";
  const most = isPacked
    ? there * DEFLATE_MAX_RATIO - skip
    : encoding === "hex"
      ? there / 2
      : encoding === "text"
        ? // A digit, and what parts it from the next.
          ((there + 1) / 2) * (DTYPES[type].bits / 8)
        : there;
  if (from < start || size > most)
    failOf(source.name)(
      `is truncated: ${size} bytes of voxels are promised, more than the ${Math.max(0, there)} bytes there can hold`,
    );
  return { source, from };
}

async function bytesOfLines(source: ByteSource, from: number, lines: number): Promise<number> {
  if (lines === 0) return 0;
  const head = await headOf(source, from);
  let at = 0;
  for (let i = 0; i < lines; i++) {
    at = head.indexOf("\n", at) + 1;
    if (at === 0) failOf(source.name)(`is damaged: ${lines} lines are to be skipped, more than there are`);
  }
  return at;
}

async function readPart(
  { source, from }: Part,
  target: Uint8Array<ArrayBuffer>,
  voxels: RawVoxels,
): Promise<void> {
  const { encoding, skip } = voxels;
  const isPacked = encoding === "gzip" || encoding === "zlib";
  const reader = await ByteReader.open(source, { from, packing: isPacked ? encoding : "none" });
  try {
    if (encoding === "text" || encoding === "hex") {
      const bytes = new Uint8Array(source.size - from);
      await reader.readInto(bytes);
      const text = new TextDecoder("latin1").decode(bytes);
      if (encoding === "hex") parseHex(text, target, source.name);
      else parseNumbers(text, target, voxels.type, source.name);
      return;
    }
    if (isPacked) await reader.skip(skip);
    await reader.readInto(target);
  } finally {
    await reader.close();
  }
}

function parseHex(text: string, target: Uint8Array, name: string): void {
  const digits = text.replace(/\s+/g, "");
  for (let i = 0; i < target.length; i++) {
    const byte = digits.slice(2 * i, 2 * i + 2);
    if (!/^[\da-f]{2}$/i.test(byte))
      failOf(name)(`is damaged: byte ${i + 1} of ${target.length} is ${JSON.stringify(byte)}`);
    target[i] = Number.parseInt(byte, 16);
  }
}

function parseNumbers(text: string, target: Uint8Array<ArrayBuffer>, type: RawType, name: string): void {
  const { array: Numbers, bits } = DTYPES[type];
  const numbers: FileNumbers = new Numbers(target.buffer, target.byteOffset, target.length / (bits / 8));
  const words = text.matchAll(/[^\s,]+/g);
  for (let i = 0; i < numbers.length; i++) {
    const word = words.next().value?.[0];
    const value = word === undefined ? NaN : valueOf(word);
    if (Number.isNaN(value) && !/^[-+]?nan$/i.test(word ?? ""))
      failOf(name)(
        `is damaged: voxel ${i + 1} of ${numbers.length} is ${word === undefined ? "missing" : JSON.stringify(word)}`,
      );
    if (numbers instanceof BigInt64Array || numbers instanceof BigUint64Array)
      numbers[i] = BigInt(Math.trunc(value));
    else numbers[i] = value;
  }
}

/** C writes infinity in letters. */
function valueOf(word: string): number {
  const [, sign] = /^([-+]?)inf(?:inity)?$/i.exec(word) ?? [];
  if (sign !== undefined) return sign === "-" ? -Infinity : Infinity;
  return Number(word);
}
