/** @file Heads for encoders of our own and from files: what they tap, that they lift and train, what they refuse. */

import { describe, expect, test } from "vitest";
import { network } from "../../test/helpers/networks.ts";
import { feedOf } from "../../test/helpers/compare.ts";
import { evaluateDim } from "../graph/dim.ts";
import { elementCount, floatTensor, numbersOf } from "../graph/tensor.ts";
import { LIFT_KINDS } from "../lift/options.ts";
import { lift, Model, unlift } from "../model/model.ts";
import { crossEntropy } from "../train/losses.ts";
import { adam } from "../train/optimisers.ts";
import { trainingStep } from "../train/step.ts";
import { classificationHead, densenet121Fcn, resnet18Fcn, vgg16BnFcn } from "./heads.ts";
import { architecture } from "./registry.ts";
import { resnet18 } from "./resnet.ts";
import { segmentationHead } from "./segmentation-head.ts";

const resnet = (): Model => resnet18({ kernels: "none" });

/** Kernels of the head by name: [outputs, inputs]. */
const headOf = ({ graph }: Model): Record<string, readonly number[]> =>
  Object.fromEntries(
    [...graph.initializers].flatMap(([name, { dims }]) =>
      /^head\..*weight$/.test(name) && dims.length > 1
        ? [[name.replace(/^head\.|\.weight$/g, ""), dims.slice(0, 2)]]
        : [],
    ),
  );

const dimsOf = ({ outputs }: Model, size: readonly number[]): number[] => {
  const sizes = new Map(["N", "H", "W"].map((name, i) => [name, [1, ...size][i]!]));
  return outputs[0]!.shape!.map((dim) => evaluateDim(dim, sizes)!);
};

describe("the paper's networks", () => {
  const options = { classes: 2, kernels: "none" } as const;

  test.each([
    [
      "ResNet-18",
      resnet18Fcn(options),
      { fuse1: [512, 640], fuse2: [512, 576], conv: [128, 512], classifier: [2, 128] },
    ],
    [
      "VGG-16",
      vgg16BnFcn(options),
      { fuse1: [256, 768], fuse2: [64, 320], conv: [16, 64], classifier: [2, 16] },
    ],
    [
      "DenseNet-121",
      densenet121Fcn(options),
      { fuse1: [256, 1280], fuse2: [64, 320], conv: [16, 64], classifier: [2, 16] },
    ],
  ] as const)("%s fuses what the authors' code fuses", (_, model, head) => {
    expect(headOf(model)).toEqual(head);
    expect(dimsOf(model, [48, 48])).toEqual([1, 2, 48, 48]);
    // Nothing is enlarged at the end.
    expect(model.graph.nodes.at(-1)!.op).toBe("Conv");
    expect(model.graph.nodes.filter(({ op }) => op === "Resize")).toHaveLength(2);
  });

  test("fill in as asked", () => {
    const modes = (model: Model): unknown[] =>
      model.graph.nodes.flatMap(({ op, attrs }) => (op === "Resize" ? [attrs["mode"]] : []));
    const linear = { kind: "string", value: "linear" };
    const nearest = { kind: "string", value: "nearest" };
    expect(modes(resnet18Fcn(options))).toEqual([linear, linear]);
    expect(modes(resnet18Fcn({ ...options, interpolation: "nearest" }))).toEqual([nearest, nearest]);
  });
});

describe("taps", () => {
  test("of a value or a node, in any order, fused from coarse to fine", () => {
    const taps = ["layer1", "layer4", "relu"];
    const model = segmentationHead(resnet(), { classes: 3, taps });
    expect(headOf(model)).toEqual({
      fuse1: [64, 576],
      fuse2: [64, 128],
      conv: [16, 64],
      classifier: [3, 16],
    });
    // The finest map has half the image's pixels per side.
    expect(dimsOf(model, [64, 96])).toEqual([1, 3, 64, 96]);
    expect(model.graph.initializers.has("fc.weight")).toBe(false);
  });

  test("by default: the last map of each resolution", () => {
    const model = segmentationHead(resnet(), { classes: 3 });
    const read = model.graph.nodes.filter(({ op }) => op === "Concat").map(({ inputs }) => inputs[0]);
    expect(read.filter((name) => !name!.includes("/"))).toEqual(["layer3", "layer2", "layer1", "relu"]);
    const mobile = segmentationHead(architecture("mobilenet_v2", { kernels: "none" }), { classes: 3 });
    expect(dimsOf(mobile, [64, 64])).toEqual([1, 3, 64, 64]);
  });

  test("a single one is enough", () => {
    const model = segmentationHead(resnet(), { classes: 3, taps: ["layer3"], hidden: 7 });
    expect(headOf(model)).toEqual({ conv: [7, 256], classifier: [3, 7] });
  });
});

