/** @file Pickles and checkpoints put together by hand, for what no library would write. */

import { zipSync } from "fflate";
import { concat } from "./graphs.ts";

/** A part of a pickle: opcodes and what they read. */
export type Code = readonly number[];

const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];
const little = (value: number, size: number): number[] =>
  Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) % 256);

export const NONE: Code = [0x4e];
export const MARK: Code = [0x28];
export const EMPTY_TUPLE: Code = [0x29];
export const EMPTY_LIST: Code = [0x5d];
export const EMPTY_DICT: Code = [0x7d];
export const TUPLE: Code = [0x74];
export const APPENDS: Code = [0x65];
export const SETITEM: Code = [0x73];
export const REDUCE: Code = [0x52];
export const BUILD: Code = [0x62];
export const PERSISTENT: Code = [0x51];
export const STOP: Code = [0x2e];

/** BINUNICODE */
export const text = (value: string): Code => [0x58, ...little(bytes(value).length, 4), ...bytes(value)];
/** LONG1, of 8 bytes: sizes beyond 32 bits, too. */
export const int = (value: number): Code => [0x8a, 8, ...little(value, 8)];
export const global = (module: string, name: string): Code => [0x63, ...bytes(`${module}\n${name}\n`)];
export const tuple = (...items: readonly Code[]): Code => [...MARK, ...items.flat(), ...TUPLE];
export const ints = (...values: readonly number[]): Code => tuple(...values.map(int));
export const call = (module: string, name: string, ...args: readonly Code[]): Code => [
  ...global(module, name),
  ...tuple(...args),
  ...REDUCE,
];
/** LONG_BINPUT and LONG_BINGET */
export const put = (index: number): Code => [0x72, ...little(index, 4)];
export const get = (index: number): Code => [0x6a, ...little(index, 4)];
export const dict = (...entries: readonly (readonly [string, Code])[]): Code => [
  ...EMPTY_DICT,
  ...entries.flatMap(([key, value]) => [...text(key), ...value, ...SETITEM]),
];

/** A storage "0" of float32 numbers, unless said otherwise. */
export const storage = (count: number, { key = "0", type = "FloatStorage", module = "torch" } = {}): Code => [
  ...tuple(text("storage"), global(module, type), text(key), text("cpu"), int(count)),
  ...PERSISTENT,
];

/** A tensor that is a view of a storage. */
export const tensor = (
  dims: readonly number[],
  strides: readonly number[],
  { of = storage(4), offset = 0 }: { of?: Code; offset?: number } = {},
): Code =>
  call(
    "torch._utils",
    "_rebuild_tensor_v2",
    of,
    int(offset),
    ints(...dims),
    ints(...strides),
    NONE,
    EMPTY_DICT,
  );

/** A pickle of protocol 2. */
export const pickle = (...code: readonly Code[]): Uint8Array =>
  Uint8Array.from([0x80, 2, ...code.flat(), ...STOP]);

/** A checkpoint in zip form: its pickle, and storages by key. */
export const zipCheckpoint = (
  content: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = { "0": new Uint8Array(16) },
  { level = 0 }: { level?: 0 | 9 } = {},
): Uint8Array =>
  zipSync(
    {
      "archive/data.pkl": content,
      ...Object.fromEntries(Object.entries(storages).map(([key, data]) => [`archive/data/${key}`, data])),
    },
    { level },
  );

const MAGIC: Code = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** A checkpoint in stream form. */
export function streamCheckpoint(
  content: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = { "0": new Uint8Array(16) },
  width = 4,
): Uint8Array {
  const keys = [...EMPTY_LIST, ...MARK, ...Object.keys(storages).flatMap(text), ...APPENDS];
  return concat([
    pickle(MAGIC),
    pickle(int(1001)),
    pickle(EMPTY_DICT),
    content,
    pickle(keys),
    ...Object.values(storages).flatMap((data) => [Uint8Array.from(little(data.length / width, 8)), data]),
  ]);
}
