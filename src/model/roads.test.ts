/** @file Every road from a scan to classes gives the same ones, whatever a network ends in, takes and gives. */

import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Metric, Prediction } from "../metrics/metric.ts";
import { ints, type Node } from "../graph/graph.ts";
import { dice } from "../metrics/overlap.ts";
import { binaryCrossEntropy, crossEntropy, type Loss } from "../train/losses.ts";
import { adam } from "../train/optimisers.ts";
import { TrainingSession } from "../train/session.ts";
import { trainingStep } from "../train/step.ts";
import { Trainer } from "../train/trainer.ts";
import { readVolume } from "../volume/index.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { withData } from "../volume/volume.ts";
import { evaluate } from "./evaluate.ts";
import { lift, load, Model, unlift } from "./model.ts";
import { predictVolume } from "./predict-volume.ts";

const at = (name: string): string => join(import.meta.dirname, "../../test/fixtures/ends", name);

/** As 3D networks; class 1 is what exceeds one half. */
async function network(name: string): Promise<Model> {
  const model = await load(at(`${name}.onnx`));
  return name.startsWith("2d/") ? lift(model) : model;
}

const scan = await readVolume(at("scan.nii.gz"));
/** What each network should say. */
const truth = Uint8Array.from(scan.data, (x) => (x > 0.5 ? 1 : 0));
const patch = [8, 16, 16] as const;
const raw = { normalize: "none", patch } as const;

function recorder(): Metric & { readonly seen: Prediction[] } {
  const seen: Prediction[] = [];
  return { seen, add: (prediction) => void seen.push(prediction), value: () => ({}) };
}

const example = {
  name: "scan",
  image: { dtype: "float32", dims: [1, ...scan.shape], data: Float32Array.from(scan.data) },
  target: { dtype: "uint8", dims: scan.shape, data: truth },
} as const;

/** The same, of the size of a training patch. */
const padded = {
  image: { dtype: "float32", dims: [1, ...patch], data: new Float32Array(2048).map((_, i) => (i % 7) / 7) },
  target: { dtype: "uint8", dims: patch, data: new Uint8Array(2048).map((_, i) => (i % 7 > 3 ? 1 : 0)) },
} as const;

test.each([
  "3d/logit1",
  "3d/logits2",
  "3d/logsoftmax2",
  "3d/softmax2",
  "3d/sigmoid1",
  "3d/sigmoid1_cast",
  "3d/ndhwc",
  "3d/fp16",
  "3d/uint8",
  "3d/argmax",
  "3d/argmax_keep",
  "3d/ir3_inputs",
  "3d/sigmoid1_identity",
  "2d/sigmoid_identity",
  "2d/sigmoid_clip",
  "2d/hardsigmoid",
  "2d/softmax_old",
  "2d/nhwc",
  "2d/nhwc_sigmoid",
  "2d/nchw_in_nhwc_out",
  "2d/fp16_io32",
  "2d/double",
])("%s: predict, predictVolume, validation and evaluate agree", async (name) => {
  const model = await load((await network(name)).toBytes());
  expect((await model.predict(scan, raw)).data).toEqual(truth);
  const session = await model.session();
  // Windows that overlap, and their scores with them.
  const small = { ...raw, patch: [4, 8, 8] } as const;
  expect((await predictVolume(session, scan, small)).data).toEqual(truth);
  await session.dispose();

  const validated = recorder();
  await evaluate(model, { length: 1, get: () => example }, [validated], { size: patch });
  const evaluated = recorder();
  const cases = [{ name: "scan", image: scan, label: { ...withData(scan, truth), data: truth } }];
  const isLabels = name.includes("argmax");
  const options = { ...raw, labels: ["no", "yes"], metrics: () => [evaluated], needsScores: true };
  await model.evaluate(cases, options);
  for (const { seen } of [validated, evaluated]) {
    expect(seen[0]!.classes).toEqual(truth);
    expect(seen[0]!.scores === undefined).toBe(isLabels);
  }
  if (isLabels) {
    await expect(model.predict(scan, { ...raw, output: "probabilities" })).rejects.toThrow(
      "The network gives labels, of which there are no probabilities: ask for labels.",
    );
    return;
  }
  const { data, channels } = await model.predict(scan, { ...raw, output: "probabilities" });
  // Each is a distribution, and of x in its middle: probabilities are not squashed twice.
  const last = data.subarray((channels - 1) * truth.length);
  expect(Uint8Array.from(last, (p) => (p > 0.5 ? 1 : 0))).toEqual(truth);
  expect(Math.max(...last) - Math.min(...last)).toBeGreaterThan(0.4);
});

