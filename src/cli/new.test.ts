/** @file `acsconv new`: what it saves, what it says of the weights, and what it refuses. */

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acsconv } from "../../test/helpers/command-line.ts";
import { concat } from "../../test/helpers/graphs.ts";
import { intsAttr } from "../graph/graph.ts";
import { elementCount, numbersOf, type Tensor } from "../graph/tensor.ts";
import { load, type Model } from "../index.ts";
import { architecture } from "../models/index.ts";
import { encodeSafetensors } from "../formats/safetensors.ts";

let folder: string;
const at = (name: string): string => join(folder, name);
/** An argument with an `@` is a file in the folder. */
const make = (args: string, out = "@out.onnx"): ReturnType<typeof acsconv> =>
  acsconv(...`new ${args} -o ${out}`.split(" ").map((arg) => (arg.startsWith("@") ? at(arg.slice(1)) : arg)));
const made = (): Promise<Model> => load(at("out.onnx"));

const weightsOf = (model: Model): Map<string, Tensor> =>
  new Map([...model.graph.initializers].filter(([name]) => /\.(weight|bias|running_\w+)$/.test(name)));
const values = (model: Model, name: string): number[] => [...numbersOf(model.graph.initializers.get(name)!)];
const shapes = ({ inputs, outputs }: Model): string[] =>
  [...inputs, ...outputs].map(({ name, shape }) => `${name} ${shape!.join(" ")}`);

/** As if they were ImageNet's: the smallest network that classifies. */
const imagenet = architecture("mobilenet_v2", { seed: 5 });
const STEM = "features.0.0.weight";
const LAYER = "features.1.conv.1.weight";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acsconv-new-"));
  const save = async (name: string, model: Model): Promise<void> => {
    const chunks = encodeSafetensors({ tensors: weightsOf(model), metadata: new Map() });
    await writeFile(at(name), concat(chunks));
  };
  await save("imagenet.safetensors", imagenet);
  await save("grey.safetensors", architecture("mobilenet_v2", { channels: 1, seed: 5 }));
  await save("unet.safetensors", architecture("poc_unet", { classes: 3, seed: 5 }));
});
afterAll(() => rm(folder, { recursive: true }));

/** The kernel summed over its input channels. */
function folded(model: Model, name: string): number[] {
  const [out, channels, ...kernel] = model.graph.initializers.get(name)!.dims as [
    number,
    number,
    ...number[],
  ];
  const [taps, all] = [elementCount(kernel), values(model, name)];
  return Array.from({ length: out * taps }, (_, i) => {
    const [o, t] = [Math.floor(i / taps), i % taps];
    return Array.from({ length: channels }, (_, c) => all[(o * channels + c) * taps + t]!).reduce(
      (a, b) => a + b,
    );
  });
}

test("pretrained weights of colour images into a segmenter of grey volumes", async () => {
  const { code, stdout } = await make(
    "mobilenet_v2 --weights @imagenet.safetensors --kind acs --channels 1 --classes 2 --head fcn",
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/^mobilenet_v2 → .*out\.onnx {2}\(acs\)$/m);
  expect(stdout).toMatch(/^loaded +8\.\d+ MB of \d+\.\d MB: \d+\.\d % of the parameters$/m);
  expect(stdout).toMatch(/^missing +\d+ \(fresh\): head\.fuse1\.weight, /m);
  expect(stdout).toMatch(/^unexpected +2 \(not used\): classifier\.1\.\w+, classifier\.1\.\w+$/m);
  const model = await made();
  expect(model.lifted?.options.kind).toBe("acs");
  expect(shapes(model)).toEqual(["image N 1 D H W", "head.logits N 2 D H W"]);
  expect(values(model, LAYER)).toEqual(values(imagenet, LAYER));
  expect(values(model, "head.classifier.weight").every((value) => value !== 0)).toBe(true);
});

test("the same in 2D, as a classifier", async () => {
  const { stdout } = await make(
    "mobilenet_v2 --weights @imagenet.safetensors --kind 2d --channels 1 --classes 4 --head cls",
  );
  expect(stdout).toMatch(/\(2d\)$/m);
  const model = await made();
  expect(model.lifted).toBeUndefined();
  expect(shapes(model)).toEqual(["image N 1 H W", "head.fc N 4"]);
  expect(values(model, LAYER)).toEqual(values(imagenet, LAYER));
  const stem = folded(imagenet, STEM);
  // float32: three terms below 1 are rounded twice.
  values(model, STEM).forEach((value, i) => expect(Math.abs(value - stem[i]!)).toBeLessThan(3e-7));
});

test("a file whose stem has the channels that are asked for is taken as it is", async () => {
  const { code } = await make("mobilenet_v2 --weights @grey.safetensors --channels 1 --kind i3d");
  expect(code).toBe(0);
  const grey = architecture("mobilenet_v2", { channels: 1, seed: 5 });
  expect(values(await made(), STEM)).toEqual(values(grey, STEM));
});

test("what does not fit or is left out is fresh, and named", async () => {
  const { code, stdout } = await make(
    "poc_unet --weights @unet.safetensors --classes 2 --no-strict --only enc1.*,final.* --seed 9",
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^other size +2 \(fresh\): final\.weight \[3, 32, 1, 1\] for \[2, 32, 1, 1\], final/m,
  );
  expect(stdout).toMatch(/^left out +\d+ \(fresh\): .*, …$/m);
  const model = await made();
  const [pretrained, fresh] = [5, 9].map((seed) => architecture("poc_unet", { classes: 2, seed })) as [
    Model,
    Model,
  ];
  for (const [name] of weightsOf(fresh)) {
    const expected = name.startsWith("enc1.") ? pretrained : fresh;
    expect(values(model, name)).toEqual(values(expected, name));
  }
});

