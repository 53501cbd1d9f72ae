import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { concat, graphOf, node, runInOrt, value } from "../../test/helpers/graphs.ts";
import { AcsconvError } from "../base/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { encodeExternal, encodeModel } from "./encode.ts";
import { readModel, writeModel } from "./model-file.ts";

/** Writes that fail as on a full disk, after so many; undefined for a disk that works. */
let writesLeft: number | undefined;
const fs = process.getBuiltinModule("node:fs/promises");
const { open } = fs;
vi.spyOn(fs, "open").mockImplementation(async (...args) => {
  const handle = await open(...args);
  const write = handle.writeFile.bind(handle);
  handle.writeFile = async (data, options) => {
    if (writesLeft !== undefined && writesLeft-- === 0) {
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    }
    return write(data, options);
  };
  return handle;
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "acsconv-files-"));
});
afterEach(async () => {
  writesLeft = undefined;
  await rm(folder, { recursive: true });
});

const weights = floatTensor(
  [3, 400],
  Float32Array.from({ length: 1200 }, (_, i) => (i % 97) / 97 - 0.5),
);
const bias = floatTensor(
  [400],
  Float32Array.from({ length: 400 }, (_, i) => i),
);
const graph: Graph = graphOf(
  [node("MatMul", ["x", "w"], ["h"]), node("Add", ["h", "b"], ["s"]), node("Mul", ["s", "two"], ["y"])],
  {
    inputs: [value("x", [1, 3])],
    outputs: [value("y", [1, 400])],
    initializers: { w: weights, b: bias, two: floatTensor([], [2]) },
  },
);
const tensorsOf = (read: Graph): Graph["initializers"] => read.initializers;

async function refusalOf(work: Promise<unknown>): Promise<AcsconvError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AcsconvError)) throw new Error("expected a refusal", { cause: error });
  expect(error.message).toMatch(/^[A-Z][^\n]*\.$/);
  return error;
}

test("a model from a path, a URL, a Blob, bytes and a buffer", async () => {
  const path = join(folder, "m.onnx");
  await writeModel(graph, path);
  const bytes = await readFile(path);
  expect(bytes).toEqual(Buffer.from(concat(encodeModel(graph))));
  const { buffer } = new Uint8Array(bytes);
  const data = `data:application/octet-stream;base64,${bytes.toString("base64")}`;
  for (const source of [path, pathToFileURL(path), new URL(data), new Blob([buffer]), bytes, buffer]) {
    expect(tensorsOf(await readModel(source))).toEqual(graph.initializers);
  }
});

