/** @file Saved samples, read again. */

import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readNpz } from "acsconv/volume";
import { samples2d, samples3d } from "./data.ts";
import { saveSamples } from "./save.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acsconv-save-"));
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  [2, "shape", 3, samples2d({ part: "train", seed: 0 })],
  [3, "voxel", 6, samples3d({ part: "train", seed: 0, rotate: "published" })],
] as const)("in %iD: %s, and one-hot segs of %i classes", async (dimensions, kind, classes, samples) => {
  const out = join(folder, "new", kind);
  const seen: string[] = [];
  await saveSamples(samples, 2, dimensions, out, {
    onProgress: (done, total) => seen.push(`${done}/${total}`),
  });
  expect((await readdir(out)).sort()).toEqual([`${kind}_0.npz`, `${kind}_1.npz`]);
  expect(seen).toEqual(["1/2", "2/2"]);

  const arrays = readNpz(await readFile(join(out, `${kind}_1.npz`)));
  expect([...arrays.keys()]).toEqual([kind, "segs"]);
  const dims = [48, 48, 48].slice(0, dimensions);
  const { image, labels } = samples(1);
  expect(arrays.get(kind)).toMatchObject({ dtype: "float32", dims });
  expect(Buffer.from(arrays.get(kind)!.bytes).equals(new Uint8Array(image.buffer))).toBe(true);
  const segs = arrays.get("segs")!;
  expect(segs).toMatchObject({ dtype: "uint8", dims: [classes, ...dims] });
  const expected = Array.from({ length: classes }, (_, c) => labels.map((label) => (label === c ? 1 : 0)));
  expect(Buffer.from(segs.bytes).equals(Buffer.concat(expected))).toBe(true);
});

test("ends where it is told to, with whole files only", async () => {
  const out = join(folder, "ended");
  const stop = new AbortController();
  const reason = new Error("enough");
  const saving = saveSamples(samples2d({ part: "test", seed: 0 }), 5, 2, out, {
    signal: stop.signal,
    onProgress: (done) => done === 2 && stop.abort(reason),
  });
  await expect(saving).rejects.toBe(reason);
  expect((await readdir(out)).sort()).toEqual(["shape_0.npz", "shape_1.npz"]);
});

test("a folder that is a file is refused", async () => {
  const path = join(folder, "file");
  await writeFile(path, "");
  const saving = saveSamples(samples2d({ part: "test", seed: 0 }), 1, 2, path);
  await expect(saving).rejects.toThrow(`Cannot write "${path}": EEXIST: file already exists`);
});
