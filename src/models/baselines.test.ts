/** @file Networks that are 3D by birth: parameters by name and size, maps, shortcuts, and what is refused. */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { evaluateDim } from "../graph/dim.ts";
import { elementCount } from "../graph/tensor.ts";
import type { Model } from "../model/model.ts";
import { slotsOf } from "../ops/parameters.ts";
import { transferred } from "../weights/selection.ts";
import { ARCHITECTURES, architecture, type ArchitectureOptions } from "./registry.ts";

type Sizes = Readonly<Record<string, readonly number[]>>;

const { networks } = JSON.parse(
  gunzipSync(readFileSync(new URL("../../test/fixtures/baseline_keys.json.gz", import.meta.url))).toString(),
) as { networks: Readonly<Record<string, Sizes>> };

const build = (name: string, options: ArchitectureOptions = {}): Model =>
  architecture(name, { kernels: "none", ...options });

/** The fixture's networks, which differ from those of the same name by options. */
function built(key: string): Model {
  if (key.endsWith("_2020")) return build(key.replace("_2020", ""), { generation: 2020 });
  if (key.endsWith("_classifier")) return build(key.replace("_classifier", ""), { head: "classification" });
  return build(key);
}

function sizesOf({ graph }: Model): Sizes {
  const slots = [...slotsOf(graph).values()].flat();
  return Object.fromEntries(slots.map(({ name, tensor }) => [name, tensor.dims]));
}

const countOf = (sizes: Sizes): number =>
  Object.entries(sizes)
    .filter(([name]) => !/\.running_(mean|var)$/.test(name))
    .reduce((sum, [, dims]) => sum + elementCount(dims), 0);

/** Sizes of the outputs but for the batch, for a volume of [D, H, W]. */
const mapsOf = (
  model: Model,
  [d, h, w]: readonly [number, number, number] = [32, 48, 64],
): (readonly number[])[] => {
  const sizes = new Map([
    ["D", d],
    ["H", h],
    ["W", w],
  ]);
  return model.outputs.map(({ shape }) => shape!.slice(1).map((dim) => evaluateDim(dim, sizes)!));
};

test("every network that is 3D by birth has been compared, and the 2D one in H-DenseUNet", () => {
  const names = ARCHITECTURES.filter(({ dimensions }) => dimensions === 3).map(({ name }) => name);
  const compared = Object.keys(networks).map((key) => key.replace(/_(2020|classifier)$/, ""));
  expect([...names, "denseunet2d"].sort()).toEqual([...new Set(compared)].sort());
});

test.each(Object.keys(networks))("%s has the published parameters, by name and size", (key) => {
  const expected = networks[key]!;
  // Models Genesis keeps running statistics, but never reads them.
  const isRead = (name: string): boolean => !(key.startsWith("models_genesis") && name.includes(".running_"));
  expect(sizesOf(built(key))).toEqual(
    Object.fromEntries(Object.entries(expected).filter(([name]) => isRead(name))),
  );
});

test.each([
  ["med3d10", 14_514_464],
  ["med3d200", 127_111_712],
  ["video_resnet18", 33_235_280],
  ["models_genesis", 19_073_665],
  ["h_denseunet", 61_195_054],
  ["denseunet2d", 49_747_779],
])("%s has %i parameters", (name, count) => {
  expect(countOf(sizesOf(build(name)))).toBe(count);
});

test("Models Genesis is as large as the paper says without its transposed convolutions", () => {
  const sizes = sizesOf(build("models_genesis"));
  const others = Object.fromEntries(Object.entries(sizes).filter(([name]) => !name.includes(".up_conv.")));
  expect([sizes, others].map((some) => ((4 * countOf(some)) / 1e6).toFixed(1))).toEqual(["76.3", "65.3"]);
});

