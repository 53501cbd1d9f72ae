/** @file Reading a file as a stream, unpacked on the way, so that a compressed scan is never held twice. */

import { Gunzip } from "fflate";
import { formatError } from "../base/errors.ts";
import { fileError } from "../base/files.ts";
import { DEFLATE_MAX_RATIO } from "../formats/foreign.ts";
import type { ByteSource } from "../base/byte-source.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Reader = ReadableStreamDefaultReader<Bytes>;
type Packing = "none" | "gzip" | "zlib";

/** What {@link ByteReader} skips at once. */
const STEP = 2 ** 20;
/** Unpacked bytes behind those that were wanted up to which a file's end is looked at. */
const LOOK_BEHIND = 2 ** 20;

/** Reads a source from a byte of it on, unpacked if it is packed there. */
export class ByteReader {
  readonly name: string;
  /** The most bytes that can follow from here. */
  available: number;
  readonly #source: ByteSource;
  readonly #from: number;
  readonly #packing: Packing;
  #reader: Reader;
  #chunk: Bytes = new Uint8Array(0);
  /** Bytes that the stream has given. */
  #given = 0;
  #tail = 0;
  #isSplit = false;

  private constructor(source: ByteSource, from: number, packing: Packing) {
    this.name = source.name;
    this.#source = source;
    this.#from = from;
    this.#packing = packing;
    const packed = Math.max(0, source.size - from);
    this.available = packing === "none" ? packed : packed * DEFLATE_MAX_RATIO;
    this.#reader = unpacked(source.stream(from), packing).getReader();
  }

