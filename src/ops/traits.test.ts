/** @file What passes may ask of an operator: bounds, what keeps them, slots that follow attributes, and costs. */

import { expect, test } from "vitest";
import { node } from "../../test/helpers/graphs.ts";
import { int, str } from "../graph/graph.ts";
import { costOf, keepsRange, rangeOf, slotsOfNode, traitsOf } from "./index.ts";

test("sigmoids are those whose outputs lie between 0 and 1, whatever their name", () => {
  for (const op of ["Sigmoid", "HardSigmoid"]) {
    expect(traitsOf(node(op, ["x"], ["y"])).activation).toBe("sigmoid");
    expect(rangeOf(node(op, ["x"], ["y"]), () => undefined)).toEqual([0, 1]);
  }
  expect(traitsOf({ ...node("Sigmoid", ["x"], ["y"]), domain: "other" })).toEqual({});
});

test("Clip's bounds are its limits, where they are known", () => {
  const limits = new Map([["six", [6]]]);
  const clip = (...inputs: string[]) => rangeOf(node("Clip", inputs, ["y"]), (name) => limits.get(name));
  expect(clip("x", "", "six")).toEqual([-Infinity, 6]);
  expect(clip("x", "low", "six")).toEqual([-Infinity, 6]);
});

test("means and moves stay in the range of their input; cubic interpolation and sums do not", () => {
  const resize = (mode: string) => node("Resize", ["x", "", "s"], ["y"], { mode: str(mode) });
  const keeping = [
    resize("linear"),
    ...["Transpose", "Dropout", "Slice", "AveragePool"].map((op) => node(op, ["x"], ["y"])),
  ];
  for (const one of keeping)
    expect({ op: one.op, keeps: keepsRange(one) }).toEqual({ op: one.op, keeps: true });
  for (const one of [resize("cubic"), node("ReduceSum", ["x"], ["y"]), node("Relu", ["x"], ["y"])])
    expect({ op: one.op, keeps: keepsRange(one) }).toEqual({ op: one.op, keeps: false });
});

test("a Gemm's outputs lie where transB says, an Einsum's where its equation does", () => {
  const layout = (one: ReturnType<typeof node>, dims: number[]) =>
    slotsOfNode(one)
      .find(({ input }) => input === 1)
      ?.layout?.(one, dims);
  expect(layout(node("Gemm", ["x", "w"], ["y"], { transB: int(1) }), [3, 8])).toEqual({
    outputs: 0,
    fanIn: 8,
  });
  expect(layout(node("Gemm", ["x", "w"], ["y"]), [8, 3])).toEqual({ outputs: 1, fanIn: 8 });
  const einsum = node("Einsum", ["x", "w"], ["y"], { equation: str("nchw,coh->nohw") });
  expect(layout(einsum, [8, 3, 5])).toEqual({ outputs: 1, fanIn: 8 });
});

test("an Einsum multiplies once for every combination of letters", () => {
  const sizes = new Map([
    ["x", [2, 8, 5, 5]],
    ["w", [3, 8]],
    ["y", [2, 3, 5, 5]],
  ]);
  const einsum = node("Einsum", ["x", "w"], ["y"], { equation: str("nchw,oc->nohw") });
  expect(costOf(einsum, (name) => sizes.get(name))).toBe(2 * 8 * 25 * 3);
  expect(costOf(einsum, () => undefined)).toBeUndefined();
  expect(costOf(node("Relu", ["x"], ["y"]), (name) => sizes.get(name))).toBe(0);
});
