/** @file BatchNormalization folded into the kernel before it: the same function, one node less. */

import { describe, expect, test } from "vitest";
import { relativeDeviation } from "../../test/helpers/compare.ts";
import { evaluate, graphOf, node } from "../../test/helpers/graphs.ts";
import { random } from "../../test/helpers/networks.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { float, int, ints } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { liftGraph } from "../lift/index.ts";
import { LIFT_KINDS } from "../lift/options.ts";
import { foldBatchNorm } from "./fold-batch-norm.ts";
import { lower } from "./lower.ts";

const CLOSE = 1e-5;

const norm = (x: string, y: string, more: Node["attrs"] = {}): Node =>
  node("BatchNormalization", [x, "gamma", "beta", "mean", "variance"], [y], {
    epsilon: float(0.01),
    ...more,
  });

/** x [2, 4, 9, 9] through `op` to 6 channels, then BatchNormalization. */
function normalised(
  op: "Conv" | "ConvTranspose",
  groups: number,
  bias: boolean,
  tail: Node[] = [norm("c", "y")],
): Graph {
  const dims = op === "Conv" ? [6, 4 / groups, 3, 3] : [4, 6 / groups, 3, 3];
  const attrs = { group: int(groups), strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) };
  const inputs = bias ? ["x", "w", "b"] : ["x", "w"];
  const vectors = Object.fromEntries(
    ["b", "gamma", "beta", "mean"].map((name, i) => [name, floatTensor([6], random([6], i).data)]),
  );
  const variance = floatTensor([6], [0.01, 0.5, 1, 1.5, 2, 40]);
  return graphOf([node(op, inputs, ["c"], attrs), ...tail], {
    inputs: [{ name: "x", dtype: "float32", shape: [2, 4, 9, 9] }],
    initializers: { w: floatTensor(dims, random(dims, 9).data), ...vectors, variance },
  });
}

const ops = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);
const x2 = random([2, 4, 9, 9]);
const x3 = random([2, 4, 8, 9, 7]);

describe.each([
  ["Conv", 1],
  ["Conv", 2],
  ["ConvTranspose", 1],
  ["ConvTranspose", 2],
] as const)("%s of %i groups", (op, groups) => {
  test.each([true, false])("in 2D, bias: %s", async (bias) => {
    const graph = normalised(op, groups, bias);
    const folded = foldBatchNorm(graph);
    expect(ops(folded)).toEqual([op]);
    const [before, after] = await Promise.all([graph, folded].map((g) => evaluate(g, { x: x2 })));
    expect(relativeDeviation(after!.y!, before!.y!)).toBeLessThan(CLOSE);
  });

  test.each(LIFT_KINDS)("lifted, %s", async (kind) => {
    const { graph } = liftGraph(normalised(op, groups, true), { kind });
    const folded = foldBatchNorm(graph);
    expect(ops(folded)).not.toContain("BatchNormalization");
    const [before, after] = await Promise.all(
      [graph, folded].map((g) => evaluate(lower(g).graph, { x: x3 })),
    );
    expect(relativeDeviation(after!.y!, before!.y!)).toBeLessThan(CLOSE);
  });
});

describe("convolutions joined along the channels", () => {
  /** x through two layers to 4 and 2 channels, joined, then normalised. */
  const joined = (second: Node, axis = 1, tail: Node[] = [norm("c", "y")]): Graph => {
    const graph = normalised("Conv", 1, true);
    const attrs = { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) };
    const nodes = [
      node("Conv", ["x", "w4", "b4"], ["p"], attrs),
      second,
      node("Concat", ["p", "q"], ["c"], { axis: int(axis) }),
      ...tail,
    ];
    const initializers = new Map([
      ...graph.initializers,
      ...([[4, 4, 3, 3], [4, 2, 3, 3], [4]] as const).map(
        (dims, i) => [["w4", "w2", "b4"][i]!, floatTensor(dims, random(dims, 20 + i).data)] as const,
      ),
    ]);
    return { ...graph, nodes, initializers };
  };
  const transposed = node("ConvTranspose", ["x", "w2"], ["q"], { pads: ints([3, 3, 3, 3]) });

  test("each takes its share", async () => {
    const graph = joined(transposed);
    const folded = foldBatchNorm(graph);
    expect(ops(folded)).toEqual(["Conv", "ConvTranspose", "Concat"]);
    const [before, after] = await Promise.all([graph, folded].map((g) => evaluate(g, { x: x2 })));
    expect(relativeDeviation(after!.y!, before!.y!)).toBeLessThan(CLOSE);
  });

  test.each([
    ["one of them is no convolution", joined(node("Slice", ["x", "zero", "two", "one"], ["q"]))],
    ["they are joined along another axis", joined(transposed, 2)],
    [
      "something else reads the join",
      joined(transposed, 1, [norm("c", "n"), node("Add", ["n", "c"], ["y"])]),
    ],
    ["something else reads one", joined(transposed, 1, [norm("c", "y"), node("Relu", ["q"], ["r"])])],
  ])("left alone where %s", (_, graph) => {
    expect(ops(foldBatchNorm(graph))).toContain("BatchNormalization");
  });
});

describe("left alone", () => {
  const kept = (graph: Graph): boolean => ops(foldBatchNorm(graph)).includes("BatchNormalization");

  test("where something else reads the convolution", () => {
    expect(kept(normalised("Conv", 1, true, [norm("c", "n"), node("Add", ["n", "c"], ["y"])]))).toBe(true);
    const graph = normalised("Conv", 1, true);
    expect(kept({ ...graph, outputs: [...graph.outputs, { name: "c", dtype: "float32" }] })).toBe(true);
  });

  test("in training mode", () => {
    expect(kept(normalised("Conv", 1, true, [norm("c", "y", { training_mode: int(1) })]))).toBe(true);
  });

  test("after anything but a convolution, and with a kernel that is computed", () => {
    expect(kept(normalised("Conv", 1, true, [node("Relu", ["c"], ["r"]), norm("r", "y")]))).toBe(true);
    const graph = normalised("Conv", 1, true);
    const [conv, ...rest] = graph.nodes;
    const computed = {
      ...graph,
      nodes: [node("Neg", ["w"], ["v"]), { ...conv!, inputs: ["x", "v", "b"] }, ...rest],
    };
    expect(kept(computed)).toBe(true);
  });
});

test("a kernel shared by two convolutions is folded for each", async () => {
  const graph = normalised("Conv", 1, true, [
    norm("c", "n"),
    node("Conv", ["x", "w", "b"], ["d"], { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) }),
    node("Add", ["n", "d"], ["y"]),
  ]);
  const folded = foldBatchNorm(graph);
  expect(ops(folded)).toEqual(["Conv", "Conv", "Add"]);
  const [before, after] = await Promise.all([graph, folded].map((g) => evaluate(g, { x: x2 })));
  expect(relativeDeviation(after!.y!, before!.y!)).toBeLessThan(CLOSE);
});
