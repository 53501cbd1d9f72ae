/** @file Equal vectors that a file stores once become one for each layer, before and after lifting. */

import { expect, test } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import { floatTensor } from "../graph/tensor.ts";
import { lift, Model, unlift } from "../model/model.ts";
import { parameterSlots } from "../ops/parameters.ts";
import { separateVectors } from "./separate-vectors.ts";

const vector = (n: number): ReturnType<typeof floatTensor> => floatTensor([n], new Float32Array(n));
const kernel = floatTensor([2, 2, 1, 1], [1, 0, 0, 1]);

test("vectors that layers share are copied, kernels are not", () => {
  const shared = graphOf(
    [
      node("Conv", ["x", "w", "zeros"], ["a"]),
      node("BatchNormalization", ["a", "ones", "zeros", "zeros", "ones"], ["n"]),
      node("Conv", ["n", "w", "zeros"], ["y"]),
    ],
    { initializers: { w: kernel, zeros: vector(2), ones: vector(2) } },
  );
  const { nodes, initializers } = separateVectors(shared);
  expect(nodes.map(({ inputs }) => inputs)).toEqual([
    ["x", "w", "zeros"],
    ["a", "ones", "zeros@2", "zeros@3", "ones@2"],
    ["n", "w", "zeros@4"],
  ]);
  expect([...initializers.keys()]).toEqual(["w", "zeros", "ones", "zeros@2", "zeros@3", "ones@2", "zeros@4"]);
});

test("a lifted network gives its own vectors back to its 2D form", () => {
  const graph = graphOf([node("Conv", ["x", "w", "b"], ["a"]), node("Conv", ["a", "w", "b"], ["y"])], {
    inputs: [value("x", [1, 2, 8, 8])],
    outputs: [value("y", [1, 2, 8, 8])],
    initializers: { w: kernel, b: vector(2) },
  });
  const trained = lift(new Model(graph)).withWeights(new Map([["b@2", floatTensor([2], [1, 2])]]));
  const { initializers } = unlift(trained).graph;
  expect([...initializers.get("b@2")!.bytes]).toEqual([...floatTensor([2], [1, 2]).bytes]);
  expect([...initializers.get("b")!.bytes]).toEqual([...vector(2).bytes]);
});

test("scales of groups, which an exporter fills with ones, are no parameters; a GroupNorm's own are", () => {
  const groupNorm = (scale: readonly number[]): string[] => {
    const graph = graphOf(
      [
        node("Conv", ["x", "w"], ["c"]),
        node("Reshape", ["c", "sizes"], ["groups"]),
        node("InstanceNormalization", ["groups", "ones", "zeros"], ["n"]),
        node("Reshape", ["n", "back"], ["r"]),
        node("Mul", ["r", "gamma"], ["y"]),
      ],
      { initializers: { w: kernel, ones: floatTensor([2], scale), zeros: vector(2), gamma: vector(2) } },
    );
    return parameterSlots(graph).map(({ name }) => name);
  };
  expect(groupNorm([1, 1])).toEqual(["w", "gamma"]);
  expect(groupNorm([1, 2])).toEqual(["w", "ones", "zeros", "gamma"]);
});
