/** @file How far a result is from what it should be. */

import { numbersOf, type Tensor } from "../../src/graph/tensor.ts";
import type { RunTensor } from "../../src/index.ts";
import type { Floats } from "./graphs.ts";

export const feedOf = (tensor: Tensor): RunTensor<"float32"> => ({
  dtype: "float32",
  dims: tensor.dims,
  data: Float32Array.from(numbersOf(tensor)),
});

/** Largest deviation over the largest expected value; infinite where sizes differ or a value is not a number. */
export function relativeDeviation(actual: RunTensor | Floats, expected: Tensor | RunTensor | Floats): number {
  const want = "data" in expected ? (expected.data as Float32Array) : numbersOf(expected);
  const got = actual.data as Float32Array;
  if (actual.dims.join() !== expected.dims.join()) return Infinity;
  let [worst, largest] = [0, 0];
  for (let i = 0; i < got.length; i++) {
    const d = Math.abs(got[i]! - want[i]!);
    if (!(d <= worst)) worst = Number.isNaN(d) ? Infinity : d;
    largest = Math.max(largest, Math.abs(want[i]!));
  }
  return worst / (largest || 1);
}
