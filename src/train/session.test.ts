/** @file Steps: what is trained and how, micro-batches, repeatability, and what happens where numbers are not finite. */

import { describe, expect, test } from "vitest";
import { relativeDeviation } from "../../test/helpers/compare.ts";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import { network, random } from "../../test/helpers/networks.ts";
import type { Graph } from "../graph/graph.ts";
import { elementCount, floatTensor, numbersOf, type Tensor } from "../graph/tensor.ts";
import { lift } from "../model/model.ts";
import type { RunTensor } from "../run/tensor.ts";
import { crossEntropy, dice, meanSquaredError } from "./losses.ts";
import { adam, sgd } from "./optimisers.ts";
import { TrainingSession, type TrainingBatch } from "./session.ts";
import { type StepOptions, type TrainingStep, trainingStep } from "./step.ts";
import { STEP } from "./update.ts";

/** A U-Net without BatchNormalization, lifted; batches of 2 at 8³ unless said otherwise. */
const unet = lift(await network("unet"), { kind: "acs" }).graph;
const norms = lift(await network("unet_train"), { kind: "acs" }).graph;
const options = { loss: crossEntropy(), optimiser: sgd({ momentum: 0.9 }), batch: 2, size: [8, 8, 8] };
const settings = { learningRate: 0.05, seed: 3 };

function batchFor({ image, target, output, accumulate }: TrainingStep): TrainingBatch {
  const all = ([n, ...dims]: readonly number[]): number[] => [n! * accumulate, ...dims];
  const dims = all(target.dims);
  const classes = Uint8Array.from({ length: elementCount(dims) }, (_, i) => (i * 7) % output[1]!);
  return {
    image: { dtype: "float32", ...random(all(image.dims)) },
    target: { dtype: "uint8", dims, data: classes },
  };
}

/** Trains for some steps; the losses, and the state after each. */
async function trained(graph: Graph, more: Partial<StepOptions> = {}, steps = 1, rate = settings) {
  const step = trainingStep(graph, { ...options, ...more });
  const session = await TrainingSession.open(step);
  const losses: number[] = [];
  const norms: number[] = [];
  try {
    for (let i = 0; i < steps; i++) {
      const result = await session.run(batchFor(step), rate);
      losses.push(result.loss);
      norms.push(result.gradientNorm);
    }
    return { step, losses, norms, state: session.state };
  } finally {
    await session.dispose();
  }
}

const floats = (tensor: Tensor) => ({ dims: tensor.dims, data: numbersOf(tensor) as Float32Array });
const change = (a: Tensor, b: Tensor): Tensor =>
  floatTensor(
    a.dims,
    Array.from(numbersOf(b), (x, i) => x - numbersOf(a)[i]!),
  );

test("micro-batches are one batch", async () => {
  const large = await trained(unet, { batch: 4, clipNorm: 0.5 }, 2);
  const small = await trained(unet, { batch: 1, accumulate: 4, clipNorm: 0.5 }, 2);
  large.losses.forEach((loss, i) => expect(small.losses[i]).toBeCloseTo(loss, 6));
  large.norms.forEach((norm, i) => expect(small.norms[i]! / norm).toBeCloseTo(1, 5));
  expect([...small.state.keys()]).toEqual([...large.state.keys()]);
  for (const [name, tensor] of large.state) {
    expect(relativeDeviation(floats(small.state.get(name)!), tensor), name).toBeLessThan(1e-5);
  }
});

test("running statistics are blended with those of the batch, of every micro-batch in turn", async () => {
  const { step, state } = await trained(norms, { batch: 2, accumulate: 2 }, 1);
  const name = [...step.state.keys()].find((key) => key.endsWith("running_var"))!;
  expect(state.get(name)!.bytes).not.toEqual(step.state.get(name)!.bytes);
  const frozen = await trained(norms, { batchNorm: "frozen" }, 1);
  expect([...frozen.state.keys()].filter((key) => /running|\.1\.|\.4\./.test(key))).toEqual([]);
});

test("the same seed gives the same bits, straight or in two halves", async () => {
  const straight = await trained(norms, { optimiser: adam() }, 4);
  const step = trainingStep(norms, { ...options, optimiser: adam() });
  const first = await TrainingSession.open(step);
  for (let i = 0; i < 2; i++) await first.run(batchFor(step), settings);
  const half = first.state;
  await first.dispose();
  const second = await TrainingSession.open(step, {}, half);
  for (let i = 0; i < 2; i++) await second.run(batchFor(step), settings);
  expect(numbersOf(second.state.get(STEP)!)[0]).toBe(4);
  for (const [name, { bytes }] of second.state) expect(bytes, name).toEqual(straight.state.get(name)!.bytes);
  await second.dispose();
});

