/** @file Bytes put together and in order, and sources of them, however they are given. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { openSource } from "./byte-source.ts";
import { concatBytes, gatherBytes, swapBytes } from "./bytes.ts";
import { type DType, dtypeBy, DTYPES, elementType } from "./dtypes.ts";

test("chunks become one array", () => {
  expect(concatBytes([])).toEqual(new Uint8Array());
  expect(concatBytes([Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)])).toEqual(
    Uint8Array.of(1, 2, 3),
  );
});

test("elements are gathered by their strides", () => {
  const bytes = Uint8Array.from({ length: 12 }, (_, i) => i);
  // A matrix of 2 × 3 elements of two bytes, column by column.
  const columns = gatherBytes(bytes, { dims: [2, 3], strides: [1, 2] }, 2);
  expect([...columns]).toEqual([0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11]);
  expect([...gatherBytes(bytes, { dims: [], strides: [], offset: 2 }, 4)]).toEqual([8, 9, 10, 11]);
  // Repeated, as `expand` leaves it.
  expect([...gatherBytes(bytes, { dims: [2, 2], strides: [0, 1], offset: 3 }, 1)]).toEqual([3, 4, 3, 4]);
  expect(gatherBytes(bytes, { dims: [2, 0], strides: [1, 1] }, 2)).toHaveLength(0);
  swapBytes(columns, 4);
  expect([...columns.subarray(0, 4)]).toEqual([5, 4, 1, 0]);
});

test("a path, a URL, a Blob, a File, bytes and a buffer are the same source", async () => {
  const folder = await mkdtemp(join(tmpdir(), "acsconv-source-"));
  const path = join(folder, "a.bin");
  const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) % 251);
  await writeFile(path, bytes);
  const part = Buffer.concat([Buffer.alloc(3), bytes]).subarray(3);
  const given = [path, pathToFileURL(path), new Blob([bytes]), new File([bytes], "a"), part, bytes.buffer];
  const sources = await Promise.all(given.map((source) => openSource(source)));
  expect(sources.map(({ name }) => name)).toEqual([path, path, "the file", "a", "the file", "the file"]);
  for (const source of sources) {
    expect(source.size).toBe(bytes.length);
    const all = await source.bytes();
    expect(all.constructor).toBe(Uint8Array);
    expect(Buffer.compare(all, bytes)).toBe(0);
    const streamed = new Uint8Array(await new Response(source.stream()).arrayBuffer());
    expect(Buffer.compare(streamed, bytes)).toBe(0);
  }
  await rm(folder, { recursive: true });
});

test("every format tells element types apart", () => {
  const formats = ["onnx", "numpy", "safetensors", "torch", "storage", "nifti"] as const;
  const named = (Object.keys(DTYPES) as DType[]).flatMap((dtype) =>
    formats.map((format) => ({ dtype, format, value: elementType(dtype)[format] })),
  );
  const known = named.filter(({ value }) => value !== undefined);
  expect(known.length).toBeGreaterThan(26);
  expect(known.filter(({ dtype, format, value }) => dtypeBy(format, value!) !== dtype)).toEqual([]);
});

test("arrays hold as many bits as their elements have", () => {
  const rows = Object.values(DTYPES).filter((row) => "array" in row);
  expect(rows.map(({ array }) => 8 * array.BYTES_PER_ELEMENT)).toEqual(rows.map(({ bits }) => bits));
});
