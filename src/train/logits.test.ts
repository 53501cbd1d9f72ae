/** @file Losses of classes read the logits before the activation that ends a network. */

import { expect, test } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import { floatTensor } from "../graph/tensor.ts";
import { binaryCrossEntropy, meanSquaredError } from "./losses.ts";
import { sgd } from "./optimisers.ts";
import { trainingStep } from "./step.ts";

test.each(["Sigmoid", "HardSigmoid", "Softmax"])("%s", (end) => {
  const graph = graphOf([node("Conv", ["x", "w"], ["c"]), node(end, ["c"], ["y"])], {
    inputs: [value("x", [1, 2, 4, 4])],
    outputs: [value("y", [1, 2, 4, 4])],
    initializers: { w: floatTensor([2, 2, 1, 1], [1, 2, 3, 4]) },
  });
  const options = { optimiser: sgd(), batch: 1, size: [4, 4] };
  const ops = (loss: Parameters<typeof trainingStep>[1]["loss"]): string[] =>
    trainingStep(graph, { ...options, loss }).forward.nodes.map(({ op }) => op);
  expect(ops(binaryCrossEntropy())).not.toContain(end);
  expect(ops(binaryCrossEntropy())).toContain("Softplus");
  // A loss of values reads what the network gives.
  expect(ops(meanSquaredError())).toContain(end);
});