  /**
   * @param packing - how the bytes are packed; unless given, gzip is told by the first of them, whatever the file's name
   */
  static async open(
    source: ByteSource,
    { from = 0, packing }: { readonly from?: number; readonly packing?: Packing } = {},
  ): Promise<ByteReader> {
    if (packing) return new ByteReader(source, from, packing);
    const plain = new ByteReader(source, from, "none");
    if (!(await plain.#fill())) throw formatError(`"${source.name}" is empty.`);
    const [first, second] = plain.#chunk;
    if (first !== 0x1f || second !== 0x8b) return plain;
    await plain.close();
    return new ByteReader(source, from, "gzip");
  }

  /** The next bytes, as many as `target` takes. */
  async readInto(target: Uint8Array): Promise<void> {
    for (let at = 0; at < target.length;) {
      if (this.#chunk.length === 0 && !(await this.#fill()))
        throw formatError(
          `"${this.name}" is truncated: it ends ${target.length - at} bytes before its header says.`,
        );
      const part = this.#chunk.subarray(0, target.length - at);
      target.set(part, at);
      at += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    this.available -= target.length;
  }

  async skip(count: number): Promise<void> {
    const ignored = new Uint8Array(Math.min(count, STEP));
    for (let left = count; left > 0; left -= STEP)
      await this.readInto(ignored.subarray(0, Math.min(left, STEP)));
  }

  /**
   * Looks whether what is packed ends as it should: only then are its checksums known to be right.
   *
   * @returns the number of bytes behind its end that are not part of it
   */
  async checkEnd(): Promise<number> {
    if (this.#packing === "none") return 0;
    this.#chunk = new Uint8Array(0);
    const last = this.#given + LOOK_BEHIND;
    while (this.#given < last && (await this.#fill())) this.#chunk = new Uint8Array(0);
    return this.#tail;
  }

  async close(): Promise<void> {
    // A stream that has failed rejects again; that error has been reported.
    await this.#reader.cancel().catch(() => undefined);
  }

  /** @returns whether there is more */
  async #fill(): Promise<boolean> {
    try {
      const { done, value } = await this.#reader.read();
      if (!done) {
        this.#chunk = value;
        this.#given += value.length;
      }
      return !done;
    } catch (cause) {
      if (this.#packing === "gzip" && !this.#isSplit && (await this.#byMembers()))
        return this.#chunk.length > 0 || this.#fill();
      throw readError(this.name, cause);
    }
  }

  /**
   * Streams refuse gzip data that something follows, in browsers also another member, and drop what they had of it: goes on
   * member by member, without what follows the last.
   */
  async #byMembers(): Promise<boolean> {
    const bytes = (await this.#source.bytes()).subarray(this.#from);
    const members = await gzipMembers(bytes);
    if (!members) return false;
    const end = members.reduce((sum, { length }) => sum + length, 0);
    // Zeros pad, as on tapes.
    this.#tail = bytes.subarray(end).some((byte) => byte !== 0) ? bytes.length - end : 0;
    this.#isSplit = true;
    this.#reader = inTurn(members).getReader();
    const given = this.#given;
    this.#given = 0;
    while (this.#given < given && (await this.#fill()));
    // What the other stream had not given yet.
    this.#chunk = this.#chunk.subarray(this.#chunk.length - (this.#given - given));
    return true;
  }
}

const unpacked = (stream: ReadableStream<Bytes>, packing: Packing): ReadableStream<Bytes> =>
  packing === "none"
    ? stream
    : stream.pipeThrough(new DecompressionStream(packing === "zlib" ? "deflate" : "gzip"));

/** Unpacked bytes up to which the end of gzip data is looked for. */
const MAX_SCANNED = 2 ** 30;
/** Compressed bytes that are looked through at once. */
const SCAN_STEP = 2 ** 14;

/** Bytes of a header, a block and the end. */
const GZIP_LEAST = 20;
/** Places where the number of bytes may stand by chance. */
const MAX_TRIES = 100;

/**
 * The members of gzip data, without what follows the last of them; undefined if they are damaged.
 *
 * A stream does not say where its data end, but they do with the number of bytes that they unpack to, and their checksum
 * before it: where that number stands, the stream tells whether all is right up to there.
 */
async function gzipMembers(bytes: Uint8Array): Promise<Bytes[] | undefined> {
  let size = 0;
  const starts = [0];
  const scan = new Gunzip((chunk) => void (size += chunk.length));
  scan.onmember = (start) => {
    starts.push(start);
    size = 0;
  };
  try {
    for (let at = 0; at < bytes.length && size < MAX_SCANNED; at += SCAN_STEP)
      scan.push(bytes.subarray(at, at + SCAN_STEP), at + SCAN_STEP >= bytes.length);
  } catch {
    // What follows is no gzip data.
  }
  const last = starts.at(-1)!;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Nothing is a member of its own only behind others, as bgzip writes it.
  let tries = (size === 0 && last === 0) || size >= MAX_SCANNED ? 0 : MAX_TRIES;
  for (let end = bytes.length; end >= last + GZIP_LEAST && tries > 0; end--) {
    if (view.getUint32(end - 4, true) !== size >>> 0) continue;
    if (await isGzip(bytes.slice(last, end)))
      return starts.map((start, i) => bytes.slice(start, starts[i + 1] ?? end));
    tries--;
  }
  return undefined;
}

function inTurn(members: readonly Bytes[]): ReadableStream<Bytes> {
  const left = [...members];
  let reader: Reader | undefined;
  return new ReadableStream({
    async pull(controller) {
      for (;;) {
        const next = reader ? undefined : left.shift();
        if (next) reader = unpacked(new Blob([next]).stream(), "gzip").getReader();
        if (!reader) return controller.close();
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        reader = undefined;
      }
    },
    cancel: (reason) => reader?.cancel(reason),
  });
}

async function isGzip(bytes: Bytes): Promise<boolean> {
  const reader = unpacked(new Blob([bytes]).stream(), "gzip").getReader();
  try {
    while (!(await reader.read()).done);
    return true;
  } catch {
    return false;
  }
}

/** Failures of the file system are `io`; those of gzip are the file's own, `format`. */
function readError(name: string, cause: unknown): Error {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const damaged = cause instanceof TypeError || code.startsWith("Z_") || code.startsWith("ERR_");
  if (damaged) return formatError(`"${name}" is damaged: its compressed data cannot be expanded.`, { cause });
  return fileError("read", name, cause);
}