test("labels that a network has chosen are never interpolated", async () => {
  const model = (await network("2d/argmax3_keep")).withTask({
    classes: { names: ["rest", "a", "b"], values: [0, 7, 300] },
  });
  const fine = scan.spacing.map((mm) => mm / 1.5) as unknown as Vec3;
  const { data } = await model.predict(scan, { ...raw, spacing: fine, patch: [4, 8, 8] });
  expect(data).toBeInstanceOf(Uint16Array);
  expect([...new Set(data)].filter((label) => ![0, 7, 300].includes(label))).toEqual([]);
  expect(new Set(data).size).toBeGreaterThan(1);
});

describe("three regions", () => {
  test.each(["3d/sigmoid3", "2d/regions3"])("%s: a mask each, and no labels to compare", async (name) => {
    const model = await network(name);
    const masks = await model.predict(scan, raw);
    const { data: p } = await model.predict(scan, { ...raw, output: "probabilities" });
    expect(masks).toMatchObject({ channels: 3, data: Uint8Array.from(p, (x) => (x > 0.5 ? 1 : 0)) });
    expect(masks.data.subarray(truth.length, 2 * truth.length)).toEqual(truth);
    await expect(evaluate(model, { length: 1, get: () => example }, [], { size: patch })).rejects.toThrow(
      /regions that may overlap.*--output probabilities/,
    );
    expect(() => trainingStep(model.graph, { ...STEP, loss: crossEntropy() })).toThrow(
      /with the loss "crossEntropy", which is of classes of which each voxel has one/,
    );
  });
});

test("what cannot be told is refused with the option that tells it", async () => {
  const model = await network("2d/sigmoid");
  const graph = {
    ...model.graph,
    nodes: model.graph.nodes.map((node) => (node.op === "Sigmoid" ? { ...node, op: "Softplus" } : node)),
  };
  const odd = new Model(graph);
  await expect(odd.predict(scan, raw)).rejects.toThrow(/cannot be told.*by the option scores \(--scores\)/);
  const { data } = await odd.predict(scan, { ...raw, scores: "probabilities" });
  expect(data).toContain(1);
  expect((await odd.predict(scan, { ...raw, output: "features" })).channels).toBe(1);
  expect(() => trainingStep(graph, { ...STEP, loss: binaryCrossEntropy() })).toThrow(
    /Cannot train the network/,
  );
});

test("a session of which nothing is known takes scores for logits, unless they look otherwise", async () => {
  const echo = (data: Float32Array) => ({
    inputs: [{ name: "x", dtype: "float32" as const, dims: ["N", 1, "D", "H", "W"] }],
    outputs: [{ name: "y", dtype: "float32" as const, dims: [] }],
    run: () => Promise.resolve({ y: { dtype: "float32" as const, dims: [1, 1, 1, 1, 4], data } }),
  });
  const volume = withData({ ...scan, shape: [1, 1, 4] }, new Float32Array(4));
  const probabilities = Float32Array.of(0.1, 0.4, 0.7, 0.9);
  const session = echo(probabilities);
  await expect(predictVolume(session, volume, { patch: [1, 1, 4] })).rejects.toThrow(
    /All scores lie between 0 and 1.*\(--scores\)/,
  );
  const told = await predictVolume(session, volume, { patch: [1, 1, 4], scores: "probabilities" });
  expect([...told.data]).toEqual([0, 0, 1, 1]);
  const logits = await predictVolume(echo(Float32Array.of(-1, 2, -3, 4)), volume, { patch: [1, 1, 4] });
  expect([...logits.data]).toEqual([0, 1, 0, 1]);
});

const STEP = { optimiser: adam(), batch: 1, size: [4, 8, 8], groups: [] } as const;

/** The loss of the first step on a corner of the scan. */
async function lossOf(model: Model, loss: Loss): Promise<number> {
  const step = trainingStep(model.graph, { ...STEP, loss });
  const session = await TrainingSession.open(step);
  const image = Float32Array.from({ length: 256 }, (_, i) => ((i * 7) % 11) / 10);
  const target = Uint8Array.from(image, (x) => (x > 0.5 ? 1 : 0));
  const batch = {
    image: { dtype: "float32", dims: step.image.dims, data: image },
    target: { dtype: "uint8", dims: step.target.dims, data: target },
  } as const;
  const result = await session.run(batch, { learningRate: 1e-3, seed: 0 });
  await session.dispose();
  return result.loss;
}

