/** @file The chain that every reader of a graph goes through. */

import { expect, test } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { ints } from "../graph/graph.ts";
import { floatTensor, int64Tensor, tensorOf } from "../graph/tensor.ts";
import { simplify } from "./simplify.ts";

const shown = ({ nodes }: Graph): string[] =>
  nodes.map(({ inputs, op, outputs }) => `${op}(${inputs.join()})=${outputs.join()}`);
const weight = floatTensor([2], [1, 2]);

test("old operators, aliases, constants and what nobody reads are gone at once", () => {
  const graph = graphOf(
    [
      node("Identity", ["w"], ["alias"]),
      node("Neg", ["alias"], ["negative"]),
      node("Identity", ["x"], ["same"]),
      // Axes are an attribute until set 13.
      node("Unsqueeze", ["negative"], ["row"], { axes: ints([0]) }),
      node("Add", ["same", "row"], ["y"]),
      node("Relu", ["x"], ["unread"]),
    ],
    { inputs: [value("x", [1, 2])], initializers: { w: weight }, opset: 11 },
  );
  const plain = simplify(graph);
  expect(shown(plain)).toEqual(["Add(x,row)=y"]);
  expect([...plain.initializers.keys()]).toEqual(["row"]);
  expect(simplify(plain)).toEqual(plain);
});

test("what stands in a branch that is taken is folded, too", () => {
  const branch = (nodes: Node[]): { kind: "graph"; value: Graph } => ({
    kind: "graph",
    value: graphOf(nodes, { inputs: [], outputs: [value("r")] }),
  });
  // More elements than inference follows: folding has to compute them, from sizes that it knows once they are outside.
  const count = 5000;
  const graph = graphOf(
    [
      node("If", ["yes"], ["factor"], {
        then_branch: branch([node("Shape", ["x"], ["sizes"]), node("Expand", ["w", "sizes"], ["r"])]),
        else_branch: branch([node("Abs", ["x"], ["r"])]),
      }),
      node("Mul", ["x", "factor"], ["y"]),
    ],
    {
      inputs: [value("x", [count])],
      initializers: { yes: tensorOf("bool", [], [1]), w: floatTensor([1], [2]) },
    },
  );
  const plain = simplify(graph);
  expect(shown(plain)).toEqual(["Mul(x,factor)=y"]);
  expect(plain.initializers.get("factor")?.dims).toEqual([count]);
});

test("nodes that are to stay, stay: a weight keeps its name", () => {
  const graph = graphOf([node("Reshape", ["w", "sizes"], ["wide"]), node("Mul", ["x", "wide"], ["y"])], {
    inputs: [value("x", [1, 2])],
    initializers: { w: weight, sizes: int64Tensor([1, 2]) },
  });
  expect(shown(simplify(graph))).toEqual(["Mul(x,wide)=y"]);
  const kept = simplify(graph, (now, { inputs: [name] }) => !now.initializers.has(name!));
  expect(shown(kept)).toEqual(shown(graph));
});
