/** @file Blocks of pixels as convolutions with one-hot kernels: the same numbers, exactly. */

import { describe, expect, test } from "vitest";
import { evaluate, graphOf, node } from "../../test/helpers/graphs.ts";
import { random } from "../../test/helpers/networks.ts";
import { symbol, type Dim } from "../graph/dim.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { int, ints, str } from "../graph/graph.ts";
import { int64Tensor } from "../graph/tensor.ts";
import { liftGraph } from "../lift/index.ts";
import { blocksToConvolutions } from "./blocks-to-convolutions.ts";
import { lower } from "./lower.ts";

const N = 2;
const of = (nodes: Node[], shape: readonly Dim[], initializers = {}): Graph => ({
  ...graphOf(nodes, { initializers }),
  inputs: [{ name: "x", dtype: "float32", shape }],
});

/** PyTorch's PixelUnshuffle, static: [N, C, H, W] → [N, C, h, b, w, b] → [N, C·b², h, w]. */
function unshuffle(b: number, C: number, H: number, W: number): Graph {
  const nodes = [
    node("Reshape", ["x", "split"], ["s"]),
    node("Transpose", ["s"], ["t"], { perm: ints([0, 1, 3, 5, 2, 4]) }),
    node("Reshape", ["t", "joined"], ["y"]),
  ];
  return of(nodes, [N, C, H, W], {
    split: int64Tensor([N, C, H / b, b, W / b, b]),
    joined: int64Tensor([N, C * b * b, H / b, W / b]),
  });
}

const CASES: [string, Graph, readonly number[], string][] = [2, 3].flatMap((b) => [
  [
    "DepthToSpace DCR",
    of([node("DepthToSpace", ["x"], ["y"], { blocksize: int(b), mode: str("DCR") })], [N, 3 * b * b, 4, 5]),
    [N, 3 * b * b, 4, 5],
    "ConvTranspose",
  ],
  [
    "DepthToSpace, whose mode is DCR by default",
    of([node("DepthToSpace", ["x"], ["y"], { blocksize: int(b) })], [N, 3 * b * b, 4, 5]),
    [N, 3 * b * b, 4, 5],
    "ConvTranspose",
  ],
  [
    "DepthToSpace CRD",
    of([node("DepthToSpace", ["x"], ["y"], { blocksize: int(b), mode: str("CRD") })], [N, 3 * b * b, 4, 5]),
    [N, 3 * b * b, 4, 5],
    "ConvTranspose",
  ],
  [
    "SpaceToDepth",
    of([node("SpaceToDepth", ["x"], ["y"], { blocksize: int(b) })], [N, 3, 4 * b, 5 * b]),
    [N, 3, 4 * b, 5 * b],
    "Conv",
  ],
  [
    "SpaceToDepth of any size",
    of(
      [node("SpaceToDepth", ["x"], ["y"], { blocksize: int(b) })],
      [symbol("N"), 3, symbol("H"), symbol("W")],
    ),
    [N, 3, 4 * b, 5 * b],
    "Conv",
  ],
  ["PixelUnshuffle", unshuffle(b, 3, 4 * b, 5 * b), [N, 3, 4 * b, 5 * b], "Conv"],
]);

test.each(CASES)("%s", async (_, graph, dims, op) => {
  const rewritten = blocksToConvolutions(graph);
  expect(rewritten.nodes.map((n) => n.op)).toEqual([op]);
  const x = random(dims);
  const [before, after] = [await evaluate(graph, { x }), await evaluate(rewritten, { x })];
  // One-hot kernels copy values.
  expect(after).toEqual(before);
});

describe("what is not a block", () => {
  test.each([
    [
      "unknown features",
      of([node("DepthToSpace", ["x"], ["y"], { blocksize: int(2) })], [N, symbol("C"), 4, 4]),
    ],
    [
      "a channel shuffle",
      of(
        [
          node("Reshape", ["x", "s"], ["s1"]),
          node("Transpose", ["s1"], ["t"], { perm: ints([0, 2, 1, 3, 4]) }),
          node("Reshape", ["t", "j"], ["y"]),
        ],
        [N, 4, 4, 4],
        { s: int64Tensor([N, 2, 2, 4, 4]), j: int64Tensor([N, 4, 4, 4]) },
      ),
    ],
    [
      "blocks of unequal sides",
      of(
        [
          node("Reshape", ["x", "s"], ["s1"]),
          node("Transpose", ["s1"], ["t"], { perm: ints([0, 1, 3, 5, 2, 4]) }),
          node("Reshape", ["t", "j"], ["y"]),
        ],
        [N, 1, 4, 6],
        { s: int64Tensor([N, 1, 2, 2, 2, 3]), j: int64Tensor([N, 6, 2, 2]) },
      ),
    ],
  ])("%s", (_, graph) => {
    expect(blocksToConvolutions(graph)).toBe(graph);
  });
});

test("lifted, one view: the plane of every slice is rearranged as in 2D, each slice taken b times", async () => {
  const graph = of(
    [node("DepthToSpace", ["x"], ["y"], { blocksize: int(2), mode: str("CRD") })],
    [1, 8, symbol("H"), symbol("W")],
  );
  const lifted = lower(liftGraph(graph, { split: [1, 0, 0] }).graph).graph;
  const x = random([1, 8, 3, 4, 5]);
  const { y } = await evaluate(lifted, { x });
  expect(y!.dims).toEqual([1, 2, 6, 8, 10]);
  for (let d = 0; d < 6; d++) {
    const image = Float32Array.from(
      { length: 8 * 20 },
      (_, i) => x.data[(Math.floor(i / 20) * 3 + (d >> 1)) * 20 + (i % 20)]!,
    );
    const flat = (await evaluate(graph, { x: { dims: [1, 8, 4, 5], data: image } })).y!;
    const slice = Float32Array.from(
      { length: 2 * 80 },
      (_, i) => y!.data[(Math.floor(i / 80) * 6 + d) * 80 + (i % 80)]!,
    );
    expect(slice).toEqual(flat.data);
  }
});
