/** @file 10,060 broken and hostile files, and large ones, under a ceiling of memory. */

import { existsSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { fuzzedFile, fuzzedHdf5, readsOrRefuses } from "../../test/helpers/fuzzed.ts";
import * as p from "../../test/helpers/pickles.ts";

/** The most that this process ever took, in bytes. */
const peak = (): number => process.resourceUsage().maxRSS * 1024;
let before: number;
beforeAll(async () => {
  await readsOrRefuses(fuzzedFile(0));
  before = peak();
});

test.each([
  ["10,000", fuzzedFile, 10_000],
  ["60 HDF5", fuzzedHdf5, 60],
] as const)("%s files with faults are read or refused, within 512 MB", async (_, file, count) => {
  for (let i = 0; i < count; i++) {
    try {
      await readsOrRefuses(file(i));
    } catch (error) {
      throw new Error(`file ${i}`, { cause: error });
    }
  }
  expect(peak() - before).toBeLessThan(512 * 2 ** 20);
  expect(existsSync("executed")).toBe(false);
});

const fill = (code: p.Code, count: number): Uint8Array => {
  const bytes = new Uint8Array(2 + code.length * count);
  bytes.set([0x80, 2]);
  for (let i = 0; i < count; i++) bytes.set(code, 2 + i * code.length);
  return bytes;
};
const manyViews = (dims: readonly number[], strides: readonly number[]): Uint8Array => {
  const view = p.tensor(dims, strides, { of: p.get(0) });
  const views = Array.from({ length: 2000 }, () => view).flat();
  return p.pickle(p.EMPTY_LIST, p.MARK, p.storage(2 ** 18), p.put(0), views, p.APPENDS);
};

/** What is made once and named very often. */
const again = (first: p.Code, call: p.Code): Uint8Array =>
  p.pickle(
    first,
    p.put(0),
    p.storage(4),
    p.put(1),
    p.EMPTY_LIST,
    p.MARK,
    Array.from({ length: 20_000 }, () => call).flat(),
    p.APPENDS,
  );
const longTuple = p.tuple(Array.from({ length: 200_000 }, () => [0x4b, 0]).flat());
const longBytes = [0x42, 0, 0, 0x10, 0, ...Array<number>(2 ** 20).fill(65)];

test.each<[string, Uint8Array, boolean]>([
  [
    "many tensors of long sizes",
    p.zipCheckpoint(
      again(longTuple, p.call("torch._utils", "_rebuild_tensor_v2", p.get(1), p.int(0), p.get(0), p.get(0))),
    ),
    false,
  ],
  [
    "many storages of long names",
    p.zipCheckpoint(again(longBytes, [...p.tuple(p.get(0), p.get(0), p.get(0)), ...p.PERSISTENT])),
    false,
  ],
  [
    "many long keys",
    p.zipCheckpoint(again(longBytes, [...p.EMPTY_DICT, ...p.get(0), ...p.NONE, ...p.SETITEM])),
    true,
  ],
  [
    "many dicts of one dict",
    p.zipCheckpoint(again(longTuple, p.call("collections", "OrderedDict", p.get(0)))),
    false,
  ],
  ["dicts without end", p.zipCheckpoint(fill(p.EMPTY_DICT, 8e6)), false],
  ["marks without end", p.zipCheckpoint(fill(p.MARK, 8e6)), false],
  ["short byte strings without end", p.zipCheckpoint(fill([0x43, 0], 8e6)), false],
  ["a memo without end", p.zipCheckpoint(fill([...p.NONE, 0x94], 4e6)), false],
  ["compressed dicts", p.zipCheckpoint(fill(p.EMPTY_DICT, 200e6), {}, { level: 9 }), false],
  [
    "views of one storage in place",
    p.zipCheckpoint(manyViews([512, 512], [512, 1]), { "0": new Uint8Array(2 ** 20) }),
    true,
  ],
  [
    "views of one storage to be ordered",
    p.zipCheckpoint(manyViews([512, 512], [1, 512]), { "0": new Uint8Array(2 ** 20) }),
    false,
  ],
])("%s stay within 1 GB", async (_, bytes, readable) => {
  expect(await readsOrRefuses(bytes)).toBe(readable);
  expect(peak() - before).toBeLessThan(2 ** 30);
});
