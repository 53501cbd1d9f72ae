/**
 * @file Which inputs of an operator hold parameters and running statistics. What of a graph that makes parameters is
 * in `parameters.ts`.
 */

import type { Node } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";

/**
 * What an input is for its operator:
 *
 *   kernel, bias      of a convolution or product: drawn at random at first
 *   scale, shift      of a normalisation: 1 and 0 at first
 *   mean, variance    running statistics: 0 and 1 at first, not trained
 *   slope, logits     of PRelu and soft-ACS
 *   addend, factor    added or multiplied: a parameter only where another input depends on one (biases written as
 *                     Add, layer scales); what meets nothing but the image, such as a normalisation by constants, is none
 */
export type SlotRole =
  "kernel" | "bias" | "scale" | "shift" | "mean" | "variance" | "slope" | "logits" | "addend" | "factor";

/** Where a kernel has its outputs, and how many numbers one output sums over. */
export interface KernelLayout {
  /** The axis of outputs (of one group, where they are grouped along another); undefined where there is one output. */
  readonly outputs: number | undefined;
  readonly fanIn: number;
}

/** An input that holds parameters or running statistics. */
export interface Slot {
  /** Its number. */
  readonly input: number;
  readonly role: SlotRole;
  /**
   * Exporters write group normalisation as this operator between two Reshapes, with a scale of 1 and a shift of 0 that
   * they had to fill in: no parameters there.
   */
  readonly filledForGroups?: boolean;
  /** Of a kernel with these sizes. */
  readonly layout?: (node: Node, dims: readonly number[]) => KernelLayout;
}

/** Whether a slot holds a running statistic, which is not trained. */
export const isStatistic = ({ role }: Slot): boolean => role === "mean" || role === "variance";

type Layout = NonNullable<Slot["layout"]>;

/** Sizes [outputs, inputs, …taps]; [inputs, outputs, …taps] of a transposed convolution, whose fan-in PyTorch counts alike. */
const taps =
  (outputs: 0 | 1): Layout =>
  (_, dims) => ({ outputs, fanIn: elementCount(dims.slice(1)) });

/** An operand of a matrix product, summed over the axis `inner`, counted from the end; of a vector over its only one. */
const matrix =
  (inner: -1 | -2): Layout =>
  (_, dims) =>
    dims.length === 1
      ? { outputs: undefined, fanIn: dims[0]! }
      : { outputs: dims.length - 3 - inner, fanIn: dims.at(inner)! };

const kernel = (layout: Layout, input = 1): Slot => ({ input, role: "kernel", layout });
const bias: Slot = { input: 2, role: "bias" };

export const convolution: readonly Slot[] = [kernel(taps(0)), bias];
export const transposedConvolution: readonly Slot[] = [kernel(taps(1)), bias];
/** With soft-ACS's logits of the three views. */
export const liftedConvolution: readonly Slot[] = [...convolution, { input: 3, role: "logits" }];

/** @param outputsLead - whether the weight is [outputs, inputs] */
export const fullyConnected = (outputsLead: (node: Node) => boolean): readonly Slot[] => [
  kernel((node, dims) => (outputsLead(node) ? taps(0) : matrix(-2))(node, dims)),
  bias,
];

export const matrixProduct: readonly Slot[] = [kernel(matrix(-1), 0), kernel(matrix(-2))];

/** Of a normalisation. */
export const affine: readonly Slot[] = [
  { input: 1, role: "scale" },
  { input: 2, role: "shift" },
];
export const affineOfInstances: readonly Slot[] = affine.map((slot) => ({ ...slot, filledForGroups: true }));
export const affineWithStatistics: readonly Slot[] = [
  ...affine,
  { input: 3, role: "mean" },
  { input: 4, role: "variance" },
];

export const slope: readonly Slot[] = [{ input: 1, role: "slope" }];

/** Of a sum or product of two operands. */
export const operands = (role: "addend" | "factor"): readonly Slot[] =>
  [0, 1].map((input) => ({ input, role }));
