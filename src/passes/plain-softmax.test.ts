/** @file Softmax written out is the softmax it was. */

import { describe, expect, test } from "vitest";
import { randomFloats } from "../../test/helpers/gradients.ts";
import { evaluate, graphOf, node, value } from "../../test/helpers/graphs.ts";
import { int } from "../graph/graph.ts";
import { plainSoftmax } from "./plain-softmax.ts";

const shape = [2, 5, 3, 4];
const graphWith = (op: string, axis: number) =>
  graphOf([node(op, ["x"], ["y"], { axis: int(axis) })], { inputs: [value("x", shape)] });

describe.each(["Softmax", "LogSoftmax"])("%s", (op) => {
  test.each([1, -3, 2])("over axis %i, of logits up to 1000", async (axis) => {
    const graph = graphWith(op, axis);
    const plain = plainSoftmax(graph);
    expect(plain.nodes.map((of) => of.op)).not.toContain(op);
    const x = randomFloats(shape, 3);
    x.data.forEach((v, i) => (x.data[i] = v * (i % 2 ? 1 : 1000)));
    const [before, after] = [(await evaluate(graph, { x })).y!, (await evaluate(plain, { x })).y!];
    expect(after.data).toBeAllClose(before.data, { rtol: 1e-6, atol: 1e-7 });
  });

  test.each([3, -1])("over axis %i, the last, stays", (axis) => {
    expect(plainSoftmax(graphWith(op, axis)).nodes.map((of) => of.op)).toEqual([op]);
  });
});
