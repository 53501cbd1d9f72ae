/** @file mAUC against all pairs of voxels, and against PyTorch for a whole network. */

import { describe, expect, test } from "vitest";
import { lift, type Model, createSession } from "acsconv";
import { uniform } from "acsconv/data";
import { str, floatTensor } from "acsconv/graph";
import { pocUnet } from "acsconv/models";
import { DEAD, facts, formulaSample, withFormulaWeights } from "../../../test/helpers/poc-formula.ts";
import { graphOf, node, value } from "../../../test/helpers/graphs.ts";
import { Layers } from "../../../src/models/layers.ts";
import { encodeModel } from "../../../src/onnx/encode.ts";
import { featureMaps, meanAuc } from "./features.ts";
import type { Sample } from "./shapes.ts";

const SIZE = 48;
const VOXELS = SIZE ** 3;

/** Maps [24, 24, 24] of the image's largest values in 2×2×2: max(0, w·x + b) for every [w, b]. */
function pointwise(channels: readonly (readonly [number, number])[]): Model {
  const net = Layers.from("image", 1);
  const conv = net.conv("conv", net.maxPool("pool", net.input, { kernel: 2, stride: 2 }), {
    out: channels.length,
    kernel: 1,
  });
  const weights = new Map([
    ["conv.weight", floatTensor([channels.length, 1, 1, 1], channels.map(([w]) => w))],
    ["conv.bias", floatTensor([channels.length], channels.map(([, b]) => b))],
  ]); // prettier-ignore
  return lift(net.finish("pointwise", [net.relu("relu", conv)]).withWeights(weights));
}

/** Noise of few different values, higher in a few voxels of classes 0 … 4; the rest is background. */
function sample(number: number): Sample {
  const random = uniform(number);
  const labels = new Uint8Array(VOXELS).fill(5);
  for (let i = 0; i < 12; i++) labels[Math.floor(random() * VOXELS)] = i % 5;
  const image = Float32Array.from(labels, (label) => Math.floor(8 * random() + (label < 5 ? 4 : 0)) / 8);
  return { image, labels };
}

/** The definition: how often a voxel of a shape is above one of the background, ties counting half. */
function allPairs(maps: readonly Float32Array[], samples: readonly Sample[]): number {
  const of = (wanted: boolean): number[] =>
    maps.flatMap((map, i) => Array.from(map).filter((_, at) => samples[i]!.labels[at]! < 5 === wanted));
  const [positives, negatives] = [of(true), of(false)];
  let doubled = 0;
  for (const p of positives) for (const n of negatives) doubled += p > n ? 2 : p === n ? 1 : 0;
  return doubled / 2 / (positives.length * negatives.length);
}

describe("meanAuc", () => {
  // As it is, turned round, mostly zero, and dead.
  const net = pointwise([
    [1, 0],
    [-1, 2],
    [1, -1.2],
    [1, -9],
  ]);

  test("equals the count over all pairs of all volumes, the maps taken the right way round", async () => {
    const samples = [sample(1), sample(2)];
    const maps = await Promise.all(samples.map(({ image }) => featureMaps(net, image)));
    const { mean, channels } = await meanAuc(net, (index) => samples[index]!, 2);
    const areas = [0, 1, 2, 3].map((channel) =>
      allPairs(
        maps.map((of) => of[channel]!),
        samples,
      ),
    );
    // Both are the same whole numbers, divided.
    expect(channels).toEqual(areas.map((area) => Math.max(area, 1 - area)));
    expect(areas[0]).toBeGreaterThan(0.6);
    expect(areas[1]).toBeLessThan(0.4);
    expect(channels[3]).toBe(0.5);
    expect(mean).toBeCloseTo((channels[0]! + channels[1]! + channels[2]! + 0.5) / 4, 12);
  });

  test("says how far it is, and ends where it is told to", async () => {
    const seen: string[] = [];
    const stop = new AbortController();
    const reason = new Error("enough");
    const work = meanAuc(net, sample, 2, {
      signal: stop.signal,
      onProgress(done, total) {
        seen.push(`${done}/${total}`);
        if (done === 4) stop.abort(reason);
      },
    });
    await expect(work).rejects.toBe(reason);
    expect(seen).toEqual(["1/6", "2/6", "3/6", "4/6"]);
  });

  test.each(["linear", "nearest"] as const)("of the U-Net equals PyTorch's (%s)", async (interpolation) => {
    const net = lift(withFormulaWeights(pocUnet({ classes: 6, output: "features", interpolation })));
    const { mean, channels } = await meanAuc(net, formulaSample, 2);
    const expected = facts.auc[interpolation];
    // Features agree to some 1e-6: pairs that are nearly tied may fall either way.
    expect(channels).toBeAllClose(expected, { rtol: 0, atol: 1e-5 });
    expect(mean).toBeCloseTo(expected.reduce((sum, area) => sum + area) / expected.length, 6);
    expect(expected).toHaveLength(32);
    expect(channels[DEAD]).toBe(0.5);
  });
});

test("featureMaps are the network's maps as ONNX Runtime enlarges them", async () => {
  const net = lift(withFormulaWeights(pocUnet({ classes: 6, output: "features" })));
  const { image } = formulaSample(0);
  const feeds = { image: { dtype: "float32" as const, dims: [1, 1, SIZE, SIZE, SIZE], data: image } };
  const [maps] = Object.values(await net.run(feeds));
  await net.dispose();
  const attrs = { mode: str("linear"), coordinate_transformation_mode: str("half_pixel") };
  const resize = graphOf([node("Resize", ["x", "", "scales"], ["y"], attrs)], {
    inputs: [value("x", [1, 32, 24, 24, 24])],
    outputs: [value("y", [1, 32, SIZE, SIZE, SIZE])],
    initializers: { scales: floatTensor([5], [1, 1, 2, 2, 2]) },
  });
  const session = await createSession(Buffer.concat([...encodeModel(resize)]));
  const { y } = await session.run({ x: maps! });
  await session.dispose();
  const enlarged = await featureMaps(net, image);
  expect(enlarged).toHaveLength(32);
  for (const [channel, map] of enlarged.entries()) {
    const expected = (y!.data as Float32Array).subarray(channel * VOXELS, (channel + 1) * VOXELS);
    expect(map).toBeAllClose(expected, { rtol: 1e-5, atol: 1e-6 });
  }
});
