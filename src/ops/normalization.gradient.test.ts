/** @file Normalisations against finite differences, at ranks 2 to 5. */

import { describe, expect, test } from "vitest";
import { expectGradients, gradientsAt, randomFloats } from "../../test/helpers/gradients.ts";
import { node } from "../../test/helpers/graphs.ts";
import { float, int, ints } from "../graph/graph.ts";
import { LIFTED_DOMAIN } from "./lifted.ts";

const parameters = (dims: readonly number[]) => ({
  scale: randomFloats(dims, 2, 0.5, 2),
  bias: randomFloats(dims, 3),
});
const SHAPES = [
  [6, 3],
  [3, 3, 5],
  [2, 3, 3, 4],
  [2, 3, 2, 3, 2],
];

test.each(SHAPES.map((dims) => [dims]))("BatchNormalization of %j, by all it reads", async (dims) => {
  const inputs = {
    x: randomFloats(dims),
    ...parameters([3]),
    mean: randomFloats([3], 4),
    variance: randomFloats([3], 5, 0.5, 2),
  };
  const nodes = [node("BatchNormalization", Object.keys(inputs), ["y"], { epsilon: float(1e-2) })];
  await expectGradients({ nodes, inputs });
});

test.each(SHAPES.map((dims) => [dims]))("TrainingBatchNorm of %j", async (dims) => {
  const inputs = { x: randomFloats(dims), ...parameters([3]) };
  const outputs = ["y", "m", "v", "z"];
  const norm = node("TrainingBatchNorm", Object.keys(inputs), outputs, { epsilon: float(1e-2) });
  await expectGradients({ nodes: [{ ...norm, domain: LIFTED_DOMAIN }], inputs });
});

test.each(SHAPES.slice(1).map((dims) => [dims]))("InstanceNormalization of %j", async (dims) => {
  const inputs = { x: randomFloats(dims), ...parameters([3]) };
  const nodes = [node("InstanceNormalization", Object.keys(inputs), ["y"], { epsilon: float(1e-2) })];
  await expectGradients({ nodes, inputs });
});

describe("GroupNormalization", () => {
  test.each([
    [18, 2],
    [21, 4],
  ])("of set %d, %d scales for 4 features in 2 groups", async (opset, given) => {
    const inputs = { x: randomFloats([2, 4, 2, 3]), ...parameters([given]) };
    const nodes = [node("GroupNormalization", Object.keys(inputs), ["y"], { num_groups: int(2) })];
    await expectGradients({ nodes, inputs, opset });
  });
});

describe("LayerNormalization", () => {
  test.each([
    { dims: [4, 6], axis: -1, given: [6] },
    { dims: [2, 3, 4], axis: 1, given: [3, 4] },
    { dims: [2, 3, 2, 4], axis: 2, given: [4] },
    { dims: [2, 2, 2, 2, 3], axis: 4, given: [3] },
    { dims: [2, 2, 3], axis: 1, given: [2, 1] },
  ])("of $dims from $axis, scale $given", async ({ dims, axis, given }) => {
    const inputs = { x: randomFloats(dims), ...parameters(given) };
    const attrs = { axis: int(axis), epsilon: float(1e-2) };
    await expectGradients({ nodes: [node("LayerNormalization", Object.keys(inputs), ["y"], attrs)], inputs });
  });

  test("without bias, statistics handed out to nobody", async () => {
    const inputs = { x: randomFloats([4, 6]), scale: randomFloats([6], 2) };
    await expectGradients({ nodes: [node("LayerNormalization", ["x", "scale"], ["y", "m", "d"])], inputs });
  });

  test("refuses a loss of its statistics", async () => {
    const inputs = { x: randomFloats([4, 6]), scale: randomFloats([6], 2) };
    const nodes = [node("LayerNormalization", ["x", "scale"], ["z", "m"]), node("Add", ["z", "m"], ["y"])];
    await expect(gradientsAt({ nodes, inputs })).rejects.toThrow(
      /Cannot train through LayerNormalization "z": the loss depends on the statistics that it hands out/,
    );
  });
});

test.each([
  ["MeanVarianceNormalization", [3, 2, 3, 4], {}],
  ["MeanVarianceNormalization", [3, 5, 3, 2], { axes: ints([1]) }],
  ["MeanVarianceNormalization", [3, 2, 3, 2, 2], { axes: ints([0, 2, 3, 4]) }],
  ["LpNormalization", [3, 4, 2], { axis: int(1) }],
  ["LpNormalization", [3, 4], { p: int(1) }],
] as const)("%s of %j, %j", async (op, dims, attrs) => {
  await expectGradients({ nodes: [node(op, ["x"], ["y"], attrs)], inputs: { x: randomFloats(dims, 3) } });
});
