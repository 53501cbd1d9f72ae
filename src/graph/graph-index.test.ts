/** @file Who reads whom in a small graph with a fork, a value that is read twice, and an output in the middle. */

import { expect, test } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import { dependentsOf, indexOf } from "./graph-index.ts";

//  x ─ a ─┬─ b ─ d      c reads a twice
//         └─ c ─┘       a is an output, too
const [a, b, c, d] = [
  node("Relu", ["x"], ["a"]),
  node("Neg", ["a"], ["b"]),
  node("Mul", ["a", "a"], ["c"]),
  node("Add", ["b", "c"], ["d"]),
];
const graph = graphOf([a, b, c, d], { outputs: [value("d"), value("a")] });

test("producers, readers and counts", () => {
  const index = indexOf(graph);
  expect(index.producer("c")).toBe(c);
  expect(index.producer("x")).toBeUndefined();
  expect(index.readers("a")).toEqual([b, c]);
  expect(index.readCount("a")).toBe(4);
  expect(index.soleReader("b")).toBe(d);
  expect(index.soleReader("a")).toBeUndefined();
  expect([index.isOutput("a"), index.isOutput("b")]).toEqual([true, false]);
});

test("what is computed from a value, itself included", () => {
  expect([...dependentsOf(graph, ["b"])]).toEqual(["b", "d"]);
  expect([...dependentsOf(graph, ["x"])]).toEqual(["x", "a", "b", "c", "d"]);
  expect([...dependentsOf(graph, ["d"])]).toEqual(["d"]);
});
