/** @file What a graph takes at its peak, by hand and as recomputation lowers it. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import { ints } from "../graph/graph.ts";
import { int64Tensor } from "../graph/tensor.ts";
import { liftGraph } from "../lift/index.ts";
import { readModel } from "../onnx/model-file.ts";
import { dice } from "../train/losses.ts";
import { estimateMemory, executionOrder, PLANNER_VERSION } from "./memory.ts";
import { sgd } from "../train/optimisers.ts";
import { withinMemory } from "./recompute.ts";
import { trainingStep } from "../train/step.ts";

test("the planner that is imitated is that of the version in use", () => {
  const read = (path: string): { version: string; dependencies: Record<string, string> } =>
    JSON.parse(readFileSync(new URL(`../../${path}package.json`, import.meta.url), "utf8")) as never;
  for (const name of ["onnxruntime-node", "onnxruntime-web"]) {
    expect(read("").dependencies[name]).toBe(PLANNER_VERSION);
    expect(read(`node_modules/${name}/`).version).toBe(PLANNER_VERSION);
  }
});

const KB = 1024;
const x = value("x", [KB]);

describe("executionOrder", () => {
  test("the last node that nobody reads first, and of its inputs the last written first", () => {
    const graph = graphOf(
      [
        node("Neg", ["x"], ["a"]),
        node("Abs", ["x"], ["b"]),
        node("Exp", ["x"], ["c"]),
        node("Add", ["a", "b"], ["s"]),
        node("Mul", ["c", "a"], ["t"]),
      ],
      { inputs: [x], outputs: [value("s"), value("t")] },
    );
    expect(executionOrder(graph).map(({ outputs }) => outputs[0])).toEqual(["c", "a", "t", "b", "s"]);
  });

  test("a matrix product takes the transpose of its operand along, and counts as written last", () => {
    const square = value("x", [8, 8]);
    const graph = graphOf(
      [
        node("Transpose", ["x"], ["t"], { perm: ints([1, 0]) }),
        node("MatMul", ["x", "t"], ["m"]),
        node("Neg", ["x"], ["n"]),
        node("Add", ["m", "n"], ["y"]),
      ],
      { inputs: [square] },
    );
    expect(executionOrder(graph).map(({ op }) => op)).toEqual(["MatMul", "Neg", "Add"]);
  });
});

describe("estimateMemory", () => {
  const bytesOf = (nodes: ReturnType<typeof node>[], initializers = {}): number =>
    estimateMemory(graphOf(nodes, { inputs: [x], initializers })).tensorBytes;

  test("an operator with one input writes over it, unless that is fed", () => {
    // x, and one value after the other in the same memory.
    expect(bytesOf([node("Neg", ["x"], ["a"]), node("Exp", ["a"], ["b"]), node("Abs", ["b"], ["y"])])).toBe(
      2 * 4 * KB,
    );
  });

  test("what is read later stays", () => {
    const nodes = [node("Neg", ["x"], ["a"]), node("Exp", ["a"], ["b"]), node("Mul", ["a", "b"], ["y"])];
    expect(bytesOf(nodes)).toBe(3 * 4 * KB);
  });

  test("other sizes of the same memory take none", () => {
    const sizes = int64Tensor([32, 32]);
    const nodes = [node("Neg", ["x"], ["a"]), node("Reshape", ["a", "sizes"], ["y"])];
    expect(bytesOf(nodes, { sizes })).toBe(2 * 4 * KB + sizes.bytes.length);
  });
});

describe("withinMemory", async () => {
  const file = new URL("../../test/fixtures/models/unet_train.onnx", import.meta.url);
  const { graph } = liftGraph(await readModel(new Uint8Array(readFileSync(file))), { kind: "acs" });
  const whole = trainingStep(graph, { loss: dice(), optimiser: sgd(), batch: 2, size: [24, 24, 24] });

  test("leaves alone what fits, and refuses what cannot", () => {
    expect(withinMemory(whole, 4e9)).toBe(whole);
    expect(() => withinMemory(whole, 1e6)).toThrow(
      /^A training step on 2 examples of 24×24×24 takes 0\.\d\d GB, and 0\.\d\d GB with all that can be computed again; the budget is 1\.0 MB: take a smaller batch/,
    );
  });
});
