/**
 * @file Maps that are pooled to one voxel and brought back to the image (ASPP, gates): by ReduceMean over named axes, as
 * today's exporters spell it, they are what they are by GlobalAveragePool.
 */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { relativeDeviation } from "../../test/helpers/compare.ts";
import { randomFloats } from "../../test/helpers/gradients.ts";
import { evaluate, graphOf, node } from "../../test/helpers/graphs.ts";
import { symbol } from "../graph/dim.ts";
import { type Graph, int, ints, str } from "../graph/graph.ts";
import { floatTensor, int64Tensor } from "../graph/tensor.ts";
import { lift, LIFT_KINDS, load, Model } from "../index.ts";
import { decodeModel } from "../onnx/decode.ts";
import { crossEntropy } from "../train/losses.ts";
import { sgd } from "../train/optimisers.ts";
import { TrainingSession } from "../train/session.ts";
import { trainingStep } from "../train/step.ts";

const folder = new URL("../../test/fixtures/cases/O03_mean_axes/", import.meta.url);
const FILES = readdirSync(folder);
const read = (name: string): Graph => decodeModel(new Uint8Array(readFileSync(new URL(name, folder))));

/** The same with the pool by its name. */
const pooled = (graph: Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map((n) =>
    n.op === "ReduceMean" ? { ...n, op: "GlobalAveragePool", inputs: [n.inputs[0]!], attrs: {} } : n,
  ),
});

const x = randomFloats([1, 2, 5, 8, 6]);
const run = async (model: Model): Promise<Awaited<ReturnType<typeof evaluate>>[string]> =>
  (await evaluate(model.toBytes(), { x }))["y"]!;

describe.each(LIFT_KINDS)("%s", (kind) => {
  test.each(FILES)("%s", async (name) => {
    const model = lift(new Model(read(name)), { kind });
    const channels = name.startsWith("aspp") ? 4 : 2;
    expect(model.outputs[0]!.shape!.map(String)).toEqual(["N", String(channels), "D", "H", "W"]);
    const y = await run(model);
    expect(y.dims).toEqual([1, channels, 5, 8, 6]);
    expect(relativeDeviation(y, await run(lift(new Model(pooled(read(name))), { kind })))).toBeLessThan(1e-6);
    const again = await load(model.toBytes());
    expect(again.lifted).toBeDefined();
    expect(relativeDeviation(await run(again), y)).toBe(0);
  });
});

/** Conv, mean, Conv, back to a size, Concat. */
function branch(size: "shape" | "scales", form: 13 | 18, spatial: Graph["inputs"][number]["shape"]): Graph {
  const mean =
    form === 13
      ? node("ReduceMean", ["c"], ["m"], { axes: ints([-2, -1]) })
      : node("ReduceMean", ["c", "axes"], ["m"]);
  const back = { mode: str("linear") };
  return graphOf(
    [
      node("Conv", ["x", "w"], ["c"]),
      mean,
      node("Conv", ["m", "w"], ["k"]),
      ...(size === "scales"
        ? [node("Resize", ["k", "", "scales"], ["r"], back)]
        : [
            node("Shape", ["c"], ["s"]),
            node("Slice", ["s", "two", "four", "zero"], ["hw"]),
            node("Slice", ["s", "zero", "two", "zero"], ["nc"]),
            node("Concat", ["nc", "hw"], ["size"], { axis: int(0) }),
            node("Resize", ["k", "", "", "size"], ["r"], back),
          ]),
      node("Concat", ["c", "r"], ["y"], { axis: int(1) }),
    ],
    {
      inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 2, ...spatial!] }],
      initializers: {
        w: floatTensor([2, 2, 1, 1], [1, 0.5, -0.25, 2]),
        axes: int64Tensor([2, 3]),
        scales: floatTensor([4], [1, 1, 4, 4]),
        zero: int64Tensor([0]),
        two: int64Tensor([2]),
        four: int64Tensor([4]),
      },
      opset: form,
    },
  );
}

test.each([
  ["a size of its own graph, by an attribute", branch("shape", 13, [symbol("H"), symbol("W")])],
  ["a size of its own graph, by an input", branch("shape", 18, [symbol("H"), symbol("W")])],
  ["a factor that is the size of the export", branch("scales", 18, [4, 4])],
])("back to %s", async (_, graph) => {
  const y = await run(lift(new Model(graph)));
  expect(y.dims).toEqual([1, 4, 5, 8, 6]);
  expect(relativeDeviation(y, await run(lift(new Model(pooled(branch("shape", 18, [4, 4]))))))).toBeLessThan(
    1e-6,
  );
});

/** Loss and gradient of a step, and the weight after it. */
async function trainedOnce(graph: Graph): Promise<{ loss: number; norm: number; model: Model }> {
  const model = lift(new Model(graph));
  const step = trainingStep(model.graph, {
    loss: crossEntropy(),
    optimiser: sgd({}),
    batch: 1,
    size: [5, 8, 6],
  });
  const session = await TrainingSession.open(step);
  try {
    const data = Uint8Array.from({ length: 5 * 8 * 6 }, (_, i) => i % 4);
    const result = await session.run(
      { image: { dtype: "float32", ...x }, target: { dtype: "uint8", dims: step.target.dims, data } },
      { learningRate: 0.1, seed: 1 },
    );
    const w = session.state.get("w")!;
    return {
      loss: result.loss,
      norm: result.gradientNorm,
      model: model.withWeights(new Map([["w", w]])),
    };
  } finally {
    await session.dispose();
  }
}

test("it trains, as the form with GlobalAveragePool does, and stays lifted", async () => {
  const [mean, global] = await Promise.all([
    trainedOnce(read("aspp_2_3.onnx")),
    trainedOnce(pooled(read("aspp_2_3.onnx"))),
  ]);
  expect(mean.norm).toBeGreaterThan(0.01);
  expect(mean.norm).toBeCloseTo(global.norm, 5);
  expect(mean.loss).toBeCloseTo(global.loss, 5);
  const again = await load(mean.model.toBytes());
  expect(again.lifted).toBeDefined();
  expect(relativeDeviation(await run(again), await run(global.model))).toBeLessThan(1e-5);
});
