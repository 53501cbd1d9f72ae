/** @file The table of kinds as files meet it. */

import { expect, test } from "vitest";
import { node } from "../../../test/helpers/graphs.ts";
import { ints, str } from "../../graph/graph.ts";
import { liftGraph } from "../../lift/index.ts";
import { network } from "../../../test/helpers/networks.ts";
import { lower } from "../../passes/lower.ts";
import { LiftedConv, LiftedConvTranspose } from "../lifted.ts";
import { KINDS, kindOf } from "./index.ts";

test("a kind that nobody knows is refused by name", async () => {
  const { graph } = liftGraph((await network("unet")).graph);
  const nodes = graph.nodes.map((n) =>
    n.attrs["kind"] ? { ...n, attrs: { ...n.attrs, kind: str("4d") } } : n,
  );
  expect(() => lower({ ...graph, nodes })).toThrow(
    /^Expected a lifted convolution of kind acs, mean-acs, .*, found "4d"; the file was written by another version/,
  );
});

test("multiply-adds are those of the kernels that are run", () => {
  const cost = (rule: typeof LiftedConv, kind: string): number | undefined => {
    const lifted = node("Lifted", ["x", "w"], ["y"], {
      kind: str(kind),
      kernel_shape: ints([3, 3, 3]),
      strides: ints([2, 2, 2]),
    });
    const sizes = [
      [1, 1, 4, 4, 4],
      [1, 1, 3, 3],
    ];
    return rule.cost?.({ node: lifted, input: (i) => sizes[i], output: [1, 1, 4, 4, 4] });
  };
  const plane = 64 * 9;
  expect(
    Object.keys(KINDS).flatMap((kind) => (kindOf(kind).fresh ? [] : [[kind, cost(LiftedConv, kind)]])),
  ).toEqual([
    ["acs", plane],
    ["mean-acs", 3 * plane],
    ["soft-acs", 3 * plane],
    ["2.5d", plane],
    ["i3d", 3 * plane],
  ]);
  // Along the omitted axis a sample fills one stride.
  expect(cost(LiftedConvTranspose, "acs")).toBe(2 * plane);
  expect(cost(LiftedConvTranspose, "mean-acs")).toBe(3 * 2 * plane);
});
