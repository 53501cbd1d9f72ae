import { rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { folderOf, volumeOf } from "../../test/helpers/data-folders.ts";
import { oblique } from "../../test/helpers/volumes.ts";
import { predictVolume } from "../model/predict-volume.ts";
import type { PredictOptions } from "../model/settle.ts";
import type { RunTensor, RunTensors } from "../run/tensor.ts";
import { readVolume } from "../volume/read.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { type Volume, withData } from "../volume/volume.ts";
import { writeVolume } from "../volume/write.ts";
import { type CaseOptions, CaseStore, readCase } from "./cases.ts";
import type { CaseFiles } from "./folders.ts";
import { type LabelTable, labelTable } from "./labels.ts";
import { wholeScans } from "./patches.ts";
import { HALVES } from "./region.ts";

const classes: LabelTable = labelTable(
  [
    ["background", [0]],
    ["organ", [3]],
  ],
  "here",
);
const DESCRIPTION = { channels: undefined, classes };
const SHAPE: Vec3 = [6, 8, 10];

/** Smooth enough to be interpolated, nothing symmetric. */
const image = volumeOf(SHAPE, (d, h, w) => 100 * Math.sin(d) + 10 * h + w ** 2, "int16");
const label = volumeOf(SHAPE, (d, h, w) => (d + 2 * h > w + 5 ? 3 : 0));
const placed = (volume: Volume, origin: Vec3 = [4, -5, 60]): Volume => ({
  ...volume,
  spacing: [3, 1, 2],
  origin,
});

async function caseOf(files: Readonly<Record<string, Volume>>): Promise<CaseFiles> {
  const root = await folderOf(files);
  const names = Object.keys(files);
  return {
    name: "a",
    images: names.filter((name) => name !== "label.nii").map((name) => `${root}/${name}`),
    label: `${root}/label.nii`,
  };
}

describe("readCase", () => {
  test("gives image and classes on one grid", async () => {
    const read = await readCase(
      await caseOf({ "x.nii": placed(image), "label.nii": placed(label) }),
      DESCRIPTION,
    );
    expect(read.image.data).toEqual(image.data);
    expect(read.label.data).toEqual(label.data.map((value) => value / 3));
    expect(read.label.origin).toBeAllClose([4, -5, 60], { rtol: 0, atol: 1e-6 });
  });

  test("stacks a file for each channel, of whatever types", async () => {
    const other = volumeOf(SHAPE, (d) => d / 4, "float32");
    const files = await caseOf({ "a.nii": image, "b.nii": other, "label.nii": label });
    const read = await readCase(files, { channels: ["T1", "T2"], classes });
    expect(read.image.channels).toBe(2);
    expect([...read.image.data]).toEqual([...image.data, ...other.data]);
  });

  test("takes the fourth dimension as channels", async () => {
    const both = withData(image, Int16Array.of(...image.data, ...image.data), 2);
    const files = await caseOf({ "a.nii": both, "label.nii": label });
    expect((await readCase(files, { channels: ["T1", "T2"], classes })).image.channels).toBe(2);
    await expect(readCase(files, { channels: ["CT"], classes })).rejects.toThrow(
      'Case "a": dataset.json names 1 channels (CT), but the image has 2.',
    );
  });

  test("takes a label that is slightly off to lie on its image's grid, with a warning", async () => {
    const files = await caseOf({ "x.nii": placed(image), "label.nii": placed(label, [4, -5.008, 60]) });
    const warnings: string[] = [];
    const read = await readCase(files, DESCRIPTION, (sentence) => warnings.push(sentence));
    expect(read.label).toMatchObject({ origin: read.image.origin, direction: read.image.direction });
    expect(read.label.data).toEqual(label.data.map((value) => value / 3));
    expect(warnings).toEqual([
      expect.stringMatching(
        /^the image ".*x\.nii" has origin \[4, -5, 60\], but its label ".*label\.nii" has origin \[4, -5\.008, 60\], which is 0\.0080 of a voxel/,
      ),
    ]);
  });

  const turned: Volume = {
    ...label,
    direction: [label.direction[0], label.direction[2], label.direction[1]],
  };
  test.each<[string, Readonly<Record<string, Volume>>, RegExp]>([
    [
      "another shape",
      { "x.nii": image, "label.nii": volumeOf([6, 8, 9], () => 0) },
      /^Case "a": the image ".*x\.nii" has \[6, 8, 10\] voxels, but its label ".*label\.nii" has \[6, 8, 9\] voxels: both must lie on one grid/,
    ],
    [
      "another spacing",
      { "x.nii": placed(image), "label.nii": label },
      /has spacing \[3, 1, 2\] and origin \[4, -5, 60\], but its label .* has spacing \[1, 1, 1\] and origin \[0, 0, 0\]: both must/,
    ],
    [
      "another origin",
      { "x.nii": placed(image), "label.nii": placed(label, [4, -5, 61]) },
      /has origin \[4, -5, 60\], but its label .* has origin \[4, -5, 61\]/,
    ],
    [
      "other axes",
      {
        "x.nii": volumeOf([6, 8, 8], () => 0),
        "label.nii": { ...volumeOf([6, 8, 8], () => 0), direction: turned.direction },
      },
      /has direction \[0, 0, 1, 0, 1, 0, 1, 0, 0\], but its label .* has direction \[0, 0, 1, 1, 0, 0, 0, 1, 0\]/,
    ],
    [
      "a channel of another shape",
      { "x.nii": image, "y.nii": volumeOf([6, 8, 9], () => 0), "label.nii": label },
      /^".*x\.nii" has \[6, 8, 10\] voxels, but ".*y\.nii" has \[6, 8, 9\] voxels/,
    ],
    [
      "a label of two numbers per voxel",
      { "x.nii": image, "label.nii": withData(label, Uint8Array.of(...label.data, ...label.data), 2) },
      /the label ".*label\.nii" should hold one number per voxel, and has 2\.$/,
    ],
    [
      "a label in no class",
      { "x.nii": image, "label.nii": volumeOf(SHAPE, (d) => d) },
      /^Case "a": ".*label\.nii" has the label 1 in 80 voxels, but the classes are 0 \(background\), 3 \(organ\)/,
    ],
  ])("refuses %s", async (_what, files, message) => {
    await expect(readCase(await caseOf(files), DESCRIPTION)).rejects.toMatchObject({
      kind: "format",
      message: expect.stringMatching(message),
    });
  });
});

/** What `predictVolume` feeds a network that sees the whole scan at once. */
async function fedByPredict(
  volume: Volume,
  channels: number,
  patch: Vec3,
  options: PredictOptions,
): Promise<RunTensor> {
  const fed: RunTensor[] = [];
  const session = {
    inputs: [{ name: "x", dtype: "float32" as const, dims: ["N", channels, "D", "H", "W"] }],
    outputs: [{ name: "y", dtype: "float32" as const, dims: [] }],
    run({ x }: RunTensors) {
      fed.push(x!);
      return Promise.resolve({ y: x! });
    },
  };
  await predictVolume(session, volume, { ...options, patch });
  expect(fed).toHaveLength(1);
  return fed[0]!;
}

describe("CaseStore", () => {
  test.each<[string, CaseOptions]>([
    ["zscore", { channels: 1 }],
    ["a window, one channel for three", { channels: 3, window: [-50, 120] }],
    ["ImageNet's intensities", { channels: 3, normalize: "imagenet", window: [0, 150] }],
    ["turned", { channels: 1, orientation: "ARS" }],
    ["resampled", { channels: 1, spacing: [2, 1.5, 2.5] }],
    [
      "all of it",
      { channels: 2, orientation: "SAL", spacing: [1, 2, 2], window: [0, 90], normalize: "zscore" },
    ],
  ])("shows the network what prediction will: %s", async (_what, options) => {
    const files = await caseOf({ "x.nii": placed(image), "label.nii": placed(label) });
    const { image: seen } = await wholeScans(new CaseStore([files], DESCRIPTION, options)).get(
      0,
      Math.random,
    );
    const volume = await readVolume(files.images[0]!);
    const fed = await fedByPredict(volume, options.channels, seen.dims.slice(1) as unknown as Vec3, options);
    expect([1, ...seen.dims]).toEqual(fed.dims);
    expect(seen.data).toBeAllClose(fed.data as Float32Array, { rtol: 0, atol: 1e-6 });
  });

  test("a region's voxels have the intensities that they have in the whole scan", async () => {
    const files = await caseOf({ "x.nii": image, "label.nii": label });
    const whole = await wholeScans(new CaseStore([files], DESCRIPTION, { channels: 1 })).get(0, Math.random);
    const store = new CaseStore([files], DESCRIPTION, { channels: 1, region: HALVES.left });
    const { image: part, target } = await wholeScans(store).get(0, Math.random);
    // Plain axes: W runs to the patient's left.
    const isLeft = (_: number, i: number): boolean => i % 10 >= 5;
    expect(part).toEqual({ dtype: "float32", dims: [1, 6, 8, 5], data: whole.image.data.filter(isLeft) });
    expect(target).toEqual({ dtype: "uint8", dims: [6, 8, 5], data: whole.target.data.filter(isLeft) });
  });

  test("label and image are turned alike", async () => {
    const scan: Volume = { ...placed(label), direction: oblique.direction };
    const files = await caseOf({ "x.nii": scan, "label.nii": scan });
    const store = new CaseStore([files], DESCRIPTION, { channels: 1, orientation: "ARS", normalize: "none" });
    const { image: seen, target } = await wholeScans(store).get(0, Math.random);
    expect(target.dims).toEqual([6, 10, 8]);
    expect([...target.data]).toEqual([...seen.data].map((value) => value / 3));
    expect(target.data).not.toEqual(label.data.map((value) => value / 3));
  });

  test("label and image are resampled alike", async () => {
    // A block whose borders fall between voxels of both grids.
    const block = volumeOf([12, 12, 12], (d, h, w) => (d >= 4 && h >= 4 && w >= 8 ? 3 : 0));
    const files = await caseOf({ "x.nii": block, "label.nii": block });
    const store = new CaseStore([files], DESCRIPTION, {
      channels: 1,
      spacing: [2, 0.5, 4],
      normalize: "none",
    });
    const one = await wholeScans(store).get(0, Math.random);
    expect(one.target.dims).toEqual([6, 24, 3]);
    one.target.data.forEach((k, i) => {
      const [d, h, w] = [Math.floor(i / 72), Math.floor(i / 3) % 24, i % 3];
      expect(k).toBe(Number(d >= 2 && h >= 8 && w >= 2));
      expect(one.image.data[i]! > 1.5).toBe(k === 1);
    });
  });

  test("reads a file once while there is room, and lets the longest unused go", async () => {
    const files = await caseOf({ "x.nii": image, "label.nii": label });
    const bytes = 3 * image.data.length; // int16 and uint8
    const three = [files, files, files];
    const roomy = new CaseStore(three, DESCRIPTION, { channels: 1 });
    const first = await roomy.load(0);
    await roomy.load(1);
    expect(await roomy.load(0)).toBe(first);

    const narrow = new CaseStore(three, DESCRIPTION, { channels: 1, cacheBytes: 2 * bytes });
    const zero = await narrow.load(0);
    const one = await narrow.load(1);
    expect(await narrow.load(0)).toBe(zero); // now 1 is the longest unused
    await narrow.load(2);
    expect(await narrow.load(0)).toBe(zero);
    expect(await narrow.load(1)).not.toBe(one);

    // A case that alone is too large is held until the next one comes.
    const tiny = new CaseStore(three, DESCRIPTION, { channels: 1, cacheBytes: 1 });
    const [a, b] = await Promise.all([tiny.load(0), tiny.load(0)]);
    expect(a).toBe(b);
    expect(await tiny.load(0)).toBe(a);
    await tiny.load(1);
    expect(await tiny.load(0)).not.toBe(a);
  });

  test("a case that cannot be read does not stop the others", async () => {
    const good = await caseOf({ "x.nii": image, "label.nii": label });
    const bad = await caseOf({ "x.nii": image, "label.nii": label });
    rmSync(bad.label);
    const store = new CaseStore([bad, good], DESCRIPTION, { channels: 1 });
    const [failed, read] = await Promise.allSettled([store.load(0), store.load(1)]);
    expect(failed).toMatchObject({ status: "rejected", reason: { kind: "io" } });
    expect(read).toMatchObject({ status: "fulfilled" });
    await expect(store.load(0)).rejects.toThrow(/label\.nii": there is no such file/);
    await writeVolume(label, bad.label);
    expect((await store.load(0)).name).toBe("a");
  });

  test("says which case is odd, and in what", async () => {
    const holes = volumeOf(SHAPE, (d) => (d === 0 ? NaN : d), "float32");
    const files = await caseOf({ "x.nii": holes, "label.nii": label });
    const warnings: string[] = [];
    const onWarning = (sentence: string): number => warnings.push(sentence);
    const seen = await wholeScans(new CaseStore([files], DESCRIPTION, { channels: 1, onWarning })).get(
      0,
      Math.random,
    );
    expect(seen.image.data.every(Number.isFinite)).toBe(true);
    expect(warnings).toEqual(['Case "a": Voxels that are NaN or infinite are taken as 0: 80 of 480.']);
    const two = withData(image, Int16Array.of(...image.data, ...image.data), 2);
    const other = await caseOf({ "x.nii": two, "label.nii": label });
    await expect(new CaseStore([other], DESCRIPTION, { channels: 1 }).load(0)).rejects.toThrow(
      'Case "a" has 2 channels, but the network takes 1.',
    );
  });
});