test("groups: frozen, with a rate and a decay of their own", async () => {
  const plain = await trained(unet, { optimiser: sgd() });
  const names = plain.step.parameters.map(({ name }) => name);
  const [first, second, third] = names as [string, string, string];
  const { step, state } = await trained(unet, {
    optimiser: sgd(),
    groups: [
      { match: first, frozen: true },
      { match: second, learningRate: 0.5 },
      { match: third, weightDecay: 0.1 },
    ],
  });
  expect(step.parameters.map(({ name }) => name)).toEqual(names.slice(1));
  expect(state.has(first)).toBe(false);
  const [full, half] = [plain, { state }].map(({ state }) =>
    numbersOf(change(step.state.get(second)!, state.get(second)!)),
  );
  half!.forEach((x, i) => expect(x).toBeCloseTo(full![i]! / 2, 6));
  const before = numbersOf(step.state.get(third)!);
  const undecayed = numbersOf(plain.state.get(third)!);
  numbersOf(state.get(third)!).forEach((x, i) =>
    expect(x).toBeCloseTo(undecayed[i]! - settings.learningRate * 0.1 * before[i]!, 6),
  );
});

test("clipping keeps the step as long as clipNorm allows", async () => {
  const free = await trained(unet, { optimiser: sgd() });
  const clipped = await trained(unet, { optimiser: sgd(), clipNorm: free.norms[0]! / 10 });
  expect(clipped.norms[0]).toBeCloseTo(free.norms[0]!, 5);
  for (const { name } of free.step.parameters) {
    const start = free.step.state.get(name)!;
    const [long, short] = [free, clipped].map(({ state }) => numbersOf(change(start, state.get(name)!)));
    short!.forEach((x, i) => expect(x).toBeCloseTo(long![i]! / 10, 6));
  }
});

describe("numbers that are not finite", () => {
  const failing = async (
    step: TrainingStep,
    { spoil = (batch: TrainingBatch) => batch, state = step.state } = {},
  ): Promise<{ message: string; kept: boolean }> => {
    const session = await TrainingSession.open(step, {}, state);
    const message = await session.run(spoil(batchFor(step)), settings).then(
      () => "no error",
      (error: Error) => error.message,
    );
    const after = session.state;
    const kept = [...state].every(([name, { bytes }]) => Buffer.compare(bytes, after.get(name)!.bytes) === 0);
    await session.dispose();
    return { message, kept };
  };

  test.each([1, 2])("in the image (accumulate: %i)", async (accumulate) => {
    const step = trainingStep(norms, { ...options, accumulate });
    const spoil = ({ image, target }: TrainingBatch): TrainingBatch => {
      const data = (image.data as Float32Array).slice();
      data[data.length - 5] = Number.NaN;
      return { target, image: { ...image, data } as RunTensor };
    };
    expect(await failing(step, { spoil })).toEqual({
      message:
        "The loss is NaN: the image holds values that are not finite: check the data; the parameters are as before the step.",
      kept: true,
    });
  });

  test("in a node of the network", async () => {
    const step = trainingStep(unet, { ...options, optimiser: adam() });
    const second = step.parameters.filter(({ dims }) => dims.length === 4)[1]!;
    const huge = floatTensor(second.dims, new Float32Array(elementCount(second.dims)).fill(1e38));
    const { message, kept } = await failing(step, { state: new Map([...step.state, [second.name, huge]]) });
    expect(message).toMatch(
      /^The loss is (NaN|-?Infinity): (Conv|Concat|Relu) ".*" is the first with a value that is not finite: lower the learning rate, or clip the gradient; the parameters are as before the step\.$/,
    );
    expect(kept).toBe(true);
  });

  test.each([1, 2])("in the gradient alone (accumulate: %i)", async (accumulate) => {
    // √x is finite at 0, its slope is not.
    const root = graphOf([node("MatMul", ["x", "w"], ["m"]), node("Sqrt", ["m"], ["y"])], {
      inputs: [value("x", [1, 2])],
      outputs: [value("y", [1, 2])],
      initializers: { w: floatTensor([2, 2], [0, 0, 0, 0]) },
    });
    const step = trainingStep(root, { ...options, loss: meanSquaredError(), batch: 1, size: [], accumulate });
    const spoil = ({ image }: TrainingBatch): TrainingBatch => ({
      image: { ...image, data: Float32Array.from({ length: 2 * accumulate }, () => 1) } as RunTensor,
      target: { dtype: "float32", dims: [accumulate, 2], data: new Float32Array(2 * accumulate).fill(1) },
    });
    const { message, kept } = await failing(step, { spoil });
    expect(message).toMatch(
      /^The gradient's norm is (NaN|Infinity): the gradient of "w" has a value that is not finite: /,
    );
    expect(kept).toBe(true);
  });
});

