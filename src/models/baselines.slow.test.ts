/**
 * @file Networks to compare with, 3D by birth or of parallel separable convolutions, against PyTorch versions written from
 * their descriptions (`oracle/baselines.py`): checkpoints as they were published, outputs, and a step of training. PYTHON names an interpreter
 * with PyTorch; by default Debian's. Files are made network by network, and deleted again.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { feedOf, relativeDeviation } from "../../test/helpers/compare.ts";
import type { Graph } from "../graph/graph.ts";
import { numbersOf, type Tensor } from "../graph/tensor.ts";
import type { LiftOptions } from "../lift/options.ts";
import { lift, type Model } from "../model/model.ts";
import { encodeBytes } from "../onnx/encode.ts";
import { createSession } from "../run/session.ts";
import type { RunTensor } from "../run/tensor.ts";
import { crossEntropy, meanSquaredError } from "../train/losses.ts";
import { sgd } from "../train/optimisers.ts";
import { TrainingSession } from "../train/session.ts";
import { type TrainingStep, trainingStep } from "../train/step.ts";
import { LEARNING_RATE } from "../train/update.ts";
import { readNpz } from "../formats/npz.ts";
import { loadWeights, type LoadReport } from "../weights/load.ts";
import { architecture, type ArchitectureOptions } from "./registry.ts";

interface Case {
  readonly name: string;
  readonly architecture: string;
  readonly options: ArchitectureOptions;
  /** Of a network that is built in 2D. */
  readonly lifting: LiftOptions | null;
  readonly file: string;
  /** That a step is compared of. */
  readonly loss: "classes" | "squares" | null;
}

/** Largest deviation of outputs, relative to the largest value. */
const TOLERANCE = 1e-4;
/** The same of losses, gradients and updated parameters; PyTorch's are those of float64. */
const STEP_TOLERANCE = 1e-3;
/**
 * Where last digits matter more than that to PyTorch itself: a few times as far as they take the worst of its gradients,
 * but never further than LIMIT. A ReLU on the other side for one of few voxels is 10⁻³ of a gradient, and which gradient
 * that is depends on the machine.
 */
const NOISE = 3;
const LIMIT = 0.02;
/** Gradients that are zero but for rounding (shifts in front of BatchNorm), relative to the largest of all. */
const FLOOR = 1e-5;

const LEARNING = 0.01;

const script = fileURLToPath(new URL("../../oracle/baselines.py", import.meta.url));
const oracle = (...args: string[]): string =>
  execFileSync(process.env["PYTHON"] ?? "/usr/bin/python3", [script, ...args], { encoding: "utf8" });

const cases = JSON.parse(oracle("list")) as Case[];

describe.each(cases)("$name", ({ name, options, lifting, loss, file, ...by }) => {
  let folder: string;
  let model: Model;
  let report: LoadReport;
  let arrays: ReadonlyMap<string, Tensor>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "acsconv-baselines-"));
    oracle("outputs", "--out", folder, "--only", name);
    const built = architecture(by.architecture, { ...options, kernels: "none" });
    const empty = lifting ? lift(built, lifting) : built;
    ({ model, report } = await loadWeights(empty, join(folder, file)));
    arrays = readNpz(readFileSync(join(folder, `${name}.npz`)));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("takes the published checkpoint as it is", () => {
    expect(report.missing).toEqual([]);
    expect(report.percent).toBe(100);
    const beside = /num_batches_tracked$|^optimizer/;
    const unused = report.unexpected.filter((key) => !beside.test(key));
    if (by.architecture === "models_genesis") {
      expect(unused.length).toBeGreaterThan(0);
      for (const key of unused) expect(key).toMatch(/\.bn1\.running_(mean|var)$/);
    } else expect(unused).toEqual([]);
  });

  test("computes what PyTorch computes", async () => {
    const result = await model.run({ [model.inputs[0]!.name]: feedOf(arrays.get("x")!) });
    await model.dispose();
    expect(relativeDeviation(result[model.outputs[0]!.name]!, arrays.get("y")!)).toBeLessThan(TOLERANCE);
  });

  if (!loss) return;
  test("takes PyTorch's step", async () => {
    const [batch, , ...size] = arrays.get("x")!.dims as [number, number, ...number[]];
    const step = trainingStep(model.graph, {
      loss: loss === "squares" ? meanSquaredError() : crossEntropy(),
      optimiser: sgd({ momentum: 0.9 }),
      batch,
      size,
    });
    const given = arrays.get("target")!;
    const target: RunTensor =
      given.dtype === "float32" ? feedOf(given) : { dtype: "uint8", dims: given.dims, data: given.bytes };
    const image = feedOf(arrays.get("x")!);

    const gradients = await gradientsOf(step, { [step.image.name]: image, [step.target.name]: target });
    const expected = under(arrays, "grad/");
    expect(expected.size).toBeGreaterThan(10);
    const floor = FLOOR * Math.max(...[...expected.values()].map(largest));
    const noises = [...expected].map(([parameter, gradient]) => {
      const most = largest(gradient);
      return most > floor ? largest(arrays.get(`noise/${parameter}`)!) / most : 0;
    });
    const tolerance = Math.max(STEP_TOLERANCE, Math.min(NOISE * Math.max(...noises), LIMIT));
    for (const [parameter, gradient] of expected) {
      const most = largest(gradient);
      const off = relativeDeviation(gradients.get(parameter)!, gradient) * (most || 1);
      expect(off, parameter).toBeLessThan(Math.max(tolerance * most, floor));
    }

    const session = await TrainingSession.open(step, {});
    const losses: number[] = [];
    for (let i = 0; i < 2; i++) {
      losses.push(
        (await session.run({ image, target }, { learningRate: i === 0 ? LEARNING : 0, seed: 0 })).loss,
      );
      if (i > 0) continue;
      for (const [parameter, after] of under(arrays, "after/")) {
        const off = relativeDeviation(feedOf(session.state.get(parameter)!), after);
        expect(off, parameter).toBeLessThan(STEP_TOLERANCE);
      }
    }
    await session.dispose();
    for (const [i, value] of numbersOf(arrays.get("losses")!).entries()) {
      expect(Math.abs(losses[i]! - value) / value, `loss ${i}`).toBeLessThan(STEP_TOLERANCE);
    }
  });
});

const under = (arrays: ReadonlyMap<string, Tensor>, prefix: string): Map<string, Tensor> =>
  new Map(
    [...arrays].flatMap(([name, array]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), array]] : [],
    ),
  );

const largest = (tensor: Tensor): number =>
  (numbersOf(tensor) as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** By parameter. */
async function gradientsOf(
  step: TrainingStep,
  batch: Readonly<Record<string, RunTensor>>,
): Promise<ReadonlyMap<string, RunTensor>> {
  const outputs = [...step.gradients.values()].map((name) => ({ name }));
  const session = await createSession(encodeBytes({ ...step.graph, outputs } satisfies Graph));
  const state = [...step.state].map(([name, tensor]): [string, RunTensor] => [
    name,
    tensor.dtype === "float32" ? feedOf(tensor) : { dtype: "int64", dims: [], data: BigInt64Array.of(0n) },
  ]);
  const feeds: Readonly<Record<string, RunTensor>> = {
    ...Object.fromEntries(state),
    ...batch,
    [LEARNING_RATE]: { dtype: "float32", dims: [], data: Float32Array.of(0) },
  };
  const y = await session.run(Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!])));
  await session.dispose();
  return new Map([...step.gradients].map(([parameter, name]) => [parameter, y[name]!]));
}
