/** @file Pictures of an experiment: which there are, and that they show what they say. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Model, lift } from "acsconv";
import { symbol, floatTensor } from "acsconv/graph";
import { pocUnet } from "acsconv/models";
import { labelPaint } from "acsconv/report";
import { madeUp } from "../../test/poc-results.ts";
import { stacked } from "../pictures.ts";
import { DATA_SEED } from "./config.ts";
import { samples3d } from "./data.ts";
import { pocPictures, tellingSlice } from "./pictures.ts";
import { CANVAS, CLASSES_2D } from "./shapes.ts";

let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "acsconv-pictures-"));
});
afterAll(() => rmSync(out, { recursive: true }));

const CUBE = 2;
const BACKGROUND = 5;
const THRESHOLD = 0.5;

/** A network that takes every voxel brighter than the threshold for part of a cube. */
function thresholding(): Model {
  const weight = new Float32Array(6);
  const bias = new Float32Array(6).fill(-100);
  weight[CUBE] = 1;
  bias[CUBE] = -THRESHOLD;
  bias[BACKGROUND] = 0;
  const image = {
    name: "image",
    dtype: "float32",
    shape: [symbol("N"), 1, symbol("H"), symbol("W")],
  } as const;
  const inputs = ["image", "weight", "bias"];
  const model = new Model({
    name: "threshold",
    inputs: [image],
    outputs: [{ ...image, name: "logits", shape: [symbol("N"), 6, symbol("H"), symbol("W")] }],
    nodes: [{ op: "Conv", domain: "", name: "final", inputs, outputs: ["logits"], attrs: {} }],
    initializers: new Map([
      ["weight", floatTensor([6, 1, 1, 1], weight)],
      ["bias", floatTensor([6], bias)],
    ]),
    valueInfos: new Map(),
    opsets: new Map([["", 18]]),
    metadata: new Map(),
  });
  return lift(model, { kind: "acs" });
}

test("an experiment that has not begun has samples", async () => {
  const { images, volumes, features, masks } = await pocPictures(join(out, "nothing"), madeUp({ runs: {} }));
  expect([features, masks]).toEqual([[], []]);
  const samples = [...images, ...volumes];
  expect(samples.map(({ tiles }) => tiles.length)).toEqual([8, 8]);
  const [image, volume] = samples.map(({ tiles }) => tiles[0]!.image);
  // An image and its mask; a slice, its mask, and the rendering.
  expect([image!.width, image!.height]).toEqual([4 * CANVAS, 8 * CANVAS + 4]);
  expect([volume!.width, volume!.height]).toEqual([4 * CANVAS, 12 * CANVAS + 8]);
});

test("features are those of the best channels, masks those of the saved networks, with their Dice", async () => {
  mkdirSync(join(out, "unet-2d"));
  mkdirSync(join(out, "acs-p/seed-0"), { recursive: true });
  await pocUnet({ classes: CLASSES_2D.length }).save(join(out, "unet-2d/model.onnx"));
  await thresholding().save(join(out, "acs-p/seed-0/model.onnx"));

  const results = madeUp({
    config: { models: ["acs-r", "acs-p"] },
    runs: { "acs-p": [{ epochs: [], nearest: 0.7, linear: 0.8 }] },
  });
  const channels = Array.from({ length: 32 }, (_, i) => 0.5 + i / 100);
  const measured = results.trainings.map((training) => ({
    ...training,
    runs: training.runs.map((run) =>
      run.features ? { ...run, features: { ...run.features, linear: { mean: 0.65, channels } } } : run,
    ),
  }));
  const { features, masks } = await pocPictures(out, { ...results, trainings: measured });

  expect(features.map(({ title }) => title.split(",")[0])).toEqual(["ACS UNet p.", "ACS UNet p."]);
  expect(features[0]!.title).toContain("mAUC 65.0: volume 0");
  expect(features[1]!.tiles.map(({ title }) => title)).toEqual([
    "image",
    "truth",
    ...[31, 30, 29, 28, 27, 26].map((i) => `channel ${i}: ${(50 + i).toFixed(1)}`),
  ]);

  expect(masks).toHaveLength(3);
  const volumes = samples3d({ part: "test", seed: DATA_SEED, rotate: "published" });
  masks.forEach(({ tiles }, index) => {
    const { image, labels } = volumes(index);
    let [both, predicted, truth] = [0, 0, 0];
    labels.forEach((label, i) => {
      const isCube = label === CUBE;
      const isBright = image[i]! > THRESHOLD;
      if (isCube) truth++;
      if (isBright) predicted++;
      if (isCube && isBright) both++;
    });
    const present = new Set(labels).size - 1;
    const dice = (2 * both) / (predicted + truth) / present;
    expect(tiles.map(({ title }) => title)).toEqual([
      "image",
      "truth",
      `ACS UNet p.\nDice ${(100 * dice).toFixed(1)}`,
    ]);
    // Nothing but cubes and background in the slice.
    const { data, width } = tiles[2]!.image;
    const colours = new Set<string>();
    for (let i = 0; i < width * width; i++) colours.add(data.slice(3 * i, 3 * i + 3).join());
    expect(colours).toEqual(new Set([labelPaint(CUBE + 1).join(), "24,24,24"]));
  });
});

test("the slice with the most classes that can be seen, and of these the one whose smallest is largest", () => {
  const size = 12;
  const data = new Uint8Array(size ** 3);
  const fill = (label: number, from: readonly number[], to: readonly number[]): void => {
    for (let d = from[0]!; d < to[0]!; d++)
      for (let h = from[1]!; h < to[1]!; h++)
        for (let w = from[2]!; w < to[2]!; w++) data[(d * size + h) * size + w] = label;
  };
  // Both are in planes 3 to 6 across axis 1; there is more of the second from 5 on. A speck of a third is elsewhere.
  fill(1, [0, 0, 0], [6, 7, 6]);
  fill(2, [6, 3, 6], [12, 5, 10]);
  fill(2, [6, 5, 6], [12, 7, 12]);
  fill(3, [0, 4, 9], [2, 5, 11]);
  expect(tellingSlice({ data, shape: [size, size, size] })).toEqual({ axis: 1, index: 5 });
});

test("pictures are put below each other", () => {
  const one = (...data: number[]) => ({ width: 1, height: 1, data: Uint8Array.from(data) });
  const sheet = stacked([one(1, 2, 3), one(4, 5, 6)], 2);
  expect([sheet.width, sheet.height]).toEqual([1, 4]);
  expect([...sheet.data]).toEqual([1, 2, 3, 0, 0, 0, 0, 0, 0, 4, 5, 6]);
});

test("an abort ends it", async () => {
  const runs = { "acs-p": [{ epochs: [], nearest: 0.7, linear: 0.8 }] };
  const reason = new Error("enough");
  await expect(pocPictures(out, madeUp({ runs }), { signal: AbortSignal.abort(reason) })).rejects.toBe(
    reason,
  );
});