describe("external data", () => {
  test("beyond the threshold, weights go to a second file, which we and ONNX Runtime read", async () => {
    const path = join(folder, "m.onnx");
    await writeModel(graph, path, 4000);
    expect((await readdir(folder)).toSorted()).toEqual(["m.onnx", "m.onnx.data"]);
    expect((await stat(path)).size).toBeLessThan(2000);
    const read = await readModel(path);
    expect(tensorsOf(read)).toEqual(graph.initializers);

    const feeds = { x: { dims: [1, 3], data: Float32Array.of(0.5, -1, 2) } };
    const [inside, outside] = [await runInOrt(read, feeds), await runInOrt(path, feeds)];
    expect(outside.y).toBeAllClose(inside.y!, { rtol: 0, atol: 0 });
  });

  /** A model whose weights are said to be at `location`, and a file there with `bytes` bytes. */
  async function modelWith(location: string, bytes: number): Promise<string> {
    const path = join(folder, "models", "m.onnx");
    await mkdir(join(folder, "models"), { recursive: true });
    await writeFile(path, concat(encodeExternal(graph, location).model));
    await writeFile(join(folder, "models", location), new Uint8Array(bytes));
    return path;
  }

  test.each<[string, string, number, RegExp]>([
    ["beyond the file's end", "w.bin", 100, /wants 4800 bytes from 0 of ".*w.bin", but that file has 100/],
    ["above the folder", "../w.bin", 500_000, /not a path inside the model's folder/],
  ])("%s", async (_, location, bytes, message) => {
    const error = await refusalOf(readModel(await modelWith(location, bytes)));
    expect([error.kind, error.message]).toEqual(["format", expect.stringMatching(message)]);
  });

  test("missing", async () => {
    const path = await modelWith("w.bin", 0);
    await rm(join(folder, "models", "w.bin"));
    const error = await refusalOf(readModel(path));
    expect([error.kind, error.message]).toEqual([
      "io",
      expect.stringMatching(/w.bin": there is no such file/),
    ]);
  });

  test("a link out of the folder, unless the model is a link to the same place", async () => {
    const path = await modelWith("w.bin", 0);
    await rm(join(folder, "models", "w.bin"));
    await mkdir(join(folder, "store"));
    await writeFile(join(folder, "store", "blob"), concat(encodeExternal(graph, "w.bin").data));
    await symlink(join(folder, "store", "blob"), join(folder, "models", "w.bin"));
    expect((await refusalOf(readModel(path))).message).toMatch(/outside the model's folder/);

    await writeFile(join(folder, "store", "model"), await readFile(path));
    await rm(path);
    await symlink(join(folder, "store", "model"), path);
    expect(tensorsOf(await readModel(path))).toEqual(graph.initializers);
  });

  test("regions that overlap without being the same", async () => {
    const shifted = graphOf([], {
      outputs: [],
      initializers: Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`w${i}`, bias])),
    });
    const bytes = Buffer.from(concat(encodeExternal(shifted, "w.bin").model)).toString("latin1");
    // Written one after the other, every 1600 bytes (value: tag, length, text); read from below 1000 all.
    const moved = bytes.replaceAll(/(offset..)\d(\d{3})/gs, "$10$2");
    await writeFile(join(folder, "m.onnx"), moved, "latin1");
    await writeFile(join(folder, "w.bin"), new Uint8Array(3000));
    expect((await refusalOf(readModel(join(folder, "m.onnx")))).message).toMatch(/other tensors overlap/);
  });
});

describe("what cannot be read or written", () => {
  test.each<[string, (path: string) => Promise<unknown>, RegExp]>([
    [
      "a file that is not there",
      (path) => readModel(path),
      /Cannot read ".*": there is no such file or folder/,
    ],
    ["a folder, read", () => readModel(folder), /it is a folder/],
    ["a device, read", () => readModel("/dev/zero"), /no regular file/],
    [
      "a folder that is not there",
      (path) => writeModel(graph, join(path, "m")),
      /Cannot write ".*": there is no/,
    ],
    ["a folder, written", () => writeModel(graph, folder), /it is a folder/],
    ["a device, written", () => writeModel(graph, "/dev/null"), /no regular file/],
    [
      "a URL that nobody answers",
      () => readModel(new URL("http://localhost:1/m.onnx")),
      /Cannot read the model at/,
    ],
  ])("%s", async (_, work, message) => {
    const error = await refusalOf(work(join(folder, "x")));
    expect([error.kind, error.message]).toEqual(["io", expect.stringMatching(message)]);
  });

  test.skipIf(process.getuid?.() === 0)("a folder that may not be written (root may)", async () => {
    await chmod(folder, 0o500);
    const error = await refusalOf(writeModel(graph, join(folder, "m.onnx")));
    expect(error.message).toMatch(/permission is denied/);
    await chmod(folder, 0o700);
  });

  test.each([0, 1])(
    "a disk that is full after %i writes keeps the old files and no pieces",
    async (writes) => {
      const path = join(folder, "m.onnx");
      await writeFile(path, "old");
      await writeFile(`${path}.data`, "old");
      writesLeft = writes;
      const error = await refusalOf(writeModel(graph, path, 1000));
      expect([error.kind, error.message]).toEqual([
        "io",
        expect.stringMatching(/Cannot write ".*": the disk is full/),
      ]);
      expect((await readdir(folder)).toSorted()).toEqual(["m.onnx", "m.onnx.data"]);
      for (const file of [path, `${path}.data`]) expect(await readFile(file, "utf8")).toBe("old");
    },
  );
});
