/** @file Constants of a graph that is built node by node. */

import { expect, test } from "vitest";
import { floatTensor, int64Tensor } from "../graph/tensor.ts";
import { GraphBuilder } from "./builder.ts";

test("equal small constants are one, others of equal bytes are not", () => {
  const builder = new GraphBuilder(18);
  const name = builder.constant(int64Tensor([1, 2]));
  expect(builder.constant(int64Tensor([1, 2]))).toBe(name);
  expect(builder.constant(int64Tensor([1, 2], [1, 2]))).not.toBe(name);
  expect(builder.constant(floatTensor([4], [0, 0, 0, 0]))).not.toBe(builder.constant(int64Tensor([0, 0])));
});

test("a constant of 64 MB is placed without being read", () => {
  const builder = new GraphBuilder(18);
  const large = { dtype: "float32", dims: [2 ** 24], bytes: new Uint8Array(2 ** 26) } as const;
  const start = performance.now();
  const name = builder.constant(large);
  expect(performance.now() - start).toBeLessThan(500);
  expect(builder.initializers.get(name)).toBe(large);
  expect(builder.constant(large)).not.toBe(name);
});
