/** @file What counts as a parameter, and settings of groups. */

import { expect, test } from "vitest";
import { graphOf, node } from "../../test/helpers/graphs.ts";
import { floatTensor, int64Tensor, tensorOf } from "../graph/tensor.ts";
import { parametersOf, trainedParameters } from "./parameters.ts";

const vector = (n: number): ReturnType<typeof floatTensor> => floatTensor([n], new Float32Array(n));
const kernel = floatTensor([2, 2, 1, 1], [1, 0, 0, 1]);

const small = graphOf(
  [
    node("Mul", ["x", "contrast"], ["bright"]),
    node("Conv", ["bright", "w", "b"], ["c"]),
    node("BatchNormalization", ["c", "scale", "shift", "mean", "variance"], ["n"]),
    node("PRelu", ["n", "slope"], ["p"]),
    node("Mul", ["gamma", "p"], ["scaled"]),
    node("Add", ["scaled", "half"], ["moved"]),
    node("Reshape", ["moved", "sizes"], ["flat"]),
    node("Gemm", ["flat", "fc", "b"], ["y"]),
  ],
  {
    initializers: {
      contrast: vector(2),
      w: kernel,
      b: vector(2),
      scale: vector(2),
      shift: vector(2),
      mean: vector(2),
      variance: vector(2),
      slope: floatTensor([1], [0.2]),
      gamma: floatTensor([2, 1, 1], [1, 2]),
      half: floatTensor([], [0.5]),
      sizes: int64Tensor([1, -1]),
      fc: floatTensor([2, 2], [1, 2, 3, 4]),
    },
  },
);

test("weights of layers, and what is added to or multiplied with what they made", () => {
  expect(parametersOf(small, true)).toEqual(["w", "b", "scale", "shift", "slope", "gamma", "fc", "b@2"]);
  expect(parametersOf(small, false)).toEqual(["w", "b", "slope", "gamma", "fc", "b@2"]);
});

test("parameters in another precision are refused", () => {
  const half = graphOf([node("Conv", ["x", "w"], ["y"])], {
    initializers: { w: tensorOf("float16", [1, 1, 1, 1], [1]) },
  });
  expect(() => parametersOf(half, true)).toThrow(
    'Expected float32 parameters, found "w" of Conv "y" in float16; export the network in float32.',
  );
});

test("the first group that matches holds", () => {
  const names = ["w", "b", "gamma", "fc"];
  const settings = trainedParameters(small, names, [
    { match: "b", frozen: true },
    { match: "*a*", learningRate: 0.1 },
    { match: /^(gamma|fc)$/g, weightDecay: 0 },
  ]);
  expect(settings).toEqual([
    { name: "w", dims: [2, 2, 1, 1], learningRate: 1, weightDecay: undefined },
    { name: "gamma", dims: [2, 1, 1], learningRate: 0.1, weightDecay: undefined },
    { name: "fc", dims: [2, 2], learningRate: 1, weightDecay: 0 },
  ]);
});

test("a group that matches nothing, and nothing to train, are refused", () => {
  expect(() => trainedParameters(small, ["w", "b"], [{ match: "enc.*" }])).toThrow(
    'No parameter matches the group "enc.*"; the network has w, b.',
  );
  expect(() => trainedParameters(small, ["w", "b"], [{ match: "*", frozen: true }])).toThrow(
    "All 2 parameters are frozen: w, b; leave some to be trained.",
  );
  expect(() => trainedParameters(small, [])).toThrow("The network has no parameters to train");
});
