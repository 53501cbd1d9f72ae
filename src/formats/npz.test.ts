import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type Tensor, numbersOf, tensorOf } from "../graph/tensor.ts";
import { encodeNpy, readNpy } from "./npy.ts";
import { encodeNpz, readNpz } from "./npz.ts";
import { readVolume } from "../volume/read.ts";

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
    ["structured", patched("'<f4'", "[('a"), /not plain numbers/],
  ])("%s", (_, bytes, says) => {
    expect(() => readNpy(bytes, "x.npy")).toThrow(
      expect.objectContaining({ kind: "format", message: expect.stringMatching(says) as string }),
    );
  });
});

describe("as volumes", () => {
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