describe("maps", () => {
  const layers = ["layer1", "layer2", "layer3", "layer4"];

  test("Med3D keeps an eighth, and its head gives a quarter, enlarged", () => {
    expect(mapsOf(build("med3d50", { outputs: layers }))).toEqual([
      [256, 8, 12, 16],
      [512, 4, 6, 8],
      [1024, 4, 6, 8],
      [2048, 4, 6, 8],
    ]);
    expect(mapsOf(build("med3d18", { outputs: ["conv_seg", "out"], classes: 5 }))).toEqual([
      [5, 8, 12, 16],
      [5, 32, 48, 64],
    ]);
    expect(mapsOf(build("med3d18", { head: "classification", channels: 2 }))).toEqual([[2]]);
  });

  test("videos keep all frames in the first convolution", () => {
    expect(mapsOf(build("video_resnet18", { outputs: ["relu", ...layers, "fc"] }))).toEqual([
      [64, 32, 24, 32],
      [64, 16, 12, 16],
      [128, 8, 6, 8],
      [256, 4, 3, 4],
      [512, 2, 2, 2],
      [400],
    ]);
  });

  test("Models Genesis", () => {
    const outputs = ["down_tr128", "down_tr512", "up_tr64", "out_tr.final_conv", "out_tr"];
    expect(mapsOf(build("models_genesis", { outputs, classes: 3 }))).toEqual([
      [128, 16, 24, 32],
      [512, 4, 6, 8],
      [64, 32, 48, 64],
      [3, 32, 48, 64],
      [3, 32, 48, 64],
    ]);
    expect(mapsOf(build("models_genesis", { head: "classification" }))).toEqual([[2]]);
  });

  test("H-DenseUNet keeps all slices in its 2D part, and a quarter of them in the 3D one", () => {
    const outputs = [
      "slices",
      "pool4",
      "dense167classifer",
      "3dpool1",
      "3dpool4",
      "3dac_up4",
      "2d3dclassifer",
    ];
    expect(mapsOf(build("h_denseunet", { outputs, classes: 2 }), [32, 64, 96])).toEqual([
      [3, 32, 64, 96],
      [1056, 32, 2, 3],
      [2, 32, 64, 96],
      [96, 8, 16, 24],
      [248, 8, 2, 3],
      [64, 32, 64, 96],
      [2, 32, 64, 96],
    ]);
  });
});

test("an encoder's transfer takes all but the head", () => {
  const heads = (name: string, options: ArchitectureOptions = {}): string[] =>
    Object.keys(sizesOf(build(name, options))).filter((weight) => !transferred("encoder")(weight));
  expect(heads("med3d18").every((name) => name.startsWith("conv_seg."))).toBe(true);
  expect(heads("video_resnet18")).toEqual(["fc.weight", "fc.bias"]);
  const hybrid = heads("h_denseunet");
  expect(hybrid).toHaveLength(10 * 6 + 2 + 2 + 4 + 2);
  for (const name of hybrid) expect(name).toMatch(/^(3d)?(conv|bn)_up|^dense167|^fianl|^final_bn|^2d3d/);
  const genesis = heads("models_genesis", { head: "classification" });
  expect(genesis).toEqual(["dense_1.weight", "dense_1.bias", "dense_2.weight", "dense_2.bias"]);
});

test.each<[string, object, RegExp]>([
  ["med3d18", { head: "none" }, /head must be one of segmentation, classification, got none/],
  ["med3d18", { generation: 2018 }, /med3d18 has no option "generation"/],
  ["med3d19", {}, /no architecture "med3d19": the nearest is "med3d1\d"/],
  ["video_resnet18", { generation: 2019 }, /generation must be one of 2018, 2020, got 2019/],
  ["h_denseunet", { dense3d: { blocks: [1, 2] } }, /dense3d\.blocks must be 4 numbers of layers, got 2/],
  ["h_denseunet", { dense2d: { growth: 0 } }, /dense2d\.growth must be a positive whole number, got 0/],
  ["denseunet2d", { blocks: [6, 12, 0, 24] }, /blocks\[2\] must be a positive whole number, got 0/],
  ["models_genesis", { classes: 0 }, /classes must be a positive whole number, got 0/],
])("%s refuses %j", (name, options, message) => {
  expect(() => build(name, options as ArchitectureOptions)).toThrow(message);
});
