/** @file The bytes of a file of weights: from a path, a Blob or what is in memory already. */

import { AcsconvError } from "./errors.ts";
import { builtin, ioErrors, notAFile } from "./files.ts";

/** Where weights may come from; a string is a path. In a browser give a Blob, a File or bytes. */
export type WeightSource = string | URL | Blob | Uint8Array | ArrayBuffer;

/** More than one read of a file may return. */
const READ_STEP = 2 ** 30;

/** The path of a source that has one. */
export function pathOf(source: WeightSource): string | undefined {
  if (typeof source === "string") return source;
  return source instanceof URL ? builtin("node:url").fileURLToPath(source) : undefined;
}

/** How messages call a source. */
export const nameOf = (source: WeightSource): string =>
  pathOf(source) ?? (source instanceof File ? source.name : "the file");

/**
 * All bytes of a source.
 *
 * @throws {@link AcsconvError} `io` if it cannot be read
 */
export async function bytesOf(source: WeightSource): Promise<Uint8Array> {
  // Not a Buffer, whose slice() would not copy.
  if (source instanceof Uint8Array)
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  return readBytes(pathOf(source)!);
}

/**
 * All bytes of a file of any size; Node's `readFile` ends at 2 GB.
 *
 * @throws {@link AcsconvError} `io` if it cannot be read
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  const { open, stat } = builtin("node:fs/promises");
  return ioErrors("read", path, async () => {
    const found = await stat(path);
    if (!found.isFile()) throw notAFile("read", path, found);
    const handle = await open(path, "r");
    try {
      const bytes = new Uint8Array(found.size);
      for (let at = 0; at < bytes.length;) {
        const { bytesRead } = await handle.read(bytes, at, Math.min(bytes.length - at, READ_STEP), at);
        if (bytesRead === 0) throw new AcsconvError("io", `Cannot read "${path}": it shrank meanwhile.`);
        at += bytesRead;
      }
      return bytes;
    } finally {
      await handle.close();
    }
  });
}
