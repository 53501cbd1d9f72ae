/**
 * @file What a gradient rule works with: the vocabulary in which the backward
 * half of a network is written down.
 *
 * Rules state the mathematics alone. The engine (`grad/differentiate.ts`)
 * undoes broadcasting, sums the contributions to a value, and drops what no
 * parameter needs.
 */

import type { Attrs, Node } from "../graph/graph.ts";
import type { DType, Tensor } from "../graph/tensor.ts";

/** The name of a value, or a number: a scalar of the type of the operand it meets. */
export type Operand = string | number;

/** Over axes (all of them where absent); they stay as sizes of 1 where `keep`. No axes: x itself. */
export type Reduction = (x: string, axes?: readonly number[], keep?: boolean) => string;

type Unary = "abs" | "exp" | "log" | "neg" | "not" | "relu" | "softplus" | "sqrt" | "tanh";
/** Element by element; comparisons make bool tensors. */
type Binary = "add" | "sub" | "mul" | "div" | "pow" | "min" | "equal" | "less" | "lessOrEqual" | "greater";

/**
 * Writes nodes down and returns the names of their outputs. Equal nodes are
 * written once. Every size is a number: training graphs are made for one batch
 * of one size.
 */
export interface Algebra
  extends Record<Unary, (x: string) => string>, Record<Binary, (a: Operand, b: Operand) => string> {
  /** A node with one output. `op` may name a domain: `com.microsoft:FusedMatMul`. */
  op(op: string, inputs: readonly Operand[], attrs?: Attrs): string;
  /** A node with `count` outputs. */
  ops(op: string, count: number, inputs: readonly Operand[], attrs?: Attrs): string[];
  softmax(x: string, axis: number): string;
  logSoftmax(x: string, axis: number): string;
  /** a + b + … */
  total(values: readonly string[]): string;
  /** x where the bool tensor holds, otherwise y; as large as the three broadcast. */
  where(condition: string, x: Operand, y: Operand): string;
  readonly sum: Reduction;
  readonly mean: Reduction;
  readonly largest: Reduction;
  /** x itself where it has these sizes already. */
  reshape(x: string, sizes: readonly number[]): string;
  /** x itself where nothing moves. */
  transpose(x: string, perm: readonly number[]): string;
  expand(x: string, sizes: readonly number[]): string;
  /** x[start : end : step] along each of `axes`; ends as ONNX takes them. */
  slice(
    x: string,
    axes: readonly number[],
    starts: readonly number[],
    ends: readonly number[],
    steps?: readonly number[],
  ): string;
  /** Zeros around x: `before` and `after` per axis; negative numbers crop. */
  pad(x: string, before: readonly number[], after: readonly number[]): string;
  concat(parts: readonly string[], axis: number): string;
  cast(x: string, to: DType): string;
  /** A constant; equal ones are shared. */
  constant(tensor: Tensor): string;
  /** A 1-D int64 constant: axes, sizes, pads. */
  ints(values: readonly number[]): string;
  /** A number in the type of `like`, without axes. */
  scalar(value: number, like: string): string;
  /** Zeros of the sizes and type of `like`. */
  zerosLike(like: string): string;
  /** Sums `x` over the axes that broadcasting from `sizes` to x's sizes added or stretched. */
  unbroadcast(x: string, sizes: readonly number[]): string;
  /** Sizes of a value. */
  shape(x: string): readonly number[];
  dtype(x: string): DType;
  /** The elements of a small constant, where they are known. */
  numbers(x: string): number[] | undefined;
}

/** {@link Algebra} at one node of the forward graph. */
export interface GradientContext extends Algebra {
  /** Its inputs and outputs are values of the same graph that the gradient is written into. */
  readonly node: Node;
  /** Input i of the node. */
  x(i?: number): string;
  /** Output i of the node. */
  y(i?: number): string;
  /** ∂loss/∂output i, of the output's sizes; zeros where the loss does not depend on it. */
  dy(i?: number): string;
  /** Whether the loss depends on output i. */
  reaches(i: number): boolean;
  /** Whether ∂loss/∂input i is wanted. Rules need not compute the others. */
  needs(i: number): boolean;
  /** Refuses to differentiate this node, saying why. */
  refuse(why: string): never;
}

/**
 * ∂loss/∂input i at position i. An entry may have the sizes that its input is
 * broadcast to; undefined where the gradient is zero or not wanted.
 */
export type GradientRule = (c: GradientContext) => readonly (string | undefined)[];
