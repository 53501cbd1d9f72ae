/**
 * @file Gradients of whole networks against PyTorch's (`oracle/grad_zoo.py`): a
 * vocabulary of torchvision's networks lifted in every way, with BatchNorm in
 * training and frozen, and single 3D constructs as PyTorch exports them.
 * `npm run test:slow` makes them first.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gradientsFolder } from "../scripts/zoo.mjs";
import type { Graph } from "../src/graph/graph.ts";
import { elementCount, numbersOf, type Tensor } from "../src/graph/tensor.ts";
import { lift, type LiftKind, load } from "../src/index.ts";
import { encodeBytes } from "../src/onnx/encode.ts";
import { createSession } from "../src/run/session.ts";
import type { RunTensor } from "../src/run/tensor.ts";
import { crossEntropy, meanSquaredError } from "../src/train/losses.ts";
import { sgd } from "../src/train/optimisers.ts";
import { TrainingSession } from "../src/train/session.ts";
import { type TrainingStep, trainingStep } from "../src/train/step.ts";
import { LEARNING_RATE, LOSS } from "../src/train/update.ts";
import { readNpz } from "../src/formats/npz.ts";
import { feedOf, relativeDeviation } from "./helpers/compare.ts";

interface Case {
  readonly name: string;
  readonly file: string;
  /** Absent: the network is 3D as it is. */
  readonly kind: LiftKind | null;
  readonly norms: "train" | "frozen";
  readonly squares: boolean;
  /** Of SGD, after which the state is compared. */
  readonly steps: number;
}

/** Largest deviation, relative to the largest element of the gradient. */
const TOLERANCE = 1e-4;
/**
 * Where last digits matter more than that to PyTorch itself: a few times as far as they take it, but never further than
 * LIMIT. A Relu or a maximum on the other side for one of few voxels is 10⁻³ of a gradient.
 */
const NOISE = 3;
const LIMIT = 0.02;
/** Gradients that are zero but for rounding (shifts in front of BatchNorm), relative to the largest of all. */
const FLOOR = 1e-6;

/** As {@link TOLERANCE}, of parameters and running statistics after a few steps. */
const STATE_TOLERANCE = 1e-4;

const folder = gradientsFolder();
const manifest = join(folder, "manifest.json");
const cases = existsSync(manifest) ? (JSON.parse(readFileSync(manifest, "utf8")) as Case[]) : [];
const [lifted, plain] = [cases.filter(({ kind }) => kind), cases.filter(({ kind }) => !kind)];

test("there are gradients to compare with (`node scripts/zoo.mjs` makes them)", () => {
  expect(lifted.length).toBeGreaterThan(0);
  expect(plain.length).toBeGreaterThan(0);
});

type Arrays = ReadonlyMap<string, Tensor>;

/** Those whose names begin with `prefix`, without it. */
const under = (arrays: Arrays, prefix: string): Map<string, Tensor> =>
  new Map(
    [...arrays].flatMap(([name, array]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), array]] : [],
    ),
  );

async function stepOf({ file, kind, norms, squares }: Case, arrays: Arrays): Promise<TrainingStep> {
  const model = await load(join(folder, file));
  const { graph } = kind ? lift(model, { kind }).withWeights(under(arrays, "weight/")) : model;
  const [batch, , ...size] = arrays.get("x")!.dims as [number, number, ...number[]];
  return trainingStep(graph, {
    loss: squares ? meanSquaredError() : crossEntropy(),
    optimiser: sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
    batch,
    size,
    batchNorm: norms,
  });
}

const targetOf = (arrays: Arrays): RunTensor => {
  const target = arrays.get("target")!;
  return target.dtype === "float32"
    ? feedOf(target)
    : { dtype: "uint8", dims: target.dims, data: target.bytes };
};