test("what does not fit is refused in a sentence", async () => {
  const step = trainingStep(unet, options);
  const session = await TrainingSession.open(step);
  const { image, target } = batchFor(step);
  await expect(session.run({ image: target, target }, settings)).rejects.toThrow(
    "Expected images as float32 [2, 1, 8, 8, 8], found uint8 [2, 8, 8, 8].",
  );
  const running = session.run({ image, target }, settings);
  expect(() => session.state).toThrow("The training state is not here");
  await running;
  const [name] = [...step.state.keys()];
  expect(() => session.load(new Map([...step.state].slice(1)))).toThrow(
    `Expected "${name}" in the training state as float32`,
  );
  expect(() => session.load(new Map([...step.state, ["other", floatTensor([1], [0])]]))).toThrow(
    'The training state holds "other", which this step does not train',
  );
  await session.dispose();
  expect(() => trainingStep(unet, { ...options, size: [8, 8] })).toThrow(
    'Cannot train on batches of 2 examples of 8×8: the network\'s input "input" is [N, 1, D, H, W].',
  );
  expect(() => trainingStep(unet, { ...options, batch: 0 })).toThrow(
    "Expected a batch of one or more examples, found 0.",
  );
  expect(() => trainingStep(unet, { ...options, groups: [{ match: "*", frozen: true }] })).toThrow(
    "are frozen",
  );
});

test("2D networks, exported for any batch or for one", async () => {
  const losses = async (name: string): Promise<number[]> => {
    const { graph } = await network(name);
    return (await trained(graph, { size: [32, 32] }, 3, { learningRate: 0.01, seed: 0 })).losses;
  };
  for (const name of ["shufflenet_dynamic", "resnet_basic"]) {
    const [first, , last] = await losses(name);
    expect(last! / first!, name).toBeLessThan(0.95);
  }
  await expect(losses("shufflenet")).rejects.toThrow(
    "Cannot train on batches of 2: the network computes with the batch of 1 that it was exported for; export it with a dynamic batch axis, or train on batches of 1 and accumulate.",
  );
});

test("a softmax that ends the network is the loss's own; dropout acts and can be switched off", async () => {
  const nodes = [
    node("MatMul", ["x", "w"], ["m"]),
    node("Dropout", ["m"], ["d"]),
    node("Softmax", ["d"], ["y"]),
  ];
  const graph = graphOf(nodes, {
    inputs: [value("x", [1, 2])],
    outputs: [value("y", [1, 2])],
    initializers: { w: floatTensor([2, 2], [1, 0, 0, 2]) },
  });
  const small = { ...options, loss: dice(), batch: 1, size: [] };
  const run = async (more: Partial<StepOptions>, seed = 0): Promise<number> => {
    const step = trainingStep(graph, { ...small, ...more });
    const session = await TrainingSession.open(step);
    const batch: TrainingBatch = {
      image: { dtype: "float32", dims: [1, 2], data: Float32Array.of(1, 1) },
      target: { dtype: "uint8", dims: [1], data: Uint8Array.of(1) },
    };
    const { loss } = await session.run(batch, { learningRate: 0, seed });
    await session.dispose();
    return loss;
  };
  // p = softmax(1, 2), of the class 1 that alone is present: (1 − (2p + ε)/(p + 1 + ε)) / 2
  const expected = (p: number): number => (1 - (2 * p + 0.01) / (p + 1.01)) / 2;
  const sigma = (z: number): number => 1 / (1 + Math.exp(-z));
  expect(await run({ dropout: false })).toBeCloseTo(expected(sigma(1)), 6);
  const seen = new Set<string>();
  for (let seed = 0; seed < 12; seed++) seen.add((await run({}, seed)).toFixed(5));
  const possible = [sigma(2), sigma(4), sigma(-2), sigma(0)].map((p) => expected(p).toFixed(5));
  expect([...seen].every((loss) => possible.includes(loss))).toBe(true);
  expect(seen.size).toBeGreaterThan(1);
});
