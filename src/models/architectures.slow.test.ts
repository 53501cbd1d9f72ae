/**
 * @file Every builder against PyTorch with the same random weights (`oracle/architectures.py`): in 2D; and for one
 * network of each family, lifted, against PyTorch's own export of it, lifted. PYTHON names an interpreter with PyTorch;
 * by default Debian's. Files are made network by network, and deleted again.
 *
 * Larger networks of a family take the same code as its smallest: they run with ARCHITECTURES=all only.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { feedOf, relativeDeviation } from "../../test/helpers/compare.ts";
import { between, uniform } from "../base/random.ts";
import { elementCount } from "../graph/tensor.ts";
import { LIFT_KINDS } from "../lift/options.ts";
import { lift, load, type Model } from "../model/model.ts";
import { parameterSlots } from "../ops/parameters.ts";
import type { RunTensor } from "../run/tensor.ts";
import { crossEntropy } from "../train/losses.ts";
import { adam } from "../train/optimisers.ts";
import { trainingStep } from "../train/step.ts";
import { readNpz } from "../formats/npz.ts";
import { loadWeights, type LoadReport } from "../weights/load.ts";
import { architecture, type ArchitectureOptions } from "./registry.ts";

interface Case {
  readonly name: string;
  readonly architecture: string;
  readonly options: ArchitectureOptions;
  /** Whether PyTorch exports it, to be lifted. */
  readonly isLifted: boolean;
}

/** Largest deviation, relative to the largest value. */
const TOLERANCE = 1e-4;

const script = fileURLToPath(new URL("../../oracle/architectures.py", import.meta.url));
const oracle = (...args: string[]): string =>
  execFileSync(process.env["PYTHON"] ?? "/usr/bin/python3", [script, ...args], { encoding: "utf8" });

/** Whether the definition, or an option of it, appears in no case before. */
const isOfItsOwn = ({ isLifted, options }: Case): boolean =>
  isLifted || Object.keys(options).some((option) => option !== "aux");
const cases = (JSON.parse(oracle("list")) as Case[]).filter(
  (one) => process.env["ARCHITECTURES"] === "all" || isOfItsOwn(one),
);

describe.each(cases)("$name", ({ name, options, isLifted, ...by }) => {
  let folder: string;
  const file = (end: string): string => join(folder, `${name}.${end}`);
  let model: Model;
  let report: LoadReport;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "acsconv-architectures-"));
    oracle("outputs", "--out", folder, "--only", name);
    const built = architecture(by.architecture, { ...options, kernels: "none" });
    ({ model, report } = await loadWeights(built, file("pth")));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("takes PyTorch's state dict as it is", () => {
    expect(report.missing).toEqual([]);
    expect(report.unexpected.filter((key) => !key.endsWith(".num_batches_tracked"))).toEqual([]);
  });

  test("computes in 2D what PyTorch computes", async () => {
    const arrays = readNpz(readFileSync(file("npz")), name);
    const { x, ...expected } = Object.fromEntries(arrays);
    const result = await outputsOf(model, feedOf(x!));
    expect(result).toHaveLength(Object.keys(expected).length);
    for (const [i, y] of Object.values(expected).entries()) {
      expect(relativeDeviation(result[i]!, y)).toBeLessThan(TOLERANCE);
    }
  });

  // VGG's five pools would leave nothing of a volume of few planes.
  const [depth, size] =
    name.startsWith("vgg1") && !name.includes("fcn")
      ? [{ stride: 1, pool: 1 } as const, [4, 224, 224] as const]
      : [{}, [32, 48, 64] as const];

  test("lifts to every kind, and trains", () => {
    for (const kind of LIFT_KINDS) expect(() => lift(model, { kind, depth })).not.toThrow();
    const { graph } = lift(model, { depth });
    const step = trainingStep(graph, { loss: crossEntropy(), optimiser: adam(), batch: 2, size });
    const parameters = parameterSlots(model.graph);
    const aux = parameters.filter((slot) => slot.name.startsWith("aux_classifier."));
    expect(step.parameters).toHaveLength(parameters.length - aux.length);
  });

  const kinds = isLifted ? (["acs", "mean-acs", "2.5d", "i3d"] as const) : [];
  test.each(kinds)("lifted to %s is PyTorch's export, lifted", async (kind) => {
    const how = { kind, depth };
    const image = volume([1, 3, ...size]);
    const ours = await outputsOf(lift(model, how), image);
    const theirs = await outputsOf(lift(await load(file("onnx")), how), image);
    expect(ours).toHaveLength(theirs.length);
    for (const [i, y] of theirs.entries()) expect(relativeDeviation(ours[i]!, y)).toBeLessThan(TOLERANCE);
  });
});

async function outputsOf(model: Model, image: RunTensor): Promise<RunTensor[]> {
  const result = await model.run({ [model.inputs[0]!.name]: image });
  await model.dispose();
  return model.outputs.map((output) => result[output.name]!);
}

/** Waves of several lengths with noise: pure noise would look the same everywhere to a classifier. */
function volume(dims: readonly number[]): RunTensor {
  const random = uniform(1);
  const [, , , height, width] = dims as [number, number, number, number, number];
  const data = Float32Array.from({ length: elementCount(dims) }, (_, i) => {
    const [h, d] = [Math.floor(i / width) % height, Math.floor(i / (width * height))];
    return Math.sin(h / 5 + d) + Math.cos((i % width) / 7 - d / 3) + between(random, -0.5, 0.5);
  });
  return { dtype: "float32", dims, data };
}
