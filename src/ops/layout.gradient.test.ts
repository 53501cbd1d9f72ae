/** @file Gradients of operators that move, join, part, repeat and drop elements. */

import { describe, expect, test } from "vitest";
import { expectGradients, randomFloats } from "../../test/helpers/gradients.ts";
import { node } from "../../test/helpers/graphs.ts";
import { type Attrs, type Node, int, ints, str } from "../graph/graph.ts";
import { floatTensor, int64Tensor, type Tensor, tensorOf } from "../graph/tensor.ts";
import { differentiate } from "../grad/differentiate.ts";
import { GraphBuilder } from "./builder.ts";
import { Expressions } from "./expressions.ts";

/** One operator of x and of constants. */
interface Case {
  readonly x: readonly number[];
  readonly attrs?: Attrs;
  /** Its further inputs; null where one is absent. */
  readonly rest?: readonly (Tensor | null)[];
  readonly outputs?: readonly string[];
}

const of = (...values: number[]): Tensor => int64Tensor(values);

const cases: Record<string, Record<string, Case>> = {
  Reshape: { "": { x: [2, 3, 4], rest: [of(0, -1, 2)] } },
  Flatten: { "": { x: [2, 3, 4], attrs: { axis: int(2) } }, "at 0": { x: [2, 3], attrs: { axis: int(0) } } },
  Squeeze: { "": { x: [2, 1, 3, 1], rest: [of(-1)] }, "every 1": { x: [1, 3, 1] } },
  Unsqueeze: { "": { x: [2, 3], rest: [of(0, -1)] } },
  Transpose: {
    "": { x: [2, 3, 4, 5], attrs: { perm: ints([2, 0, 3, 1]) } },
    "all axes turned": { x: [2, 3, 4] },
  },
  Expand: { "": { x: [3, 1], rest: [of(2, 1, 4)] } },
  Tile: {
    "": { x: [2, 3, 1, 2], rest: [of(3, 1, 4, 2)] },
    once: { x: [2, 3], rest: [of(1, 1)] },
  },
  Identity: { "": { x: [2, 3] } },
  Dropout: {
    "outside training": { x: [2, 3], rest: [floatTensor([], [0.5])] },
    "training turned off": { x: [2, 3], rest: [floatTensor([], [0.5]), tensorOf("bool", [], [0])] },
  },
  Split: {
    "unequal parts": { x: [2, 6], rest: [of(1, 3, 2)], attrs: { axis: int(1) }, outputs: ["y", "b", "c"] },
    "equal parts with a rest": { x: [5, 2], attrs: { num_outputs: int(3) }, outputs: ["y", "b", "c"] },
  },
  Slice: {
    "one axis": { x: [4, 5], rest: [of(1), of(3), of(1)] },
    "from the end, several axes": { x: [4, 5, 6], rest: [of(-3, 1), of(-1, 2 ** 40), of(0, -1)] },
    "by steps": { x: [7, 8], rest: [of(1, 0), of(7, 7), of(0, 1), of(2, 3)] },
    "by steps that end before the end": { x: [9], rest: [of(0), of(5), of(0), of(4)] },
    backwards: { x: [3, 6], rest: [of(-1), of(-(2 ** 40)), of(1), of(-1)] },
    "backwards by steps": { x: [3, 8], rest: [of(6), of(0), of(1), of(-3)] },
  },
  Pad: {
    zeros: { x: [3, 4], rest: [of(1, 0, 2, 3)] },
    "a crop": { x: [5, 4], rest: [of(-1, 2, -2, 0)] },
    "some axes": { x: [2, 3, 4], rest: [of(1, 2), null, of(-1)] },
    edge: { x: [2, 3, 4], rest: [of(0, 2, 1, 0, 1, 3)], attrs: { mode: str("edge") } },
    reflect: { x: [2, 4, 3], rest: [of(0, 3, 2, 0, 1, 0)], attrs: { mode: str("reflect") } },
  },
  Gather: {
    "an element": { x: [3, 4, 2], rest: [int64Tensor([2], [])], attrs: { axis: int(1) } },
    "repeated, from the end": { x: [4, 3], rest: [int64Tensor([0, 2, -1, 0, 0, 1], [2, 3])] },
    "along the last axis": { x: [2, 5], rest: [of(4, 4, 1)], attrs: { axis: int(-1) } },
  },
  DepthToSpace: {
    DCR: { x: [2, 8, 3, 2], attrs: { blocksize: int(2) } },
    CRD: { x: [1, 18, 2, 3], attrs: { blocksize: int(3), mode: str("CRD") } },
  },
  SpaceToDepth: { "": { x: [2, 3, 4, 6], attrs: { blocksize: int(2) } } },
};

describe.each(Object.entries(cases))("%s", (op, variants) => {
  test.each(Object.entries(variants))("%s", async (_, { x, attrs = {}, rest = [], outputs = ["y"] }) => {
    const names = rest.map((tensor, i) => (tensor ? `c${i}` : ""));
    await expectGradients({
      nodes: [node(op, ["x", ...names], [...outputs], attrs)],
      inputs: { x: randomFloats(x) },
      constants: Object.fromEntries(
        rest.flatMap((tensor, i) => (tensor ? [[`c${i}`, tensor] as const] : [])),
      ),
      outputs,
    });
  });
});

test("Concat gives every part its own", async () => {
  await expectGradients({
    nodes: [node("Concat", ["a", "b", "a"], ["y"], { axis: int(-2) })],
    inputs: { a: randomFloats([2, 3, 2]), b: randomFloats([2, 1, 2], 2) },
  });
});

test("Split without readers of some parts", async () => {
  await expectGradients({
    nodes: [
      node("Split", ["x"], ["a", "b", "c"], { axis: int(1), num_outputs: int(3) }),
      node("Mul", ["a", "c"], ["y"]),
    ],
    inputs: { x: randomFloats([2, 6, 2]) },
  });
});

test("Pad by a value that is learned", async () => {
  await expectGradients({
    nodes: [node("Pad", ["x", "pads", "v"], ["y"])],
    inputs: { x: randomFloats([3, 4]), v: randomFloats([], 2) },
    constants: { pads: of(1, -1, 2, 3) },
  });
});

describe("refuses", () => {
  const attempt = (op: Node, constants: Record<string, Tensor>): (() => unknown) => {
    const builder = new GraphBuilder(18, ["y"]);
    builder.input({ name: "x", dtype: "float32", shape: [2, 3] });
    for (const [name, tensor] of Object.entries(constants)) builder.initializer(name, tensor);
    builder.push(op);
    const algebra = new Expressions(builder);
    return () => differentiate(algebra, algebra.sum("y"), ["x"]);
  };

  test("Dropout that draws random numbers", () => {
    const constants = { ratio: floatTensor([], [0.5]), training: tensorOf("bool", [], [1]) };
    expect(attempt(node("Dropout", ["x", "ratio", "training"], ["y"]), constants)).toThrow(
      'Cannot train through Dropout "y": it draws its own random numbers; multiply by a mask that is fed instead; freeze the parameters before it, or cut the network there.',
    );
  });
});
