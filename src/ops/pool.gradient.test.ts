/** @file Gradients of pooling over every kind of window, and which of equal voxels wins. */

import { describe, expect, test } from "vitest";
import { expectGradients, randomFloats } from "../../test/helpers/gradients.ts";
import { type Floats, graphOf, node, runInOrt, value } from "../../test/helpers/graphs.ts";
import { type Attrs, int, ints, str } from "../graph/graph.ts";
import { uniform } from "../base/random.ts";
import { elementCount } from "../graph/tensor.ts";
import { differentiate } from "../grad/differentiate.ts";
import { GraphBuilder } from "./builder.ts";
import { Expressions } from "./expressions.ts";

interface Window {
  readonly x: readonly number[];
  readonly attrs: Attrs;
}

const windows: Record<string, Window> = {
  "1D": { x: [2, 3, 9], attrs: { kernel_shape: ints([3]), strides: ints([2]) } },
  "halves 3D": { x: [2, 2, 4, 6, 4], attrs: { kernel_shape: ints([2, 2, 2]), strides: ints([2, 2, 2]) } },
  "halves odd sizes, dropping the rest": {
    x: [1, 2, 5, 7],
    attrs: { kernel_shape: ints([2, 2]), strides: ints([2, 2]) },
  },
  "windows apart": { x: [2, 2, 9, 7], attrs: { kernel_shape: ints([2, 1]), strides: ints([3, 2]) } },
  "windows apart, padded": {
    x: [1, 2, 8, 9],
    attrs: { kernel_shape: ints([2, 2]), strides: ints([3, 4]), pads: ints([1, 0, 1, 1]) },
  },
  "overlapping, padded": {
    x: [1, 2, 7, 6],
    attrs: { kernel_shape: ints([3, 3]), strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) },
  },
  "overlapping 3D": {
    x: [2, 1, 4, 5, 4],
    attrs: { kernel_shape: ints([3, 2, 3]), strides: ints([1, 2, 2]), pads: ints([1, 0, 1, 1, 1, 0]) },
  },
  "windows that hang over": {
    x: [1, 2, 6, 8],
    attrs: { kernel_shape: ints([3, 3]), strides: ints([2, 3]), ceil_mode: int(1) },
  },
  auto_pad: {
    x: [1, 1, 5, 6],
    attrs: { kernel_shape: ints([2, 3]), strides: ints([2, 2]), auto_pad: str("SAME_UPPER") },
  },
};

const dilated: Window = {
  x: [1, 2, 7, 8],
  attrs: { kernel_shape: ints([2, 3]), dilations: ints([3, 2]), pads: ints([1, 1, 0, 2]) },
};

/** Numbers 0.1 apart or more, in random order: no difference reaches a tie. Of both signs, none near 0. */
function distinctFloats(dims: readonly number[]): Floats {
  const count = elementCount(dims);
  const next = uniform(7);
  const order = Array.from({ length: count }, (_, i) => ({ i, key: next() })).sort((a, b) => a.key - b.key);
  return { dims, data: Float32Array.from(order, ({ i }) => 0.1 * (i - count / 2) + 0.05) };
}

const expectPool = (op: string, { x, attrs }: Window): Promise<void> =>
  expectGradients({ nodes: [node(op, ["x"], ["y"], attrs)], inputs: { x: distinctFloats(x) } });

describe("MaxPool", () => {
  test.each(Object.entries({ ...windows, dilated }))("%s", (_, window) => expectPool("MaxPool", window));

  test("with indices of its own, in either order", async () => {
    for (const storage_order of [0, 1]) {
      const attrs = { kernel_shape: ints([2, 2]), storage_order: int(storage_order) };
      await expectGradients({
        nodes: [node("MaxPool", ["x"], ["y", "indices"], attrs)],
        inputs: { x: distinctFloats([2, 2, 4, 5]) },
      });
    }
  });

  test.each([
    ["apart", [2, 2], [1, 0, 1, 0, 0, 0, 0, 0]],
    ["overlapping", [1, 1], [1, 1, 1, 0, 0, 0, 0, 0]],
  ])("of equal voxels the first of a window wins, windows %s", async (_, strides, expected) => {
    const attrs = { kernel_shape: ints([2, 2]), strides: ints(strides) };
    expect(await gradientOfSum("MaxPool", [1, 1, 2, 4], attrs, new Float32Array(8))).toEqual(expected);
  });
});

test("GlobalMaxPool: of equal voxels the first wins", async () => {
  const gradient = await gradientOfSum(
    "GlobalMaxPool",
    [1, 2, 2, 2],
    {},
    Float32Array.of(1, 3, 3, 3, 0, 0, 0, 0),
  );
  expect(gradient).toEqual([0, 1, 0, 0, 1, 0, 0, 0]);
});

describe.each([0, 1])("AveragePool, count_include_pad %i", (counted) => {
  test.each(Object.entries(windows))("%s", (_, { x, attrs }) =>
    expectPool("AveragePool", { x, attrs: { ...attrs, count_include_pad: int(counted) } }),
  );
});

describe.each([1, 2, 3])("LpPool, p = %i", (p) => {
  test.each([
    ["overlapping, padded", windows["overlapping, padded"]!],
    ["halves 3D", windows["halves 3D"]!],
    ["dilated", dilated],
  ])("%s", (_, { x, attrs }) => expectPool("LpPool", { x, attrs: { ...attrs, p: int(p) } }));

  test("a window of zeros has gradient zero", async () => {
    const attrs = { kernel_shape: ints([2]), strides: ints([2]), p: int(p) };
    const [a, b, ...rest] = await gradientOfSum("LpPool", [1, 1, 4], attrs, Float32Array.of(0, 0, 3, 4));
    expect([a, b]).toEqual([0, 0]);
    expect(rest.every((g) => g > 0)).toBe(true);
  });
});

describe.each(["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"])("%s", (op) => {
  test.each([[[2, 3, 7]], [[2, 2, 3, 4]], [[1, 2, 3, 2, 4]]])("%j", (x) => expectPool(op, { x, attrs: {} }));
});

test("a pool that feeds two readers", async () => {
  const attrs = { kernel_shape: ints([2, 2]), strides: ints([2, 2]) };
  await expectGradients({
    nodes: [
      node("MaxPool", ["x"], ["m"], attrs),
      node("Mul", ["m", "w"], ["a"]),
      node("Add", ["a", "m"], ["y"]),
    ],
    inputs: { x: distinctFloats([1, 2, 4, 4]), w: randomFloats([1, 2, 1, 1]) },
  });
});

/** ∂Σy/∂x, as ONNX Runtime computes it. */
async function gradientOfSum(
  op: string,
  dims: readonly number[],
  attrs: Attrs,
  data: Float32Array,
): Promise<number[]> {
  const builder = new GraphBuilder(18, ["y"]);
  builder.input({ name: "x", dtype: "float32", shape: dims });
  builder.push(node(op, ["x"], ["y"], attrs));
  const algebra = new Expressions(builder);
  const dx = differentiate(algebra, algebra.sum("y"), ["x"]).get("x")!;
  const graph = builder.build(graphOf([]), [value(dx, [...dims])]);
  return (await runInOrt(graph, { x: { dims, data } }))[dx]!;
}
