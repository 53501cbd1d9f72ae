/** @file The random masks of dropout, drawn anew for every step. */

import { seedFor, uniform } from "../base/random.ts";
import type { Mask } from "../compile/dropout.ts";
import { elementCount } from "../graph/tensor.ts";
import type { RunTensor } from "../run/tensor.ts";

/** A mask's elements for one step: the same seed and mask give the same ones. */
export function drawMask({ name, dims, ratio }: Mask, seed: number): RunTensor<"bool"> {
  const next = uniform(seedFor(seed, name));
  return {
    dtype: "bool",
    dims,
    data: Uint8Array.from({ length: elementCount(dims) }, () => (next() < ratio ? 0 : 1)),
  };
}
