/** @file Traits of an operator: what passes ask about a node instead of asking for its name. */

import type { Node } from "../graph/graph.ts";

/** Bounds of an output's elements. */
export type Bounds = readonly [low: number, high: number];

/** All fields may be absent; what is absent does not hold. */
export interface Traits {
  /** The function that turns scores into probabilities, or into 1 for the largest and 0 for all others (hardmax). */
  readonly activation?: "sigmoid" | "softmax" | "logSoftmax" | "hardmax";
  /**
   * Bounds of the outputs, whatever the inputs.
   *
   * @param numbers - of input i, where they are known (Clip's limits)
   */
  readonly range?: Bounds | ((node: Node, numbers: (i: number) => readonly number[] | undefined) => Bounds);
  /** An element of the output is a function of the elements at its place in the inputs, broadcast to one shape. */
  readonly pointwise?: boolean;
  /** Outputs lie between the smallest and the largest element of the first input: means, maxima, interpolation. */
  readonly averages?: boolean | ((node: Node) => boolean);
  /**
   * Elements of the output are elements of the (first) input, in other places: part of an axis (crop) or more than it
   * (pad), axes or blocks exchanged (permute), picked by index (pick), repeated, joined with other inputs or parted
   * among several outputs.
   */
  readonly moves?: "crop" | "pad" | "permute" | "pick" | "repeat" | "join" | "part";
  /**
   * The output is the memory of the first input: under the same sizes, with axes of size 1 dropped or inserted, with
   * axes merged, or under sizes of any kind.
   */
  readonly alias?: "same" | "ones" | "merge" | "reshape";
  /** Samples the first input anew, by factors (input 2) or to sizes (input 3). */
  readonly resamples?: boolean;
  /** Changes the type of elements only. */
  readonly casts?: boolean;
  /** Outputs are positions along an axis of the input, such as class numbers. */
  readonly indices?: boolean;
  /** Does something in training only, and hands its input on elsewhere. */
  readonly trainingOnly?: boolean;
  /** A convolution, or the transpose of one. */
  readonly convolution?: "forward" | "transposed";
  /** Slides a window over the spatial axes, with `kernel_shape`, `strides` and `pads`. */
  readonly window?: boolean;
  /** ONNX Runtime reads an operand through a Transpose of its last two axes before it. */
  readonly fusesTranspose?: boolean;
  /** Normalises by running statistics, unless in training mode. */
  readonly batchNorm?: boolean;
  /** Runtimes may write the output over an input that nobody reads after it. */
  readonly inPlace?: boolean;
}

/** Of Clip, whose limits are inputs. */
export const clipRange: Extract<Traits["range"], (...args: never[]) => Bounds> = (_, numbers) => [
  numbers(1)?.[0] ?? -Infinity,
  numbers(2)?.[0] ?? Infinity,
];
