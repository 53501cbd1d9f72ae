/** @file Nodes of a training step have names that differ, whatever those of the network are. */

import { expect, test } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import { ints } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { lift, Model } from "../model/model.ts";
import { crossEntropy } from "./losses.ts";
import { sgd } from "./optimisers.ts";
import { trainingStep } from "./step.ts";

test("PyTorch's older exporter calls nodes what a builder would call values", () => {
  const conv = { kernel_shape: ints([3, 3]), pads: ints([1, 1, 1, 1]) };
  const named = (name: string, input: string, output: string) => ({
    ...node("Conv", [input, `${output}.w`], [output], conv),
    name,
  });
  const graph = graphOf([named("Conv", "x", "1"), named("Conv_1", "1", "2"), named("Slice_1", "2", "y")], {
    inputs: [value("x", [1, 3, 16, 16])],
    outputs: [value("y", [1, 3, 16, 16])],
    initializers: Object.fromEntries(
      ["1", "2", "y"].map((name) => [`${name}.w`, floatTensor([3, 3, 3, 3], new Float32Array(81).fill(0.1))]),
    ),
  });
  const step = trainingStep(lift(new Model(graph)).graph, {
    loss: crossEntropy(),
    optimiser: sgd(),
    batch: 1,
    size: [16, 16, 16],
  });
  const names = step.graph.nodes.map(({ name }) => name).filter((name) => name !== "");
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});
