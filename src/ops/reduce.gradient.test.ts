/** @file Reductions against finite differences. */

import { describe, test } from "vitest";
import { expectGradients, randomFloats } from "../../test/helpers/gradients.ts";
import { node } from "../../test/helpers/graphs.ts";
import { int } from "../graph/graph.ts";
import { int64Tensor } from "../graph/tensor.ts";

const REDUCTIONS = [
  "ReduceSum",
  "ReduceMean",
  "ReduceMax",
  "ReduceMin",
  "ReduceL1",
  "ReduceL2",
  "ReduceSumSquare",
  "ReduceLogSum",
  "ReduceLogSumExp",
];

describe.each(REDUCTIONS)("%s", (op) => {
  test.each([
    { dims: [2, 5], axes: [1], keepdims: 0 },
    { dims: [2, 3, 4], axes: [-1, 0], keepdims: 1 },
    { dims: [2, 3, 2, 3], axes: [2, 3], keepdims: 0 },
    { dims: [2, 2, 3, 1, 2], axes: [2, 3, 4], keepdims: 1 },
  ])("of $dims over $axes, keepdims $keepdims", async ({ dims, axes, keepdims }) => {
    await expectGradients({
      nodes: [node(op, ["x", "axes"], ["y"], { keepdims: int(keepdims) })],
      inputs: { x: randomFloats(dims, 5, 0.2, 2) },
      constants: { axes: int64Tensor(axes) },
    });
  });

  test("over everything", async () => {
    await expectGradients({
      nodes: [node(op, ["x"], ["y"])],
      inputs: { x: randomFloats([3, 4], 5, 0.2, 2) },
    });
  });

  test("over nothing, where it says so", async () => {
    const attrs = { noop_with_empty_axes: int(1) };
    await expectGradients({
      nodes: [node(op, ["x", "axes"], ["y"], attrs)],
      inputs: { x: randomFloats([3, 4], 5, 0.2, 2) },
      constants: { axes: int64Tensor([]) },
    });
  });
});
