/** @file Networks by name: parameters as torchvision names them, sizes of the paper, sizes of maps, bad options. */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { evaluateDim } from "../graph/dim.ts";
import { elementCount } from "../graph/tensor.ts";
import { lift, type Model } from "../model/model.ts";
import { slotsOf } from "../ops/parameters.ts";
import { ARCHITECTURES, architecture, type ArchitectureOptions } from "./registry.ts";
import { resnet18Fcn } from "./heads.ts";
import { resnet18 } from "./resnet.ts";
import { unet } from "./unet.ts";

type Sizes = Readonly<Record<string, readonly number[]>>;

const { networks } = JSON.parse(
  gunzipSync(
    readFileSync(new URL("../../test/fixtures/torchvision_keys.json.gz", import.meta.url)),
  ).toString(),
) as { networks: Readonly<Record<string, Sizes>> };

const build = (name: string, options: ArchitectureOptions = {}): Model =>
  architecture(name, { kernels: "none", ...options });

/** Weights and statistics by name. */
function sizesOf({ graph }: Model): Sizes {
  const slots = [...slotsOf(graph).values()].flat();
  return Object.fromEntries(slots.map(({ name, tensor }) => [name, tensor.dims]));
}

const countOf = (sizes: Sizes, only = /./): number =>
  Object.entries(sizes)
    .filter(([name]) => only.test(name) && !/\.running_(mean|var)$/.test(name))
    .reduce((sum, [, dims]) => sum + elementCount(dims), 0);

const megabytes = (count: number): string => ((4 * count) / 1e6).toFixed(1);

/** ConvNeXt's linear layers are convolutions here. */
const withoutTaps = (sizes: Sizes): Sizes =>
  Object.fromEntries(
    Object.entries(sizes).map(([name, dims]) => [
      name,
      /\.block\.[35]\.weight$/.test(name) && dims.length === 4 ? dims.slice(0, 2) : dims,
    ]),
  );

test("every network of torchvision's list has been compared", () => {
  const ours = ["unet", "poc_unet", "resnet18_fcn", "vgg16_bn_fcn", "densenet121_fcn", "denseunet2d"];
  const flat = ARCHITECTURES.filter(({ dimensions }) => dimensions === 2);
  const rest = flat.map(({ name }) => name).filter((name) => !name.startsWith("deeplabv3plus"));
  expect(rest.filter((name) => !ours.includes(name)).sort()).toEqual(Object.keys(networks).sort());
});

test.each(Object.keys(networks))("%s has the parameters of torchvision's, by name and size", (name) => {
  const isSegmenter = /^(fcn|deeplab)/.test(name);
  const found = sizesOf(build(name, isSegmenter ? { aux: true } : {}));
  const expected = networks[name]!;
  expect(name.startsWith("convnext") ? withoutTaps(found) : found).toEqual(expected);
});

