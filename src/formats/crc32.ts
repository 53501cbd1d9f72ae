/** @file The checksum of zip archives and PNG (CRC-32). */

import type * as Zlib from "node:zlib";

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

/** In Node its own, which is faster by far; releases before 20.15 have none. */
const native = (globalThis.process?.getBuiltinModule?.("node:zlib") as Partial<typeof Zlib> | undefined)
  ?.crc32;

/** CRC-32 of bytes. */
export const crc32: (bytes: Uint8Array) => number =
  native ??
  ((bytes) => {
    let rest = 0xffffffff;
    for (const byte of bytes) rest = TABLE[(rest ^ byte) & 0xff]! ^ (rest >>> 8);
    return (rest ^ 0xffffffff) >>> 0;
  });