test("a classifier reads the mean of the last map", () => {
  const model = classificationHead(resnet(), { classes: 2 });
  expect(headOf(model)).toEqual({ fc: [2, 512] });
  expect(dimsOf(model, [64, 64])).toEqual([1, 2]);
  expect(headOf(classificationHead(resnet(), { classes: 2, tap: "layer2" }))).toEqual({ fc: [2, 128] });
});

test("the encoder keeps its weights, the head's are drawn", () => {
  const encoder = resnet18({ seed: 5 });
  const model = segmentationHead(encoder, { classes: 2, seed: 1 });
  for (const [name, tensor] of model.graph.initializers) {
    if (encoder.graph.initializers.has(name)) expect(tensor).toBe(encoder.graph.initializers.get(name));
  }
  const weights = numbersOf(model.graph.initializers.get("head.conv.weight")!);
  expect(weights.every((w) => w !== 0)).toBe(true);
});

const EXPORTS = ["resnext", "densenet_dynamic", "convnext", "shufflenet"];

describe.each(EXPORTS)("%s, loaded from ONNX", (name) => {
  test("becomes a 3D segmenter by every kind of lifting, and trains", async () => {
    const flat = segmentationHead(await network(name), { classes: 4 });
    const [, channels] = flat.inputs[0]!.shape as number[];
    const size = [32, 32, 64] as const;
    for (const kind of LIFT_KINDS) {
      const model = lift(flat, { kind });
      const sizes = new Map(["N", "D", "H", "W"].map((axis, i) => [axis, [1, ...size][i]!]));
      expect(
        model.outputs[0]!.shape!.slice(1).map((dim) => evaluateDim(dim, sizes)),
        kind,
      ).toEqual([4, ...size]);
    }
    const step = trainingStep(lift(flat).graph, { loss: crossEntropy(), optimiser: adam(), batch: 2, size });
    expect(step.parameters.map((parameter) => parameter.name)).toContain("head.fuse1.weight");

    const model = lift(flat);
    const dims = [1, channels!, ...size];
    const image = floatTensor(
      dims,
      Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(i)),
    );
    const result = await model.run({ [model.inputs[0]!.name]: feedOf(image) });
    await model.dispose();
    const logits = result["head.logits"]!;
    expect(logits.dims).toEqual([1, 4, ...size]);
    expect((logits.data as Float32Array).some((score) => score !== 0)).toBe(true);
    expect([...unlift(model).graph.initializers.keys()]).toContain("head.fuse1.weight");
  });
});

describe("what is refused", () => {
  test.each<[string, () => Model, RegExp]>([
    [
      "a name that there is not",
      () => segmentationHead(resnet(), { classes: 2, taps: ["layr4"] }),
      /no value or node to tap "layr4": the nearest is "layer4"/,
    ],
    [
      "a value that is no map",
      () => segmentationHead(resnet(), { classes: 2, taps: ["fc"] }),
      /Cannot tap "fc": expected a float32 map.*\[N, 1000\]/,
    ],
    [
      "a pooled value",
      () => segmentationHead(resnet(), { classes: 2, taps: ["avgpool"] }),
      /Cannot tap "avgpool"/,
    ],
    [
      "no taps",
      () => segmentationHead(resnet(), { classes: 2, taps: [] }),
      /taps must name one map at least/,
    ],
    [
      "widths that do not fit",
      () => segmentationHead(resnet(), { classes: 2, taps: ["layer1", "layer2"], widths: [] }),
      /widths must be 1 for 2 taps/,
    ],
    [
      "no classes",
      () => segmentationHead(resnet(), { classes: 0 }),
      /classes must be a positive whole number, got 0/,
    ],
    [
      "a network that is 3D",
      () => segmentationHead(lift(resnet()), { classes: 2 }),
      /Expected a 2D network.*before it is lifted/,
    ],
    [
      "a second head",
      () => segmentationHead(segmentationHead(resnet(), { classes: 2 }), { classes: 2 }),
      /already has a value "head\./,
    ],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(message);
  });
});
