/** @file Upsampling by matrices is the upsampling it was. */

import { describe, expect, test } from "vitest";
import { evaluate, graphOf, node, value } from "../../test/helpers/graphs.ts";
import { randomFloats } from "../../test/helpers/gradients.ts";
import { str } from "../graph/graph.ts";
import { floatTensor, int64Tensor } from "../graph/tensor.ts";
import { resizeByProducts } from "./resize-by-products.ts";

const shape = [2, 3, 4, 5, 6];
const resize = (attrs: Record<string, string>, scales: number[], sizes?: number[]) =>
  graphOf(
    [
      node(
        "Resize",
        sizes ? ["x", "", "", "sizes"] : ["x", "", "scales"],
        ["y"],
        Object.fromEntries(Object.entries(attrs).map(([name, text]) => [name, str(text)])),
      ),
    ],
    {
      inputs: [value("x", shape)],
      initializers: {
        scales: floatTensor([scales.length], scales),
        ...(sizes && { sizes: int64Tensor(sizes) }),
      },
    },
  );

describe("the same numbers", () => {
  test.each([
    [{ mode: "linear" }, [1, 1, 2, 2, 2]],
    [
      { mode: "nearest", nearest_mode: "floor", coordinate_transformation_mode: "asymmetric" },
      [1, 1, 2, 3, 1],
    ],
    [{ mode: "linear", coordinate_transformation_mode: "align_corners" }, [1, 1, 1.5, 2, 2]],
    [{ mode: "linear", coordinate_transformation_mode: "half_pixel" }, [1, 1, 8, 8, 8], [2, 3, 9, 11, 7]],
  ])("%o by %o", async (attrs, scales, sizes?: number[]) => {
    const graph = resize(attrs, scales, sizes);
    const products = resizeByProducts(graph);
    expect(products.nodes.some(({ op }) => op === "MatMul")).toBe(true);
    const x = randomFloats(shape, 3);
    const [before, after] = [(await evaluate(graph, { x })).y!, (await evaluate(products, { x })).y!];
    expect(after.dims).toEqual(before.dims);
    expect(after.data).toBeAllClose(before.data, { rtol: 1e-5, atol: 1e-6 });
  });
});

test("images, long axes and what is made smaller stay", () => {
  const ops = (graph: ReturnType<typeof graphOf>): string[] =>
    resizeByProducts(graph).nodes.map(({ op }) => op);
  expect(ops(resize({ mode: "linear" }, [1, 1, 0.5, 2, 2]))).toEqual(["Resize"]);
  const image = graphOf([node("Resize", ["x", "", "s"], ["y"])], {
    inputs: [value("x", [1, 1, 8, 8])],
    initializers: { s: floatTensor([4], [1, 1, 2, 2]) },
  });
  expect(ops(image)).toEqual(["Resize"]);
  const long = graphOf([node("Resize", ["x", "", "s"], ["y"])], {
    inputs: [value("x", [1, 1, 2, 2, 129])],
    initializers: { s: floatTensor([5], [1, 1, 1, 1, 2]) },
  });
  expect(ops(long)).toEqual(["Resize"]);
});
