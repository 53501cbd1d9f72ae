/** @file Losses of classes read the logits before the activation that ends a network. */

import { expect, test } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import { type Graph, int } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { binaryCrossEntropy, meanSquaredError } from "./losses.ts";
import { sgd } from "./optimisers.ts";
import { trainingStep } from "./step.ts";

const endingIn = (end: string, axis?: number): Graph =>
  graphOf(
    [node("Conv", ["x", "w"], ["c"]), node(end, ["c"], ["y"], axis === undefined ? {} : { axis: int(axis) })],
    {
      inputs: [value("x", [1, 2, 4, 4])],
      outputs: [value("y", [1, 2, 4, 4])],
      initializers: { w: floatTensor([2, 2, 1, 1], [1, 2, 3, 4]) },
    },
  );

test.each([
  ["Sigmoid", undefined, "Sigmoid"],
  ["HardSigmoid", undefined, "HardSigmoid"],
  ["Softmax", 1, "ReduceMax"],
])("%s", (end, axis, written) => {
  const graph = endingIn(end, axis);
  const options = { optimiser: sgd(), batch: 1, size: [4, 4] };
  const ops = (loss: Parameters<typeof trainingStep>[1]["loss"]): string[] =>
    trainingStep(graph, { ...options, loss }).forward.nodes.map(({ op }) => op);
  expect(ops(binaryCrossEntropy())).not.toContain(written);
  expect(ops(binaryCrossEntropy())).toContain("Softplus");
  // A loss of values reads what the network gives.
  expect(ops(meanSquaredError())).toContain(written);
});

test("a softmax along another axis than the classes is refused", () => {
  const options = { loss: binaryCrossEntropy(), optimiser: sgd(), batch: 1, size: [4, 4] };
  expect(() => trainingStep(endingIn("Softmax", 3), options)).toThrow(
    /"y" goes through Softmax .* needs scores/,
  );
});
