/** @file Multiply-adds of operators, from the sizes of their inputs and output. */

import type { Node } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";

export interface CostContext {
  readonly node: Node;
  /** Sizes of input i; undefined where one of them is not a number. */
  input(i: number): readonly number[] | undefined;
  /** Sizes of the first output. */
  readonly output: readonly number[] | undefined;
}

/** Multiply-adds of one node; undefined where a size is not known. */
export type CostRule = (c: CostContext) => number | undefined;

/** Multiply-adds per output element (transposed: per input element) and channel of a group, for kernels of these sizes. */
type Taps = (node: Node, kernel: readonly number[]) => number;

export const tapsOfKernel: Taps = (_, kernel) => elementCount(kernel.slice(2));

/** @param perElementOf - the side whose every element meets a whole kernel: the output, of a transposed one the input */
export const convolutionCost =
  (perElementOf: "output" | "input", taps: Taps = tapsOfKernel): CostRule =>
  (c) => {
    const [kernel, sizes] = [c.input(1), perElementOf === "output" ? c.output : c.input(0)];
    return kernel && sizes && elementCount(sizes) * kernel[1]! * taps(c.node, kernel);
  };

/** @param inner - of the sizes of the first operand, the one that is summed over */
export const productCost =
  (inner: (node: Node, sizes: readonly number[]) => number | undefined): CostRule =>
  (c) => {
    const sizes = c.input(0);
    const summed = sizes && inner(c.node, sizes);
    return summed === undefined || !c.output ? undefined : elementCount(c.output) * summed;
  };
