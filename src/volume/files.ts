/** @file Scans on a file system (Node only; loaded when a path is given). */

import { builtin, ioErrors } from "../base/files.ts";
import type { ByteSource } from "./source.ts";

const { createReadStream } = builtin("node:fs");
const { readFile, stat } = builtin("node:fs/promises");
const { Readable } = builtin("node:stream");
const { constants, createGzip } = builtin("node:zlib");

/** Enough that reading is not slowed by its number of steps. */
const CHUNK = 1 << 20;

/** @throws {@link AcsconvError} `io` if there is no such file */
export async function fileSource(path: string): Promise<ByteSource> {
  const { size } = await statOf(path);
  return {
    name: path,
    size,
    stream: () =>
      Readable.toWeb(createReadStream(path, { highWaterMark: CHUNK })) as ReadableStream<
        Uint8Array<ArrayBuffer>
      >,
  };
}

/** @throws {@link AcsconvError} `io` */
export async function statOf(path: string): Promise<{ size: number; directory: boolean }> {
  const stats = await ioErrors("read", path, () => stat(path));
  return { size: stats.size, directory: stats.isDirectory() };
}

/** @throws {@link AcsconvError} `io` */
export async function bytesOfFile(path: string): Promise<Uint8Array> {
  // Not as Node's Buffer, whose slice() does not copy.
  const { buffer, byteOffset, byteLength } = await ioErrors("read", path, () => readFile(path));
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Compresses as it is written, so that a scan is not held again. */
export function gzipped(parts: Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  // Scans are noise in their low bits: level 1 is several times faster than 6, for files some percent larger.
  const gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: CHUNK });
  return Readable.from(chunks(parts)).pipe(gzip);
}

function* chunks(parts: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const part of parts)
    for (let start = 0; start < part.length; start += CHUNK) yield part.subarray(start, start + CHUNK);
}
