/** @file Reading a file as a stream, gunzipped on the way, so that a compressed scan is never held twice. */

import { formatError } from "../base/errors.ts";
import { fileError } from "../base/files.ts";
import { DEFLATE_MAX_RATIO } from "../formats/foreign.ts";
import type { ByteSource } from "../base/byte-source.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Reader = ReadableStreamDefaultReader<Bytes>;

/** Reads a source from its beginning, gunzipped if it is gzipped (whatever its name says). */
export class ByteReader {
  readonly name: string;
  /** The most bytes that can follow from here. */
  available: number;
  private chunk: Bytes;
  private readonly reader: Reader;

  private constructor(name: string, available: number, reader: Reader, chunk: Bytes) {
    this.name = name;
    this.available = available;
    this.reader = reader;
    this.chunk = chunk;
  }

  static async open(source: ByteSource): Promise<ByteReader> {
    const { name, size } = source;
    const reader = source.stream().getReader();
    const first = await guarded(name, () => reader.read());
    if (first.done) throw formatError(`"${name}" is empty.`);
    const zipped = first.value[0] === 0x1f && first.value[1] === 0x8b;
    if (!zipped) return new ByteReader(name, size, reader, first.value);
    await reader.cancel();
    const plain = source.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
    return new ByteReader(name, size * DEFLATE_MAX_RATIO, plain, new Uint8Array(0));
  }

  /** The next bytes, as many as `target` takes. */
  async readInto(target: Uint8Array): Promise<void> {
    for (let at = 0; at < target.length;) {
      if (this.chunk.length === 0) {
        const next = await guarded(this.name, () => this.reader.read());
        if (next.done)
          throw formatError(
            `"${this.name}" is truncated: it ends ${target.length - at} bytes before its header says.`,
          );
        this.chunk = next.value;
      }
      const part = this.chunk.subarray(0, target.length - at);
      target.set(part, at);
      at += part.length;
      this.chunk = this.chunk.subarray(part.length);
    }
    this.available -= target.length;
  }

  async close(): Promise<void> {
    // A stream that has failed rejects again; that error has been reported.
    await this.reader.cancel().catch(() => undefined);
  }
}

/** Failures of the file system are `io`; those of gzip are the file's own, `format`. */
async function guarded<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const damaged = cause instanceof TypeError || code.startsWith("Z_") || code.startsWith("ERR_");
    if (damaged) throw formatError(`"${name}" is damaged: its gzip data cannot be expanded.`, { cause });
    throw fileError("read", name, cause);
  }
}
