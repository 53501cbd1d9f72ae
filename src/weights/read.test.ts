/** @file Formats told apart by content, from wherever the bytes come; archives that are bombs. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { concat } from "../../test/helpers/graphs.ts";
import * as p from "../../test/helpers/pickles.ts";
import { floatTensor } from "../graph/tensor.ts";
import { load } from "../model/model.ts";
import { encodeNpz } from "../formats/npz.ts";
import { readWeights } from "./read.ts";
import { encodeSafetensors } from "../formats/safetensors.ts";

const fixture = (name: string): URL => new URL(`../../test/fixtures/${name}`, import.meta.url);
const tensors = new Map([["layer.weight", floatTensor([2, 2], [1, 2, 3, 4])]]);

test.each([
  ["safetensors", concat(encodeSafetensors({ tensors, metadata: new Map([["a", "b"]]) })), { a: "b" }],
  ["npz", concat(encodeNpz(tensors)), {}],
  [
    "npz",
    zipSync({ "layer.weight.npy": concat(encodeNpz(tensors)).subarray(46, 46 + 144) }, { level: 9 }),
    {},
  ],
])("reads %s", async (format, bytes, metadata) => {
  const file = await readWeights(bytes);
  expect(file.format).toBe(format);
  expect([...file.tensors]).toEqual([...tensors]);
  expect(Object.fromEntries(file.metadata)).toEqual(metadata);
});

test("reads ONNX's initialisers", async () => {
  const path = fixture("models/resnet_basic.onnx");
  const { format, tensors } = await readWeights(path);
  expect(format).toBe("onnx");
  expect(tensors).toEqual((await load(path)).graph.initializers);
});

test("takes paths, URLs, Blobs and bytes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "acsconv-weights-"));
  const path = join(folder, "a.b");
  const bytes = concat(encodeNpz(tensors));
  await writeFile(path, bytes);
  const sources = [
    path,
    pathToFileURL(path),
    new Blob([bytes.slice()]),
    bytes,
    Buffer.from(bytes),
    bytes.slice().buffer,
  ];
  for (const source of sources) expect([...(await readWeights(source)).tensors]).toEqual([...tensors]);
  await expect(readWeights(folder)).rejects.toThrow(/it is a folder; name a file/);
  await rm(folder, { recursive: true });
  await expect(readWeights(path)).rejects.toThrow(/no such file/);
});

describe("refuses", () => {
  const text = (value: string): Uint8Array => Buffer.from(value);
  const zip = p.zipCheckpoint(p.pickle(p.tensor([4], [1])));
  const deflated = (size: number, claimed = size): Uint8Array => {
    const bytes = zipSync({ "w.npy": new Uint8Array(size) }, { level: 9 });
    const view = new DataView(bytes.buffer);
    // The size in the archive's list of entries, which begins where the end says.
    view.setUint32(view.getUint32(bytes.length - 6, true) + 24, claimed, true);
    return bytes;
  };
  test.each([
    ["nothing", new Uint8Array(), "has none of the formats"],
    ["a text", text("import torch"), "has none of the formats"],
    ["a web page", text("<!DOCTYPE html>"), "is a web page"],
    ["a pointer", text("version https://git-lfs.github.com/spec/v1"), "git lfs pull"],
    ["gzip", Uint8Array.of(0x1f, 0x8b, 8, 0), "is compressed with gzip"],
    ["another archive", zipSync({ "a.txt": text("a") }), "neither a PyTorch checkpoint nor NumPy arrays"],
    [
      "a big-endian checkpoint",
      zipSync({ "a/data.pkl": p.pickle(p.NONE), "a/byteorder": text("big") }),
      "big-endian",
    ],
    [
      "an archive without end",
      zip.subarray(0, -30),
      "the list of entries at the end of a zip archive is missing",
    ],
    ["an archive without beginning", concat([zip.subarray(0, 4), zip.subarray(60)]), "is damaged"],
    ["a bomb", zipSync({ "w.npy": npyOfZeros(2 * 2 ** 20) }, { level: 9 }), "would expand to more than"],
    ["a bomb that claims to be none", deflated(2 * 2 ** 20, 1000), "unpacks to more"],
    ["an archive that claims too much", deflated(10, 2 ** 32 - 2), "cannot come of"],
    ["an archive that claims more", deflated(10, 20), "unpacks to 10"],
    ["Python objects in NumPy", zipSync({ "w.npy": npyOfObjects() }), "not plain numbers"],
  ])("%s", async (_, bytes, message) => {
    await expect(readWeights(bytes)).rejects.toMatchObject({ name: "AcsconvError", kind: "format" });
    await expect(readWeights(bytes)).rejects.toThrow(message);
  });

  test("a damaged ONNX file with ONNX's reason, if it says to be one", async () => {
    const bytes = readFileSync(fixture("models/resnet_basic.onnx")).subarray(0, 500);
    await expect(readWeights(new File([bytes], "x.onnx"))).rejects.toThrow(/cannot be parsed/);
    await expect(readWeights(new File([bytes], "x.pth"))).rejects.toThrow(/"x.pth" has none of the formats/);
  });
});

/** A header of NumPy's for pickled objects. */
const npyOfObjects = (): Uint8Array =>
  npyHeader("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n");

const npyOfZeros = (size: number): Uint8Array =>
  concat([
    npyHeader(`{'descr': '|u1', 'fortran_order': False, 'shape': (${size},), }\n`),
    new Uint8Array(size),
  ]);

const npyHeader = (header: string): Uint8Array =>
  concat([
    Uint8Array.of(0x93),
    Buffer.from("NUMPY"),
    Uint8Array.of(1, 0, header.length, 0),
    Buffer.from(header),
  ]);
