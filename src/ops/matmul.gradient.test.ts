/** @file Matrix products against finite differences: every side transposed, stacked, broadcast, or a vector. */

import { describe, expect, test } from "vitest";
import { expectGradients, gradientsAt, randomFloats } from "../../test/helpers/gradients.ts";
import { node } from "../../test/helpers/graphs.ts";
import { float, int, str } from "../graph/graph.ts";

describe("Gemm", () => {
  test.each([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ])("transA %d, transB %d", async (transA, transB) => {
    const attrs = { transA: int(transA), transB: int(transB), alpha: float(0.7), beta: float(-1.5) };
    await expectGradients({
      nodes: [node("Gemm", ["a", "b", "c"], ["y"], attrs)],
      inputs: {
        a: randomFloats(transA ? [4, 3] : [3, 4], 1),
        b: randomFloats(transB ? [5, 4] : [4, 5], 2),
        c: randomFloats([5], 3),
      },
    });
  });
});

describe("MatMul", () => {
  test.each([
    [
      [3, 4],
      [4, 5],
    ],
    [[4], [4, 5]],
    [[3, 4], [4]],
    [[4], [4]],
    [
      [2, 3, 4],
      [4, 5],
    ],
    [[2, 2, 3, 4], [4]],
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
    [
      [3, 4],
      [2, 4, 5],
    ],
    [[4], [2, 3, 4, 5]],
    [
      [2, 1, 3, 4],
      [5, 4, 2],
    ],
    [
      [2, 1, 2, 3, 2],
      [2, 2, 2, 2],
    ],
  ])("%j · %j", async (a, b) => {
    await expectGradients({
      nodes: [node("MatMul", ["a", "b"], ["y"])],
      inputs: { a: randomFloats(a, 1), b: randomFloats(b, 2) },
    });
  });
});

describe("Einsum", () => {
  test.each([
    [
      "bij,bjk->bik",
      [
        [2, 3, 4],
        [2, 4, 5],
      ],
    ],
    [
      "bhid,bhjd->bhij",
      [
        [2, 2, 3, 4],
        [2, 2, 5, 4],
      ],
    ],
    [
      "nchw,oc->nohw",
      [
        [2, 3, 2, 2],
        [4, 3],
      ],
    ],
    ["ij,j", [[3, 4], [4]]],
    ["ijk->i", [[2, 3, 4]]],
    ["ij->ji", [[2, 3]]],
    ["i,ij,j->", [[3], [3, 4], [4]]],
    [
      "ij,kl->il",
      [
        [2, 3],
        [4, 2],
      ],
    ],
  ] as const)("%s", async (equation, shapes) => {
    const inputs = Object.fromEntries(shapes.map((dims, i) => [`x${i}`, randomFloats(dims, i + 1)]));
    await expectGradients({
      nodes: [node("Einsum", Object.keys(inputs), ["y"], { equation: str(equation) })],
      inputs,
    });
  });

  test("refuses a diagonal", async () => {
    const nodes = [node("Einsum", ["x"], ["y"], { equation: str("ii->i") })];
    await expect(gradientsAt({ nodes, inputs: { x: randomFloats([3, 3]) } })).rejects.toThrow(
      /Cannot train through Einsum "y": its equation has an ellipsis, or a letter twice/,
    );
  });
});
