/** @file What training reads: examples one by one, each a pure function of its index and a random stream. */

import type { RunTensor } from "../run/tensor.ts";

/** Uniform numbers in [0, 1). */
export type Random = () => number;

/** An image and what the network should say of it. */
export interface Example {
  /** Where it comes from, for messages and per-case metrics. */
  readonly name: string;
  /** [C, D, H, W] (or [C, H, W] for a 2D network). */
  readonly image: RunTensor<"float32">;
  /**
   * A class per voxel (uint8, [D, H, W]), one class for all ([]), or numbers to
   * regress (float32, of the network's output without its batch axis).
   */
  readonly target: RunTensor<"uint8" | "float32">;
}

/** Examples by index. The same index and the same random stream give the same example. */
export interface Dataset {
  readonly length: number;
  get(index: number, random: Random): Example | Promise<Example>;
}