describe("a training step reads the same logits behind", () => {
  test.each<[Loss, string, readonly string[]]>([
    [
      binaryCrossEntropy(),
      "3d/logit1",
      ["sigmoid", "sigmoid_cast", "sigmoid_clip", "sigmoid_identity", "nhwc_sigmoid", "fp16_io32"],
    ],
    [
      crossEntropy(),
      "3d/logits2",
      ["softmax_cast", "softmax_old", "nhwc_softmax", "nhwc", "nchw_in_nhwc_out", "fp16", "double"],
    ],
  ])("$name", async (loss, like, names) => {
    const expected = await lossOf(await network(like), loss);
    for (const name of names) {
      // The same weights, in float16 rounded.
      expect([await lossOf(await network(`2d/${name}`), loss)]).toBeAllClose([expected], {
        rtol: 1e-3,
        atol: 0,
      });
    }
  });

  test("a piecewise linear sigmoid, and probabilities that were interpolated after it", async () => {
    const hard = await network("2d/hardsigmoid");
    // Its scores are those that it limits: above 0 where it is above one half.
    const before = { ...hard.graph, nodes: hard.graph.nodes.slice(0, 1) };
    const outputs = [{ ...before.outputs[0]!, name: before.nodes[0]!.outputs[0]! }];
    const expected = await lossOf(new Model({ ...before, outputs }), binaryCrossEntropy());
    const loss = await lossOf(hard, binaryCrossEntropy());
    expect([loss]).toBeAllClose([expected], { rtol: 1e-6, atol: 0 });

    const flat = await load(at("2d/softmax_cast.onnx"));
    const [conv, softmax, last] = flat.graph.nodes as [Node, Node, Node];
    const average = {
      ...last,
      op: "AveragePool",
      attrs: { kernel_shape: ints([1, 1]) },
    };
    const averaged = new Model({ ...flat.graph, nodes: [conv, softmax, average] });
    const same = await lossOf(await network("3d/logits2"), crossEntropy());
    expect([await lossOf(lift(averaged), crossEntropy())]).toBeAllClose([same], { rtol: 1e-4, atol: 0 });
  });

  test.each([
    ["argmax", /its output "y" holds positions of the largest score/],
    ["uint8_in", /Cannot train a network of uint8 images/],
  ])("%s is refused", async (name, message) => {
    const { graph } = await network(`2d/${name}`);
    expect(() => trainingStep(graph, { ...STEP, loss: crossEntropy() })).toThrow(message);
  });
});

test.each(["nhwc_softmax", "fp16"])(
  "%s, once trained, is lifted, saved and unlifted as before",
  async (name) => {
    const model = (await network(`2d/${name}`)).withTask({ channels: ["CT"] });
    const trainer = new Trainer(model, {
      ...STEP,
      size: patch,
      data: { length: 1, get: () => ({ ...example, ...padded }) },
      loss: crossEntropy(),
      learningRate: 0.1,
      epochs: 1,
      validation: {
        data: { length: 1, get: () => example },
        metrics: () => [dice({ classes: ["no", "yes"] })],
      },
    });
    await trainer.fit();
    const trained = await load(trainer.model("best").toBytes());
    expect(trained.task).toEqual({ channels: ["CT"] });
    expect(trained.inputs[0]!.shape!.length).toBe(5);
    expect(trained.inputs[0]!.shape!.map(String)).toEqual(model.inputs[0]!.shape!.map(String));
    const flat = unlift(trained);
    expect(flat.inputs[0]!.shape!.length).toBe(4);
    // The same weights give the same labels, in 2D lifted again as in 3D.
    const [a, b] = await Promise.all([trained, lift(flat)].map((one) => one.predict(scan, raw)));
    expect(b!.data).toEqual(a!.data);
  },
);

test("a network of two inputs is refused, which it names", async () => {
  const model = await network("3d/two_inputs");
  await expect(model.predict(scan, raw)).rejects.toThrow(
    /needs a model with one input, the image; this one has "x", "k"/,
  );
});
