/** @file Training against PyTorch's: a trajectory of 20 steps. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Graph } from "../src/graph/graph.ts";
import { elementCount, floatTensor, type Numbers, numbersOf, type Tensor } from "../src/graph/tensor.ts";
import { lift, load, type Model } from "../src/index.ts";
import { encodeBytes } from "../src/onnx/encode.ts";
import { createSession } from "../src/run/session.ts";
import type { RunTensor } from "../src/run/tensor.ts";
import { dice } from "../src/train/losses.ts";
import { adam } from "../src/train/optimisers.ts";
import { TrainingSession } from "../src/train/session.ts";
import { type TrainingStep, trainingStep } from "../src/train/step.ts";
import { LEARNING_RATE } from "../src/train/update.ts";
import { readNpz } from "../src/formats/npz.ts";
import { feedOf, relativeDeviation } from "./helpers/compare.ts";
import { normal } from "./helpers/networks.ts";

const file = (name: string): Uint8Array => readFileSync(new URL(`fixtures/${name}`, import.meta.url));

/** The network of the trajectory, with the weights that PyTorch started from. */
async function trajectory(): Promise<{ model: Model; arrays: ReadonlyMap<string, Tensor> }> {
  const weights = readNpz(file("training_weights.npz"));
  const lifted = lift(await load(file("models/unet_train.onnx")), { kind: "acs" });
  const known = [...weights].filter(([name]) => !name.endsWith("num_batches_tracked"));
  return { model: lifted.withWeights(new Map(known)), arrays: readNpz(file("training.npz")) };
}

/** Class numbers of a one-hot [B, C, ...]. */
function classesOf({ dims, bytes, dtype }: Tensor): RunTensor<"uint8"> {
  const [batch, channels, ...spatial] = dims as [number, number, ...number[]];
  const values = numbersOf({ dims, bytes, dtype });
  const voxels = elementCount(spatial);
  const data = new Uint8Array(batch * voxels);
  for (let i = 0; i < values.length; i++) {
    if (values[i] === 1)
      data[Math.floor(i / (channels * voxels)) * voxels + (i % voxels)] = Math.floor(i / voxels) % channels;
  }
  return { dtype: "uint8", dims: [batch, ...spatial], data };
}

/** The gradients of a step's batch, by parameter. */
async function gradientsOf(step: TrainingStep, feeds: Record<string, RunTensor>) {
  const outputs = [...step.gradients.values()].map((name) => ({ name }));
  const session = await createSession(encodeBytes({ ...step.graph, outputs } satisfies Graph));
  const y = await session.run(Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!])));
  await session.dispose();
  return new Map([...step.gradients].map(([parameter, name]) => [parameter, y[name]!]));
}

/** The shift of a convolution in front of BatchNorm changes nothing: its gradient is rounding. */
const isShift = (name: string): boolean => /\.[03]\.bias$/.test(name);

test("gradients, 20 losses and final weights of PyTorch's trajectory", async () => {
  const { model, arrays } = await trajectory();
  const image = feedOf(arrays.get("x")!);
  const target = classesOf(arrays.get("target")!);
  const step = trainingStep(model.graph, {
    loss: dice({ epsilon: 0.01 }),
    optimiser: adam(),
    batch: 2,
    size: [16, 16, 16],
  });
  const state = Object.fromEntries(
    [...step.state].map(([name, tensor]) => [
      name,
      tensor.dtype === "float32"
        ? feedOf(tensor)
        : ({ dtype: "int64", dims: [], data: BigInt64Array.of(0n) } as const),
    ]),
  );
  const rate = { dtype: "float32", dims: [], data: Float32Array.of(0) } as const;
  const gradients = await gradientsOf(step, {
    ...state,
    [step.image.name]: image,
    [step.target.name]: target,
    [LEARNING_RATE]: rate,
  });
  expect([...gradients.keys()].sort()).toEqual(
    [...arrays.keys()]
      .filter((name) => name.startsWith("grad."))
      .map((name) => name.slice(5))
      .sort(),
  );
  for (const [name, gradient] of gradients) {
    const expected = arrays.get(`grad.${name}`)!;
    if (isShift(name))
      expect(Math.max(...(gradient.data as Float32Array).map(Math.abs)), name).toBeLessThan(1e-7);
    else expect(relativeDeviation(gradient, expected), name).toBeLessThan(1e-4);
  }

  const deviations: number[] = [];
  do {
    const start = new Map([...step.state].map(([name, tensor]) => [name, nudged(tensor, deviations.length)]));
    const session = await TrainingSession.open(step, {}, start);
    for (const [i, expected] of numbersOf(arrays.get("loss")!).entries()) {
      const { loss } = await session.run({ image, target }, { learningRate: 1e-3, seed: 0 });
      expect(Math.abs(loss - expected) / expected, `loss ${i}`).toBeLessThan(1e-4);
    }
    deviations.push(finalDeviation(session.state, arrays));
    await session.dispose();
  } while (deviations.at(-1)! > 1e-3 && deviations.length < 6);
  expect(deviations.at(-1), `final weights: ${deviations.join(", ")}`).toBeLessThan(1e-3);
});

/**
 * Rounding in the last digit. Voxels that tie within a max-pooling window are
 * common enough in 20 steps that rounding decides one; from there on weights
 * differ by 10⁻², although every gradient on the way is right to 10⁻⁶. One of a
 * few starts as close as this must stay with PyTorch's.
 */
function nudged(tensor: Tensor, seed: number): Tensor {
  if (seed === 0 || tensor.dtype !== "float32") return tensor;
  const next = normal(seed);
  return floatTensor(
    tensor.dims,
    Array.from(numbersOf(tensor), (value) => value * (1 + 1e-7 * next())),
  );
}

/** The largest deviation of a tensor, by its norm, from what PyTorch ends with. */
function finalDeviation(state: ReadonlyMap<string, Tensor>, arrays: ReadonlyMap<string, Tensor>): number {
  const difference = (name: string): { ours: number[]; theirs: Numbers } => {
    const theirs = numbersOf(arrays.get(`final.${name}`)!);
    return { theirs, ours: Array.from(numbersOf(state.get(name)!), (value, i) => value - theirs[i]!) };
  };
  const names = [...arrays.keys()].flatMap((key) => (key.startsWith("final.") ? [key.slice(6)] : []));
  const compared = names.filter((name) => !isShift(name) && !name.endsWith("num_batches_tracked"));
  return Math.max(
    ...compared.map((name) => {
      const { ours, theirs } = difference(name);
      // A running mean holds the shift of the convolution in front, which Adam moves by what rounding leaves.
      const shift = name.replace(/(\d)\.running_mean$/, (_, n: string) => `${Number(n) - 1}.bias`);
      const allowed = shift === name ? 0 : Math.hypot(...difference(shift).ours);
      return Math.max(0, Math.hypot(...ours) - allowed) / Math.hypot(...theirs);
    }),
  );
}
