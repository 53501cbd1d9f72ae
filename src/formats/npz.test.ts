import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type Tensor, numbersOf, tensorOf } from "../graph/tensor.ts";
import { encodeNpy, readNpy } from "./npy.ts";
import { encodeNpz, openNpz, readNpz } from "./npz.ts";
import { readVolume } from "../volume/read.ts";
import type { Volume } from "../volume/volume.ts";
import { openSource } from "../base/byte-source.ts";
import { crc32 } from "./crc32.ts";
import { deflated, npyOf, zipOf } from "../../test/helpers/zip-bombs.ts";

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../test/fixtures/volumes/${name}`, import.meta.url));
const fixtureBytes = (name: string): Uint8Array => readFileSync(fixture(name));

const joined = (parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

describe("archives that NumPy wrote", () => {
  const arrays = readNpz(fixtureBytes("counted.npz"));

  test.each([...arrays.keys()].filter((name) => name !== "scalar" && name !== "empty"))("%s", (name) => {
    const tensor = arrays.get(name)!;
    expect(tensor.dims.slice(-2)).toEqual([2, 3]);
    const counted = name === "bool" ? [0, 1, 0, 1, 0, 1] : [0, 1, 2, 3, 4, 5];
    expect([...numbersOf(tensor)]).toEqual(counted);
  });

  test("scalars and empty arrays", () => {
    expect([...numbersOf(arrays.get("scalar")!)]).toEqual([3.5]);
    expect(arrays.get("scalar")!.dims).toEqual([]);
    expect(arrays.get("empty")!.dims).toEqual([0, 3]);
  });

  test("compressed ones", () => {
    const tensor = readNpz(fixtureBytes("compressed.npz")).get("layer.weight")!;
    expect([...numbersOf(tensor)]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("Python objects are refused, not unpickled", () => {
    expect(() => readNpz(fixtureBytes("objects.npz"), "objects.npz")).toThrow(
      expect.objectContaining({
        kind: "format",
        message: expect.stringMatching(/objects.npz:a.npy.*'\|O'/) as string,
      }),
    );
  });
});

describe("what we write", () => {
  test.each(["uint8", "int16", "float32", "float64", "int64", "bool", "float16"] as const)("%s", (dtype) => {
    for (const dims of [[], [6], [2, 3], [1, 2, 3, 1]]) {
      const tensor = tensorOf(dtype, dims, dims.length === 0 ? [1] : [0, 1, 1, 0, 1, 0]);
      const again = readNpz(joined(encodeNpz(new Map([["a.b", tensor]])))).get("a.b")!;
      expect(again.dtype).toBe(dtype);
      expect(again.dims).toEqual(dims);
      expect([...numbersOf(again)]).toEqual([...numbersOf(tensor)]);
    }
  });

  test("elements begin at a multiple of 64, as NumPy wants them", () => {
    const [header] = encodeNpy(tensorOf("float32", [2], [1, 2]));
    expect(header.length % 64).toBe(0);
    expect(header.at(-1)).toBe("\n".charCodeAt(0));
  });

  test("is refused where NumPy has no such type", () => {
    const tensor: Tensor = { dtype: "bfloat16", dims: [1], bytes: new Uint8Array(2) };
    expect(() => encodeNpy(tensor)).toThrow(expect.objectContaining({ kind: "input" }));
  });
});

describe("damaged files", () => {
  const npy = joined(encodeNpy(tensorOf("float32", [2, 3], [0, 1, 2, 3, 4, 5])));
  const patched = (from: string, to: string): Uint8Array =>
    Buffer.from(Buffer.from(npy).toString("latin1").replace(from, to), "latin1");
  test.each([
    ["cut", npy.subarray(0, npy.length - 1), /truncated: 2 × 3/],
    ["header cut", npy.subarray(0, 40), /damaged/],
    ["larger than it is", patched("(2, 3)", "(2, 9)"), /truncated: 2 × 9/],
    ["absurd", patched("(2, 3), }       ", "(999999999999, 3"), /damaged|truncated/],
    ["no shape", patched("shape", "shade"), /no shape/],
    ["structured", patched("'<f4'", "[('a"), /no dictionary/],
  ])("%s", (_, bytes, says) => {
    expect(() => readNpy(bytes, "x.npy")).toThrow(
      expect.objectContaining({ kind: "format", message: expect.stringMatching(says) as string }),
    );
  });
});

describe("array by array", () => {
  test("what is not asked for is not unpacked: damage there is not met", async () => {
    const good = deflated(npyOf([2, 1, 2], 4));
    const bad = { packed: Uint8Array.of(7, 7, 7), size: 300 };
    const archive = await openNpz(
      await openSource(zipOf({ "bad.npy": bad, "good.npy": good, "a.txt": bad })),
    );
    expect(archive.names).toEqual(["bad", "good"]);
    expect(archive.arrays).toEqual([
      { name: "bad", dtype: undefined, dims: [] },
      { name: "good", dtype: "uint8", dims: [2, 1, 2] },
    ]);
    expect(archive.read("good")).toEqual({ dtype: "uint8", dims: [2, 1, 2], bytes: new Uint8Array(4) });
    expect(() => archive.read("bad")).toThrow(/cannot be unpacked|unpacks to/);
    expect(() => archive.read("other")).toThrow(
      'has no array "other": it holds bad (no numbers), good (uint8 [2, 1, 2]).',
    );
  });
});

describe("as volumes", () => {
  const volumeOf = (arrays: Record<string, Tensor>, array?: string): Promise<Volume> =>
    readVolume(new File(partsOf(arrays), "a.npz"), { array, onWarning: () => undefined });
  const partsOf = (arrays: Record<string, Tensor>): Uint8Array<ArrayBuffer>[] =>
    encodeNpz(new Map(Object.entries(arrays))).map((part) => new Uint8Array(part));
  const three = tensorOf("int64", [1, 1, 1, 1, 3], [1, -2, 3]);

  test("64-bit integers stay whole, or are refused; leading axes of one go", async () => {
    const volume = await volumeOf({ scan: three, spacing: tensorOf("float64", [3], [1, 1, 1]) });
    expect(volume.data).toEqual(Int32Array.of(1, -2, 3));
    expect(volume.shape).toEqual([1, 1, 3]);
    const large = tensorOf("int64", [1, 1, 1], [2 ** 40]);
    await expect(volumeOf({ large })).rejects.toThrow(/64-bit integer 1099511627776, too large for a voxel/);
  });

  test.each<[string, Record<string, Tensor>, RegExp]>([
    [
      "no spacing",
      { data: three, spacing: tensorOf("float64", [3], [0, 1, 1]) },
      /"a\.npz" cannot be read as a volume: .*positive spacing/,
    ],
    [
      "axes that are no units",
      { data: three, direction: tensorOf("float64", [3, 3], [0, 0, 2, 0, 2, 0, 2, 0, 0]) },
      /three unit vectors, along D, H and W/,
    ],
    [
      "complex numbers",
      { data: { dtype: "complex64", dims: [1, 1, 1], bytes: new Uint8Array(8) } },
      /complex numbers: save/,
    ],
    ["a plane", { data: tensorOf("uint8", [2, 2], [1, 2, 3, 4]) }, /shape \[2, 2\], where a volume is/],
  ])("refused: %s", async (_, arrays, says) => {
    await expect(volumeOf(arrays)).rejects.toMatchObject({
      kind: "format",
      message: expect.stringMatching(says) as string,
    });
  });

  test("the only array, or the one that is named", async () => {
    const path = fixture("counted.npz");
    await expect(readVolume(path)).rejects.toMatchObject({
      kind: "input",
      message: expect.stringMatching(
        /holds the arrays u1 \(uint8 \[2, 3\]\), u2 .*--array NAME \(`array` in code\)/,
      ) as string,
    });
    const volume = await readVolume(path, { array: "fortran3" });
    expect(volume.data).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
    expect(volume.shape).toEqual([1, 2, 3]);
    await expect(readVolume(path, { array: "f4" })).rejects.toMatchObject({
      kind: "format",
      message: expect.stringContaining("[2, 3]") as string,
    });
  });
});

describe("archives that are not as they should be", () => {
  const data = joined(encodeNpy(tensorOf("uint8", [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])));
  const read = (bytes: Uint8Array): Promise<Volume> =>
    readVolume(new File([new Uint8Array(bytes)], "a.npz"), { onWarning: () => undefined });

  test("a byte that changed in what is stored or packed is found by the checksum", async () => {
    expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
    const stored = joined(encodeNpz(new Map([["data", tensorOf("uint8", [2, 2, 1], [21, 22, 23, 24])]])));
    expect((await read(stored)).data).toHaveLength(4);
    stored[Buffer.from(stored).indexOf(Buffer.from([21, 22, 23, 24])) + 1]! ^= 0xff;
    await expect(read(stored)).rejects.toThrow(
      /"a\.npz" is damaged: the checksum of its entry "data\.npy" is wrong/,
    );
    const packed = zipOf({ "data.npy": { ...deflated(data), checksum: 1 } });
    await expect(read(packed)).rejects.toThrow(/the checksum of its entry "data\.npy" is wrong/);
  });

  test("what comes before an archive does not count", async () => {
    const zip = zipOf({ "data.npy": deflated(data) });
    expect([...(await read(joined([Buffer.from("#!/bin/sh\n"), zip]))).data]).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
  });

  test("one that is empty holds no arrays", async () => {
    await expect(read(zipOf({}))).rejects.toThrow(
      /^"a\.npz" holds no arrays: expected files that end in \.npy/,
    );
  });
});

describe("headers in other words than NumPy's", () => {
  const npy = (header: string): Uint8Array => {
    const start = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${header}\n`, "latin1");
    start.writeUInt16LE(header.length + 1, 8);
    return Buffer.concat([start, Uint8Array.of(1, 2, 3, 4, 5, 6)]);
  };

  test.each([
    `{'descr': '|u1', "fortran_order": True, 'shape': (2, 3)}`,
    `{'descr': '|u1', 'fortran_order' : True, 'shape': (2, 3), }`,
    `{"shape":(2,3,),"fortran_order":True,"descr":"|u1"}`,
    `{'descr': u'|u1', 'fortran_order':\tTrue, 'shape': (2L, 3L)}   `,
  ])("%s", (header) => {
    const { dims, bytes } = readNpy(npy(header), "a.npy");
    expect([dims, [...bytes]]).toEqual([
      [2, 3],
      [1, 3, 5, 2, 4, 6],
    ]);
  });

  test.each([
    [`{'descr': '|u1', 'fortran_order': 1, 'shape': (2, 3)}`, /has no fortran_order/],
    [`{'descr': '|u1', 'shape': (2, 3)}`, /has no fortran_order/],
    [`{'descr': '|u1', 'fortran_order': False, 'shape': (-2, 3)}`, /has no shape/],
    [`{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)} # and more`, /is no dictionary/],
    [`{'descr': '|u1', 'fortran_order': not True, 'shape': (2, 3)}`, /is no dictionary/],
    ["(".repeat(5000), /is no dictionary/],
    [
      `{'descr': [('a', '<i4'), ('b', '|u1', (2,))], 'fortran_order': False, 'shape': (2,)}`,
      /not plain numbers/,
    ],
  ])("%s is refused", (header, says) => {
    expect(() => readNpy(npy(header), "a.npy")).toThrow(says);
  });
});