test("fresh weights depend on the seed, also 3D kernels", async () => {
  const kernels: (readonly number[])[] = [];
  for (const seed of [1, 2]) {
    await make(`poc_unet --classes 2 --kind 3d --seed ${seed}`);
    const model = await made();
    expect(model.graph.initializers.get("enc2.encode.0.weight")!.dims.slice(2)).toEqual([3, 3, 3]);
    kernels.push(values(model, "enc2.encode.0.weight"));
  }
  expect(kernels[0]).not.toEqual(kernels[1]);
  expect(kernels.every((kernel) => kernel.every((value) => value !== 0))).toBe(true);
});

test("fresh weights depend on the seed, also those of parallel separable convolutions", async () => {
  const kernels: (readonly number[])[] = [];
  for (const seed of [1, 2]) {
    await make(`poc_unet --classes 2 --kind psc --psc 2,2 --seed ${seed}`);
    const model = await made();
    expect(model.lifted?.options).toEqual({ kind: "psc", psc: { streams: 2, separability: 2 } });
    expect(model.graph.initializers.get("enc1.encode.0.stream1.line.weight")!.dims).toEqual([32, 4, 1, 5, 1]);
    expect(model.graph.initializers.has("enc1.encode.0.weight")).toBe(false);
    kernels.push(values(model, "enc2.encode.0.stream1.plane1.weight"));
  }
  expect(kernels[0]).not.toEqual(kernels[1]);
});

test("options of the network reach it", async () => {
  await make("resnet18 --kind 2d --stem-stride 1 --no-stem-pool --output-stride 4 --classes 2");
  const { nodes } = (await made()).graph;
  const halving = nodes.filter((node) => (intsAttr(node, "strides") ?? []).includes(2));
  expect(nodes.some(({ op }) => op === "MaxPool")).toBe(false);
  // Of layer2 and layer3, each in the branch and in the shortcut.
  expect(halving).toHaveLength(4);
});

test("a VGG with another head takes images of any size", async () => {
  await make("vgg11 --kind 2d --head cls --classes 2");
  expect(shapes(await made())).toEqual(["image N 3 H W", "head.fc N 2"]);
});

test("a network that is 3D by birth is saved as it is", async () => {
  const { code, stdout } = await make("models_genesis --head cls --classes 3");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^models_genesis → .*out\.onnx$/m);
  expect((await made()).outputs[0]!.shape!.at(-1)).toBe(3);
});

describe("says in one sentence what is wrong, and writes nothing:", () => {
  test.each([
    ["an unknown network", "resnet19", /no network "resnet19": the nearest is "resnet18"/],
    [
      "weights of another network",
      "efficientnet_b0 --weights @imagenet.safetensors",
      /does not fit the network: of its \d+ weights \d+ are missing \(features\.1\.0\.block\.0\.0\.weight, .*others \(features\.1\.conv/,
    ],
    [
      "other classes",
      "mobilenet_v2 --weights @imagenet.safetensors --classes 2",
      /2 have other sizes \(classifier\.1\.weight: expected \[2, 1280\], found \[1000, 1280\]/,
    ],
    [
      "weights of 2D for 3D kernels",
      "poc_unet --weights @unet.safetensors --classes 3 --kind 3d",
      /expected \[\d+, \d+, 3, 3, 3\]/,
    ],
    [
      "weights of 2D for parallel separable convolutions",
      "poc_unet --weights @unet.safetensors --classes 3 --kind psc",
      /weights \d+ are missing \(enc1\.encode\.0\.stream0\.plane0\.weight, /,
    ],
    ["a form of psc for another kind", "poc_unet --classes 3 --psc 3,1", /--psc is for --kind psc, got acs/],
    ["no form of psc", "poc_unet --classes 3 --kind psc --psc 3", /expected streams and planes in each/],
    ["no classes", "unet", /unet needs to know how many classes .* give --classes/],
    ["no classes for a head", "resnet18 --head fcn", /--head fcn needs to know how many classes/],
    ["a head on a decoder", "unet --classes 2 --head fcn", /unet has a decoder of its own; leave --head out/],
    ["an option of others", "mobilenet_v2 --stem-stride 1", /mobilenet_v2 has no option "stem"/],
    ["two channels of three", "mobilenet_v2 --weights @imagenet.safetensors --channels 2", /use 1 or 3/],
    [
      "a kind for what is 3D",
      "med3d10 --kind acs",
      /med3d10 is 3D by birth and is not lifted; leave --kind out/,
    ],
    ["missing weights", "resnet18 --weights @none.pth", /there is no such file/],
    ["a map there is not", "resnet18 --map keras", /allowed choices are torchvision, /],
    ["names that there are not", "resnet18 --weights @unet.safetensors --only nope", /None of the network's/],
  ])("%s", async (_, args, message) => {
    const before = await readdir(folder);
    const { code, stdout, stderr } = await make(args, "@bad.onnx");
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^acsconv: [^\n]+\.\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(await readdir(folder)).toEqual(before);
  });

  test("weights that would be replaced", async () => {
    const { code, stderr } = await make(
      "poc_unet --classes 3 --weights @unet.safetensors",
      "@unet.safetensors",
    );
    expect(stderr).toMatch(/would be replaced/);
    expect(code).toBe(2);
  });
});
