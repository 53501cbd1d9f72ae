/** @file Archives of NumPy's that lie about themselves. */

import { deflateRawSync } from "node:zlib";
import { crc32 } from "../../src/formats/crc32.ts";

/** An entry: what is stored, and what the archive says of it. */
export interface Claim {
  readonly packed: Uint8Array;
  /** Bytes that it says to unpack to. */
  readonly size: number;
  /** Of what it unpacks to; 0 unless given. */
  readonly checksum?: number;
  /** Whether its bytes are those of the entry before. */
  readonly isSame?: boolean;
}

/** An entry as it should be. */
export const deflated = (content: Uint8Array): Claim => ({
  packed: deflateRawSync(content),
  size: content.length,
  checksum: crc32(content),
});

/** An archive of compressed entries. */
export function zipOf(entries: Readonly<Record<string, Claim>>): Uint8Array {
  const [files, list]: [Buffer[], Buffer[]] = [[], []];
  let [at, end] = [0, 0];
  for (const [name, { packed, size, checksum = 0, isSame }] of Object.entries(entries)) {
    if (!isSame) {
      at = end;
      const local = Buffer.alloc(30);
      local.writeUInt32LE(0x04034b50, 0);
      local.writeUInt16LE(8, 8);
      files.push(local, Buffer.from(packed));
      end += 30 + packed.length;
    }
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(checksum, 16);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(size, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    list.push(entry, Buffer.from(name));
  }
  const listed = list.reduce((sum, part) => sum + part.length, 0);
  const last = Buffer.alloc(22);
  last.writeUInt32LE(0x06054b50, 0);
  last.writeUInt16LE(Object.keys(entries).length, 10);
  last.writeUInt32LE(listed, 12);
  last.writeUInt32LE(end, 16);
  return Buffer.concat([...files, ...list, last]);
}

/** A .npy file of zeros, `size` bytes of them, that claims to have `shape`. */
export function npyOf(shape: readonly number[], size: number): Uint8Array {
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`.padEnd(117);
  const header = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text}\n`, "latin1");
  header.writeUInt16LE(header.length - 10, 8);
  return Buffer.concat([header, new Uint8Array(size)]);
}
