/** @file Convolutions over merged axes compute what they did, activation included. */

import { describe, expect, test } from "vitest";
import { relativeDeviation } from "../../test/helpers/compare.ts";
import { randomFloats } from "../../test/helpers/gradients.ts";
import { evaluate, graphOf, node, value } from "../../test/helpers/graphs.ts";
import type { Attrs, Graph } from "../graph/graph.ts";
import { int, ints } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { mergeAxes } from "./merge-axes.ts";

const x = randomFloats([2, 4, 5, 6, 7]);

function convolution(kernel: readonly number[], attrs: Attrs, groups = 1): Graph {
  const w = randomFloats([6, 4 / groups, ...kernel], 2);
  const b = randomFloats([6], 3);
  return graphOf(
    [node("Conv", ["x", "w", "b"], ["c"], { ...attrs, group: int(groups) }), node("Relu", ["c"], ["y"])],
    {
      inputs: [value("x", [...x.dims])],
      initializers: { w: floatTensor(w.dims, w.data), b: floatTensor(b.dims, b.data) },
    },
  );
}

describe("mergeAxes", () => {
  test.each([
    ["coronal", [3, 1, 3], { pads: ints([1, 0, 1, 1, 0, 1]) }, 1],
    ["sagittal", [3, 3, 1], { pads: ints([1, 1, 0, 1, 1, 0]) }, 1],
    [
      "coronal, uneven and dilated",
      [2, 1, 3],
      { pads: ints([0, 0, 2, 1, 0, 1]), dilations: ints([2, 1, 2]) },
      1,
    ],
    ["sagittal, grouped, without padding", [2, 3, 1], {}, 2],
  ])("%s", async (_, kernel, attrs, groups) => {
    const graph = convolution(kernel, attrs, groups);
    const merged = mergeAxes(graph, new Set(["Relu"]));
    expect(merged.nodes.map(({ op }) => op)).toEqual(["Reshape", "Reshape", "Conv", "Relu", "Reshape"]);
    const [was, now] = [await evaluate(graph, { x }), await evaluate(merged, { x })];
    expect(relativeDeviation(now["y"]!, was["y"]!)).toBeLessThan(1e-6);
  });

  test.each([
    ["axial", [1, 3, 3], {}],
    ["dense", [3, 3, 3], {}],
    ["a stride", [3, 1, 3], { strides: ints([2, 1, 1]) }],
    ["padding of the axis left out", [3, 1, 3], { pads: ints([1, 1, 1, 1, 1, 1]) }],
  ])("not for %s", (_, kernel, attrs) => {
    const graph = convolution(kernel, attrs);
    expect(mergeAxes(graph, new Set(["Relu"])).nodes).toEqual(graph.nodes);
  });
});
