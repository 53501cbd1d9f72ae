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

/** Sizes [outputs, inputs, …taps]. */
const outputsFirst = (dims: readonly number[]): KernelLayout => ({
  outputs: 0,
  fanIn: elementCount(dims.slice(1)),
});

/** Sizes […, inputs, outputs], or [inputs]. */
const outputsLast = (dims: readonly number[]): KernelLayout =>
  dims.length === 1
    ? { outputs: undefined, fanIn: dims[0]! }
    : { outputs: dims.length - 1, fanIn: dims.at(-2)! };

const bias: Slot = { input: 2, role: "bias" };
const logits: Slot = { input: 3, role: "logits" };

export const convolution: readonly Slot[] = [
  { input: 1, role: "kernel", layout: (_, dims) => outputsFirst(dims) },
  bias,
];

/** Sizes [inputs, outputs, …taps]; fan-in as PyTorch counts it, over the second axis. */
export const transposedConvolution: readonly Slot[] = [
  { input: 1, role: "kernel", layout: (_, dims) => ({ outputs: 1, fanIn: elementCount(dims.slice(1)) }) },
  bias,
];

/** With logits of the three views. */
export const liftedConvolution: readonly Slot[] = [...convolution, logits];
export const liftedTransposedConvolution: readonly Slot[] = [...transposedConvolution, logits];

/** @param outputsLead - whether the weight is [outputs, inputs] */
export const fullyConnected = (outputsLead: (node: Node) => boolean): readonly Slot[] => [
  {
    input: 1,
    role: "kernel",
    layout: (node, dims) => (outputsLead(node) ? outputsFirst(dims) : outputsLast(dims)),
  },
  bias,
];

export const matrixProduct: readonly Slot[] = [
  {
    input: 0,
    role: "kernel",
    layout: (_, dims) => ({
      outputs: dims.length === 1 ? undefined : dims.length - 2,
      fanIn: dims.at(-1)!,
    }),
  },
  { input: 1, role: "kernel", layout: (_, dims) => outputsLast(dims) },
];

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
export const operands = (role: "addend" | "factor"): readonly Slot[] => [
  { input: 0, role },
  { input: 1, role },
];
