/** @file Graphs that look for values that are not finite run where the step runs, under the same conditions. */

import { expect, onTestFinished, test, vi } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import { int } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { decodeModel } from "../onnx/decode.ts";
import type { EngineOptions, OpenEngine } from "../run/engine.ts";
import { meanSquaredError } from "./losses.ts";
import { sgd } from "./optimisers.ts";
import { trainingStep } from "./step.ts";

const opened: EngineOptions[] = [];

/** An engine that computes nothing, so that no GPU is needed. */
const openEngine: OpenEngine = (model, options) => {
  opened.push(options);
  const outputs = decodeModel(model as Uint8Array).outputs.map(
    ({ name }) => ({ name, dtype: "float32", dims: [] }) as const,
  );
  const zero = { dtype: "float32", dims: [], data: Float32Array.of(0) } as const;
  return Promise.resolve({
    inputs: [],
    outputs,
    run: (_, fetch) => Promise.resolve(Object.fromEntries(fetch.map((name) => [name, zero]))),
    release: () => Promise.resolve(),
  });
};

test("nodes that WebGPU does not compute are left to the CPU in the step, and while its failure is looked for", async () => {
  // Modules are loaded anew, with this engine in them, and forgotten afterwards: other tests share the worker.
  vi.resetModules();
  vi.doMock("#ort", () => ({ openEngine }));
  onTestFinished(() => {
    vi.doUnmock("#ort");
    vi.resetModules();
  });
  const { explain } = await import("./diagnose.ts");
  const { TrainingSession } = await import("./session.ts");
  const grouped = { ...node("Conv", ["x", "w"], ["y"], { group: int(2) }), name: "grouped" };
  const graph = graphOf([grouped], {
    inputs: [value("x", [1, 2, 4, 4, 4])],
    initializers: { w: floatTensor([2, 1, 1, 1, 1], [1, 2]) },
  });
  const step = trainingStep(graph, {
    loss: meanSquaredError(),
    optimiser: sgd(),
    batch: 1,
    size: [4, 4, 4],
    device: "webgpu",
  });
  await TrainingSession.open(step, { device: "webgpu" });
  expect(await explain(step, new Map(), { device: "webgpu" })).toBeUndefined();
  expect(opened).toHaveLength(3);
  for (const { cpuNodes } of opened) expect(cpuNodes).toContain("grouped");
  opened.length = 0;
  await TrainingSession.open(step, { device: "cpu" });
  expect(opened[0]!.cpuNodes).toEqual([]);
});
