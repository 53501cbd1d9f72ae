/** @file The format to the byte, both ways, and files that are broken or mean harm. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { floatTensor, numbersOf, tensorOf, type DType, type Tensor } from "../graph/tensor.ts";
import { decodeSafetensors, encodeSafetensors, readSafetensors } from "./safetensors.ts";

const joined = (chunks: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(chunks));
const encode = (tensors: Record<string, Tensor>, metadata: Record<string, string> = {}): Uint8Array =>
  joined(
    encodeSafetensors({
      tensors: new Map(Object.entries(tensors)),
      metadata: new Map(Object.entries(metadata)),
    }),
  );
/** A file from a header as text, and bytes. */
function file(header: string, data: readonly number[] = []): Uint8Array {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return joined([length, json, Uint8Array.from(data)]);
}

test("is laid out as the reference implementation lays it out", () => {
  // Worked out by hand from the format's description: wide types first, padded with spaces to 8 bytes.
  const header =
    `{"__metadata__":{"format":"pt"},"c":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},` +
    `"a":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]},"b":{"dtype":"U8","shape":[],"data_offsets":[16,17]}}`;
  expect(header.length % 8).toBe(2);
  const expected = file(`${header}      `, [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64, 7]);
  const a = floatTensor([1, 2], [1, 2]);
  const [b, c] = [tensorOf("uint8", [], [7]), tensorOf("int64", [1], [9])];
  expect(encode({ a, b, c }, { format: "pt" })).toEqual(expected);
  expect(encode({ c, b, a }, { format: "pt" })).toEqual(expected);
  const { tensors, metadata } = decodeSafetensors(expected, "x");
  expect([...metadata]).toEqual([["format", "pt"]]);
  expect([...tensors.keys()]).toEqual(["c", "a", "b"]);
  expect(tensors.get("a")).toEqual(a);
  expect(tensors.get("a")!.bytes.buffer).toBe(expected.buffer);
});

test.each<[DType, number[]]>([
  ["bool", [1, 0, 1]],
  ["uint8", [0, 1, 255]],
  ["int8", [-128, 0, 127]],
  ["int16", [-32768, 0, 5]],
  ["uint16", [0, 65535, 5]],
  ["float16", [-2, 0.5, 65504]],
  ["bfloat16", [-2, 0.5, 2 ** 100]],
  ["int32", [-(2 ** 31), 0, 5]],
  ["uint32", [2 ** 32 - 1, 0, 5]],
  ["float32", [Math.fround(0.1), -0, Infinity]],
  ["float64", [0.1, Number.MIN_VALUE, NaN]],
  ["int64", [-(2 ** 53), 0, 2 ** 53]],
  ["uint64", [0, 1, 2 ** 53]],
])("%s comes back as it was", (dtype, values) => {
  const bytes = encode({ x: tensorOf(dtype, [3, 1], values), y: floatTensor([0, 4], []) });
  const { x, y } = Object.fromEntries(decodeSafetensors(bytes, "x").tensors);
  expect([...numbersOf(x!)]).toEqual(values);
  expect(x!.dims).toEqual([3, 1]);
  expect(y).toEqual({ dtype: "float32", dims: [0, 4], bytes: new Uint8Array() });
});

test("any names and texts come back, those that JavaScript has a use for too", () => {
  const texts = fc.dictionary(fc.string(), fc.constantFrom("", "ß \u{1F9E0}", "\uD800", '"\\n'));
  fc.assert(
    fc.property(
      texts,
      fc.constantFrom("__proto__", "constructor", "0", "enc1.0.weight"),
      (metadata, name) => {
        const tensors = new Map([[name, floatTensor([1], [3])]]);
        const back = decodeSafetensors(
          joined(encodeSafetensors({ tensors, metadata: new Map(Object.entries(metadata)) })),
          "",
        );
        expect(Object.fromEntries(back.metadata)).toEqual(metadata);
        expect([...back.tensors]).toEqual([...tensors]);
      },
    ),
    { numRuns: 100 },
  );
});

test("strings, and tensors named as the metadata, cannot be written", () => {
  const text: Tensor = { dtype: "string", dims: [1], bytes: new Uint8Array(), strings: [new Uint8Array()] };
  expect(() => encode({ text })).toThrow(
    'A safetensors file cannot hold "text", a tensor of string elements.',
  );
  expect(() => encode({ __metadata__: floatTensor([], [1]) })).toThrow('cannot hold "__metadata__"');
});