describe("sizes of the paper", () => {
  test("ResNet-18 FCN", () => {
    const flat = resnet18Fcn({ classes: 2, kernels: "none" });
    const acs = countOf(sizesOf(lift(flat)));
    expect([acs, megabytes(acs)]).toEqual([12_389_442, "49.6"]);
    expect(megabytes(countOf(sizesOf(lift(flat, { kind: "3d" }))))).toBe("142.4");
  });

  test("DeepLabV3 on ResNet-101", () => {
    const sizes = sizesOf(build("deeplabv3_resnet101"));
    expect([countOf(sizes), megabytes(countOf(sizes))]).toEqual([58_630_997, "234.5"]);
    expect(megabytes(countOf(sizes, /^backbone\./))).toBe("170.0");
  });

  test("DeepLabV3+ has a few more than DeepLabV3: 48 low channels, a second convolution 3×3", () => {
    const [v3, plus] = ["deeplabv3_resnet101", "deeplabv3plus_resnet101"].map((name) => sizesOf(build(name)));
    // 1×1 256 → 48 with BatchNorm; 48 more inputs of the first 3×3; the second one with BatchNorm.
    const more = 256 * 48 + 2 * 48 + 48 * 256 * 9 + 256 * 256 * 9 + 2 * 256;
    expect(countOf(plus!) - countOf(v3!)).toBe(more);
    const shared = Object.keys(v3!).filter((name) => !/^classifier\.[1-4]\./.test(name));
    for (const name of shared) expect(plus![name], name).toEqual(v3![name]);
  });

  test("U-Net", () => {
    expect(countOf(sizesOf(build("poc_unet", { classes: 6 })))).toBe(389_286);
    // Ronneberger's, with padding and BatchNorm, transposed: two convolutions per block, then a 1×1.
    const conv = (from: number, to: number): number => from * to * 9 + to + 2 * to;
    const widths = [64, 128, 256, 512, 1024];
    const encoder = widths.reduce((sum, w, i) => sum + conv(widths[i - 1] ?? 3, w) + conv(w, w), 0);
    const decoder = widths
      .slice(0, -1)
      .reduce((sum, w, i) => sum + 4 * w * widths[i + 1]! + w + conv(2 * w, w) + conv(w, w), 0);
    expect(countOf(sizesOf(build("unet", { classes: 2 })))).toBe(encoder + decoder + 2 * 64 + 2);
  });
});

/** [channels, height, width] of the outputs for an image of 64 × 96. */
const mapsOf = (model: Model): (readonly number[])[] => {
  const sizes = new Map([
    ["H", 64],
    ["W", 96],
  ]);
  return model.outputs.map(({ shape }) => shape!.slice(1).map((dim) => evaluateDim(dim, sizes)!));
};

describe("maps", () => {
  const stages = ["relu", "layer1", "layer2", "layer3", "layer4"];

  test("stages are outputs by name, and what they do not need is left out", () => {
    const model = resnet18({ outputs: stages, kernels: "none" });
    expect(mapsOf(model)).toEqual([
      [64, 32, 48],
      [64, 16, 24],
      [128, 8, 12],
      [256, 4, 6],
      [512, 2, 3],
    ]);
    expect(model.graph.initializers.has("fc.weight")).toBe(false);
  });

  test.each<[string, ArchitectureOptions, number[]]>([
    ["resnet18", {}, [2, 4, 8, 16, 32]],
    ["resnet18", { stem: { stride: 1, pool: false } }, [1, 1, 2, 4, 8]],
    ["resnet18", { stem: { stride: 1, pool: false }, strides: [1, 2, 1, 2] }, [1, 1, 2, 2, 4]],
    ["resnet50", { outputStride: 16 }, [2, 4, 8, 16, 16]],
    ["resnet50", { outputStride: 8 }, [2, 4, 8, 8, 8]],
    ["resnet34", { outputStride: 8 }, [2, 4, 8, 8, 8]],
  ])("%s with %j", (name, options, strides) => {
    const maps = mapsOf(build(name, { ...options, outputs: stages }));
    expect(maps.map(([, h, w]) => [h, w])).toEqual(strides.map((s) => [64 / s, 96 / s]));
  });

  test("kernels are dilated where strides are left out, one block late as in torchvision", () => {
    const { graph } = build("resnet50", { outputStride: 8 });
    const dilation = (name: string): unknown => {
      const attr = graph.nodes.find((node) => node.name === name)!.attrs["dilations"];
      return attr?.kind === "ints" ? attr.value[0] : 1;
    };
    const found = ["layer2.1", "layer3.0", "layer3.1", "layer4.0", "layer4.1"].map((block) =>
      dilation(`${block}.conv2`),
    );
    expect(found).toEqual([1, 1, 2, 2, 4]);
  });

  test("VGG keeps its weights' names where pools are left out, and takes one size only with its head", () => {
    const pools = [false, true, false, true, false];
    const cut = build("vgg16_bn", { pools, outputs: ["features.42"] });
    expect(mapsOf(cut)).toEqual([[512, 16, 24]]);
    const whole = Object.entries(sizesOf(build("vgg16_bn"))).filter(([name]) => name.startsWith("features."));
    expect(sizesOf(cut)).toEqual(Object.fromEntries(whole));
    expect(build("vgg11").inputs[0]!.shape!.slice(1)).toEqual([3, 224, 224]);
    expect(build("vgg11", { size: [448, 224] }).outputs[0]!.shape![1]).toBe(1000);
    expect(() => build("vgg11", { size: [256, 320] })).toThrow(/map of 8×10 pixels.*multiple of 7/);
  });

  const segmenters = ARCHITECTURES.filter(
    ({ name, dimensions, task }) => dimensions === 2 && task === "segmentation" && name !== "poc_unet",
  );
  test.each(segmenters.map(({ name }) => name))("%s gives logits as large as the image", (name) => {
    expect(mapsOf(build(name, { classes: 5, channels: 1 }))).toEqual([[5, 64, 96]]);
  });
});

