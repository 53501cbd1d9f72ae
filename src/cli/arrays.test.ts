/** @file Scans and labels in files that hold several arrays, and options that a file has no use for. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acsconv } from "../../test/helpers/command-line.ts";
import { tensorOf } from "../graph/tensor.ts";
import { encodeNpz, readVolume } from "../volume/index.ts";

const cases = fileURLToPath(new URL("../../test/fixtures/cases", import.meta.url));
const net = (name: string): string => join(cases, "nets", name);

let folder: string;
const at = (name: string): string => join(folder, name);

/** Two slabs; the label is where the image is above 0. */
const image = Int16Array.from({ length: 512 }, (_, i) => (i < 256 ? -50 : 50));
const label = Uint8Array.from(image, (x) => (x > 0 ? 1 : 0));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "acsconv-arrays-"));
  const arrays = new Map([
    ["image", tensorOf("int16", [8, 8, 8], image)],
    ["label", tensorOf("uint8", [8, 8, 8], label)],
    ["train_images", tensorOf("uint8", [2, 8, 8, 8], [...label, ...label.map((x) => 1 - x)])],
    ["train_labels", tensorOf("uint8", [2, 1], [0, 1])],
  ]);
  writeFileSync(at("a.npz"), Buffer.concat(encodeNpz(arrays)));
  const pair = { image: "a.npz", label: "a.npz" };
  const labels = { background: 0, bright: 1 };
  writeFileSync(at("dataset.json"), JSON.stringify({ labels, training: [pair], channel_names: { 0: "CT" } }));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What is read of a scan: the identity's features. */
const predict = async (input: string, ...more: string[]): Promise<Awaited<ReturnType<typeof acsconv>>> =>
  acsconv("predict", net("id1.onnx"), input, "-o", at("out.npz"), ...FEATURES, ...more);

const FEATURES =
  "--output features --normalize none --blending constant --patch 32 --no-preview --quiet".split(" ");

describe("predict", () => {
  test("takes the array that is named, or a part of it", async () => {
    expect(await predict(at("a.npz"), "--array", "image")).toMatchObject({ code: 0 });
    expect([...(await readVolume(at("out.npz"))).data]).toEqual([...image]);
    expect(await predict(at("a.npz"), "--array", "train_images[1]")).toMatchObject({ code: 0 });
    expect([...(await readVolume(at("out.npz"))).data]).toEqual([...label].map((x) => 1 - x));
  });

  test.each([
    [
      "no name",
      [],
      /holds the arrays image \(int16 \[8, 8, 8\]\), .*say which one is the volume with --array NAME/,
    ],
    ["an unknown name", ["--array", "scan"], /has no array "scan": it holds image \(int16/],
    [
      "a set of scans",
      ["--array", "train_images"],
      /is a data set: its array train_images holds 2 scans, .*'train_images\[0\]'/,
    ],
    ["a part too many", ["--array", "train_images[2]"], /has no train_images\[2\]: .*\[2, 8, 8, 8\]/],
    ["a series", ["--array", "image", "--series", "0"], /has no series/],
  ])("says what there is: %s", async (_, flags, says) => {
    const { code, stderr } = await predict(at("a.npz"), ...flags);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
  });

  test.each([
    ["M04_nrrd_spaces/ras.nrrd", ["--array", "data"], /has no arrays with names, as \.npz files do/],
    ["P01_numpy/i8.npy", ["--array", "data"], /has no arrays with names/],
    ["N01_gz_tail/a.nii", ["--series", "1"], /has no series, as DICOM folders do/],
  ])("refuses options that %s has no use for", async (path, flags, says) => {
    const { code, stderr } = await predict(join(cases, path), ...flags);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
  });

  test("reads data beside text, and says what is odd of a scan", async () => {
    expect(await predict(join(cases, "P01_numpy/with_text.npz"))).toMatchObject({ code: 0 });
    const { code, stderr } = await predict(join(cases, "N01_gz_tail/garbage.nii.gz"));
    expect(code).toBe(0);
    expect(stderr).toMatch(/acsconv: warning: .*garbage\.nii\.gz" has 16 bytes behind its end/);
    expect((await readVolume(at("out.npz"))).data).toEqual(
      Float32Array.from((await readVolume(join(cases, "N01_gz_tail/a.nii"))).data),
    );
  });

  test("refuses halves of a pair, and headers that claim more than there is", async () => {
    expect((await predict(join(cases, "N02_pairs/pair.hdr"))).stderr).toMatch(/half of a scan in two files/);
    const { code, stderr } = await predict(join(cases, "../hostile/big.mha"));
    expect(code).toBe(2);
    expect(stderr).toMatch(/truncated: 1500000000 bytes of voxels are promised/);
  });
});

describe("image and label in one file", () => {
  const arrays = ["--array", "image", "--label-array", "label"];

  test("are evaluated", async () => {
    const flags = ["--model", net("threshold.onnx"), "--data", folder, "--scores", "probabilities"];
    const { code, stdout, stderr } = await acsconv(
      "evaluate",
      ...flags,
      "--normalize",
      "none",
      "--patch",
      "8",
      ...arrays,
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/bright +1\b/);
  });

  test("are trained on", async () => {
    const flags = [
      "--model",
      net("tiny2d.onnx"),
      "--data",
      folder,
      "--out",
      at("run"),
      "--epochs",
      "1",
      "--patches",
      "1",
    ];
    const { code, stderr } = await acsconv("train", ...flags, "--size", "8", "--batch", "1", ...arrays);
    expect(stderr).not.toMatch(/^acsconv:/m);
    expect(code).toBe(0);
  });

  test("are told apart, or what there is is said", async () => {
    const { code, stderr } = await acsconv("evaluate", "--model", net("threshold.onnx"), "--data", folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/holds the arrays image \(int16 \[8, 8, 8\]\)/);
  });
});