describe("refuses", () => {
  const f32 = (shape: unknown, offsets: unknown): string =>
    JSON.stringify({ dtype: "F32", shape, data_offsets: offsets });
  const entry = (text: string): string => `{"w":${text}}`;
  test.each<[string, Uint8Array, string]>([
    ["an empty file", new Uint8Array(), "is no safetensors file: it has 0 bytes"],
    ["another file", Buffer.from("PK\x03\x04 and more of a zip"), "is no safetensors file"],
    ["a header without end", file("{}").fill(255, 0, 8), "is no safetensors file"],
    [
      "a cut header",
      file('{"w":1}').subarray(0, 12),
      "is truncated: its header of 7 bytes does not fit into 12",
    ],
    ["no JSON", file('{"w":'), "is damaged: its header is no JSON"],
    ["bytes that are no text", file('{"\xff":1}').fill(255, 10, 12), "is damaged: its header is no JSON"],
    ["metadata that is a list", file('{"__metadata__":[]}'), "is damaged: its metadata is no object"],
    [
      "metadata that is a number",
      file('{"__metadata__":{"a":1}}'),
      'is damaged: its metadata "a" is no text',
    ],
    ["no entry", file(entry("1")), 'is damaged: its tensor "w" is no object'],
    ["a type", file(entry('{"dtype":"Q4"}')), 'is damaged: its tensor "w" is of an unknown type, "Q4"'],
    ["a shape", file(entry(f32([-1], [0, 4]))), 'is damaged: its tensor "w" has the shape [-1]'],
    ["half a size", file(entry(f32([0.5], [0, 2]))), 'is damaged: its tensor "w" has the shape [0.5]'],
    [
      "too many axes",
      file(entry(f32(Array<number>(65).fill(1), [0, 4]))),
      'is damaged: its tensor "w" has the shape',
    ],
    [
      "offsets",
      file(entry(f32([1], [4, 0]))),
      'is damaged: its tensor "w" has -4 bytes, where float32 [1] takes 4',
    ],
    ["no offsets", file(entry(f32([1], [0]))), 'is damaged: its tensor "w" has the offsets [0]'],
    [
      "sizes that overflow",
      file(entry(f32([2 ** 52, 2 ** 52], [0, 4]))),
      `is damaged: its tensor "w" has 4 bytes, where float32 [${2 ** 52}, ${2 ** 52}] takes 8`,
    ],
    [
      "tensors that overlap",
      file(`{"v":${f32([2], [0, 8])},"w":${f32([1], [4, 8])}}`, Array<number>(8).fill(0)),
      'is damaged: its tensor "w" begins at byte 4 of the data, and the one before it ends at 8',
    ],
    [
      "a hole",
      file(entry(f32([1], [4, 8])), Array<number>(8).fill(0)),
      'is damaged: its tensor "w" begins at byte 4 of the data',
    ],
    [
      "cut data",
      file(entry(f32([2], [0, 8])), [1, 2, 3]),
      "is truncated: its tensors take 8 bytes, of which 3 are there",
    ],
    ["more data", file("{}", [1, 2, 3]), "is damaged: 3 bytes follow its tensors"],
  ])("%s", (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, "run/last.safetensors")).toThrow(
      `"run/last.safetensors" ${message}`,
    );
  });

  test("whatever is cut short", () => {
    const bytes = encode({ a: floatTensor([3], [1, 2, 3]), b: tensorOf("uint8", [5], [1, 2, 3, 4, 5]) });
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeSafetensors(bytes.subarray(0, length), "x")).toThrow(
        /^"x" is (truncated|no safetensors)/,
      );
  });
});

test("reads from a path", async () => {
  const folder = await mkdtemp(join(tmpdir(), "acsconv-safetensors-"));
  const path = join(folder, "x.safetensors");
  await writeFile(path, encode({ x: floatTensor([2], [1, 2]) }));
  expect((await readSafetensors(path)).tensors.get("x")).toEqual(floatTensor([2], [1, 2]));
  await expect(readSafetensors(folder)).rejects.toThrow(/it is a folder; name a file/);
  await rm(folder, { recursive: true });
  await expect(readSafetensors(path)).rejects.toThrow(/no such file or folder/);
});