test("seeds", () => {
  const weight = (options: ArchitectureOptions): Buffer =>
    Buffer.from(architecture("mobilenet_v2", options).graph.initializers.get("features.0.0.weight")!.bytes);
  expect(weight({}).equals(weight({ seed: 0 }))).toBe(true);
  expect(weight({}).equals(weight({ seed: 1 }))).toBe(false);
});

describe("what is refused", () => {
  test("names, with the nearest one; ours and torchvision's are known", () => {
    expect(() => architecture("resnet19")).toThrow(/no architecture "resnet19": the nearest is "resnet\d+"/);
    expect(() => architecture("constructor")).toThrow(/no architecture/);
    for (const name of ["deeplabV3Resnet50", "deeplabv3_resnet50", "DeepLabV3-ResNet50"]) {
      expect(build(name).graph.name).toBe("deeplabv3_resnet50");
    }
  });

  test.each<[string, object, RegExp]>([
    ["resnet18", { stems: {} }, /no option "stems"; did you mean "stem"\? It takes channels, outputs,/],
    ["vgg16", { stem: {} }, /vgg16 has no option "stem"/],
    ["resnet18", { channels: 0 }, /channels must be a positive whole number, got 0/],
    ["resnet18", { classes: 2.5 }, /classes must be a positive whole number, got 2.5/],
    ["unet", {}, /classes must be a positive whole number, got undefined/],
    ["resnet18", { stem: { stride: 3 } }, /stem.stride must be one of 1, 2, got 3/],
    ["resnet18", { strides: [1, 2] }, /strides must be four numbers, one per layer, got \[1, 2\]/],
    ["resnet18", { outputStride: 5 }, /outputStride must be one of 1, 2, 4, 8, 16, 32, got 5/],
    ["resnet18", { outputStride: 2 }, /outputStride must be 4 at least, by which the stem alone reduces/],
    ["deeplabv3_resnet50", { outputStride: 32 }, /outputStride must be one of 8, 16, got 32/],
    ["resnet18", { outputs: ["layer5"] }, /no value "layer5": the nearest is "layer\d"/],
    ["resnet18", { outputs: [] }, /outputs must name one value of resnet18 at least, such as "fc"/],
    ["vgg11", { pools: [true] }, /pools must be five, one per stage, got \[true\]/],
    ["unet", { classes: 2, widths: [8] }, /widths of two levels or more.*found 1 and 0/],
    ["unet", { classes: 2, decoderWidths: [8] }, /decoderWidths of one fewer, found 5 and 1/],
    [
      "unet",
      { classes: 2, decoder: "linear" },
      /decoder must be one of transposed, interpolating, got linear/,
    ],
    ["unet", { classes: 2, skips: "none" }, /skips must be one of pre-pool, post-pool, got none/],
  ])("%s with %j", (name, options, message) => {
    expect(() => build(name, options as ArchitectureOptions)).toThrow(message);
  });

  test("a level without channels", () => {
    expect(() => unet({ classes: 2, widths: [8, 0] })).toThrow(
      /widths must be a positive whole number, got 0/,
    );
  });
});
