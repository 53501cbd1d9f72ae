/**
 * @file Where bytes come from: a path, an address, a Blob or what is in memory already, all as one kind of source.
 * Node's file system is asked for when a path is used and not before, so that the same module runs in a browser.
 */

import { ioError, messageOf } from "./errors.ts";
import { builtin, ioErrors, notAFile } from "./files.ts";

/** A string is a path in Node and an address in a browser; so is a URL that is not `file:`. */
export type FileSource = string | URL | Blob | Uint8Array | ArrayBuffer;

/** Bytes with a name: a Blob as far as it is needed here, of a file too. */
export interface ByteSource {
  /** How messages call it. */
  readonly name: string;
  /** In the file system, if it is there. */
  readonly path?: string;
  readonly size: number;
  /** The first `count` of them, or as many as there are. */
  readonly head: (count: number) => Promise<Uint8Array>;
  /** From byte `from`, 0 by default, to the last, for what need not be held at once. */
  readonly stream: (from?: number) => ReadableStream<Uint8Array<ArrayBuffer>>;
  /** All of them, in memory. */
  readonly bytes: () => Promise<Uint8Array>;
}

/** More than one read of a file may return. */
const READ_STEP = 2 ** 30;
/** Enough that streaming is not slowed by its number of steps. */
const CHUNK = 2 ** 20;

const inNode = typeof globalThis.process?.versions?.node === "string";

/** How messages call a source. */
export const nameOf = (source: FileSource): string =>
  isAddress(source) || source instanceof File ? pathOf(source) : "the file";

const isAddress = (source: FileSource): source is string | URL =>
  typeof source === "string" || source instanceof URL;

function pathOf(source: string | URL | File): string {
  if (source instanceof File) return source.name;
  const isFile = source instanceof URL && source.protocol === "file:";
  return isFile ? builtin("node:url").fileURLToPath(source) : String(source);
}

/** A source, whatever it was given as. Its bytes are read when they are asked for; those of an address at once. */
export async function openSource(source: FileSource, what = "file"): Promise<ByteSource> {
  const name = nameOf(source);
  if (source instanceof Blob) return blobSource(source, name);
  if (!isAddress(source)) {
    // Not a Buffer, whose slice() would not copy.
    const bytes = ArrayBuffer.isView(source)
      ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
      : new Uint8Array(source);
    return bytesSource(bytes, name);
  }
  if (source instanceof URL ? source.protocol !== "file:" : !inNode)
    return bytesSource(await fetched(source, what), name);
  return fileSource(name);
}

const blobSource = (blob: Blob, name: string): ByteSource => ({
  name,
  size: blob.size,
  head: async (count) => new Uint8Array(await blob.slice(0, count).arrayBuffer()),
  stream: (from = 0) => blob.slice(from).stream(),
  bytes: async () => new Uint8Array(await blob.arrayBuffer()),
});

const bytesSource = (bytes: Uint8Array, name: string): ByteSource => ({
  name,
  size: bytes.length,
  head: async (count) => bytes.subarray(0, count),
  stream: (from = 0) => new Blob([bytes.slice(from)]).stream(),
  bytes: async () => bytes,
});

async function fetched(address: string | URL, what: string): Promise<Uint8Array> {
  const fail = (reason: string, cause?: unknown): never => {
    throw ioError(`Cannot read the ${what} at ${address}: ${reason}.`, { cause, code: "E_NETWORK" });
  };
  const response = await fetch(address).catch((error: unknown) => fail(messageOf(error), error));
  if (!response.ok) fail(`the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function fileSource(path: string): Promise<ByteSource> {
  const { open, stat } = builtin("node:fs/promises");
  const found = await ioErrors("read", path, () => stat(path));
  if (!found.isFile()) throw notAFile("read", path, found);
  const { size } = found;
  return {
    name: path,
    path,
    size,
    head: (count) =>
      ioErrors("read", path, async () => {
        const handle = await open(path, "r");
        try {
          const bytes = new Uint8Array(Math.min(count, size));
          const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
          return bytes.subarray(0, bytesRead);
        } finally {
          await handle.close();
        }
      }),
    stream: (from = 0) =>
      builtin("node:stream").Readable.toWeb(
        builtin("node:fs").createReadStream(path, { highWaterMark: CHUNK, start: from }),
      ) as ReadableStream<Uint8Array<ArrayBuffer>>,
    // In steps, because Node's readFile ends at 2 GB.
    bytes: () =>
      ioErrors("read", path, async () => {
        const handle = await open(path, "r");
        try {
          const bytes = new Uint8Array(size);
          for (let at = 0; at < size;) {
            const { bytesRead } = await handle.read(bytes, at, Math.min(size - at, READ_STEP), at);
            if (bytesRead === 0) throw ioError(`Cannot read "${path}": it shrank meanwhile.`);
            at += bytesRead;
          }
          return bytes;
        } finally {
          await handle.close();
        }
      }),
  };
}