/** Gradients by parameter, and the loss under its own name. */
async function gradientsOf(step: TrainingStep, arrays: Arrays): Promise<Map<string, RunTensor>> {
  const outputs = [LOSS, ...step.gradients.values()].map((name) => ({ name }));
  const session = await createSession(encodeBytes({ ...step.graph, outputs } satisfies Graph));
  const mask = arrays.get("mask");
  const feeds: Record<string, RunTensor> = {
    ...Object.fromEntries(
      [...step.state].map(([name, tensor]) => [
        name,
        tensor.dtype === "float32"
          ? feedOf(tensor)
          : ({ dtype: "int64", dims: [], data: BigInt64Array.of(0n) } as const),
      ]),
    ),
    ...Object.fromEntries(
      step.masks.map(({ name, dims }) => [name, { dtype: "bool", dims, data: mask!.bytes } as const]),
    ),
    [step.image.name]: feedOf(arrays.get("x")!),
    [step.target.name]: targetOf(arrays),
    [LEARNING_RATE]: { dtype: "float32", dims: [], data: Float32Array.of(0) },
  };
  const y = await session.run(Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!])));
  await session.dispose();
  return new Map([[LOSS, y[LOSS]!], ...[...step.gradients].map(([name, at]) => [name, y[at]!] as const)]);
}

const largest = (tensor: Tensor): number =>
  (numbersOf(tensor) as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/**
 * Gives what the exporter computed from a parameter (a Linear's kernel transposed for MatMul, a PRelu's slopes with axes
 * of 1) the parameter's name and sizes: the first of as many elements.
 */
function pairOff(gradients: Map<string, RunTensor>, expected: Arrays): void {
  const computed = new Map([...gradients].filter(([name]) => !expected.has(name)));
  for (const [name, { dims }] of expected) {
    if (gradients.has(name)) continue;
    const found = [...computed].find(([, gradient]) => elementCount(gradient.dims) === elementCount(dims));
    if (!found) return;
    const [from, { data }] = found;
    computed.delete(from);
    const [rows, columns] = dims as [number, number];
    const source = data as Float32Array;
    const turned =
      dims.length === 2
        ? source.map((_, at) => source[(at % columns) * rows + Math.floor(at / columns)]!)
        : source;
    gradients.set(name, { dtype: "float32", dims, data: turned });
    gradients.delete(from);
  }
}

const networks = [...lifted, ...plain];

test.each(networks)("gradients of $name", async (entry) => {
  const arrays = readNpz(readFileSync(join(folder, `${entry.name}.npz`)), entry.name);
  const gradients = await gradientsOf(await stepOf(entry, arrays), arrays);
  const expected = under(arrays, "grad/");
  const noise = under(arrays, "noise/");
  const all = Math.max(...[...expected.values()].map(largest));
  expect(relativeDeviation(gradients.get(LOSS)!, { ...arrays.get("loss")!, dims: [] })).toBeLessThan(
    TOLERANCE,
  );
  gradients.delete(LOSS);
  pairOff(gradients, expected);
  const odd = [...gradients.keys(), ...expected.keys()].filter(
    (name) => !gradients.has(name) || !expected.has(name),
  );
  expect(odd, odd.join(", ")).toEqual([]);
  const wrong = [...expected].flatMap(([name, gradient]) => {
    const own = largest(gradient);
    const allowed = Math.max(
      TOLERANCE * own,
      Math.min(NOISE * numbersOf(noise.get(name)!)[0]!, LIMIT * own),
      FLOOR * all,
    );
    const deviation = relativeDeviation(gradients.get(name)!, gradient) * (own || 1);
    return deviation <= allowed ? [] : [`${name}: ${deviation} of ${own}, allowed ${allowed}`];
  });
  expect(wrong, wrong.slice(0, 9).join("\n")).toEqual([]);
});

test.each(networks.filter(({ steps }) => steps > 0))("losses and state of SGD: $name", async (entry) => {
  const arrays = readNpz(readFileSync(join(folder, `${entry.name}.npz`)), entry.name);
  const session = await TrainingSession.open(await stepOf(entry, arrays));
  const batch = { image: feedOf(arrays.get("x")!), target: targetOf(arrays) };
  for (const [i, expected] of numbersOf(arrays.get("losses")!).entries()) {
    const { loss } = await session.run(batch, { learningRate: 0.02, seed: 0 });
    expect(Math.abs(loss - expected) / expected, `loss ${i}`).toBeLessThan(TOLERANCE);
  }
  const { state } = session;
  await session.dispose();
  for (const [name, expected] of under(arrays, "state/"))
    expect(relativeDeviation(feedOf(state.get(name)!), expected), name).toBeLessThan(STATE_TOLERANCE);
});
