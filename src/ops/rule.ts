/**
 * @file What there is to know about an operator, as one record: its shape, its
 * value on known inputs, how it lifts to 3D, its gradient, its parameters, its cost
 * and its traits.
 */

import type { ErrorCode } from "../base/error-codes.ts";
import type { Dim } from "../graph/dim.ts";
import type { Attrs, Node, ValueType } from "../graph/graph.ts";
import type { NdArray } from "../graph/nd-array.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { CostRule } from "./cost.ts";
import type { GradientRule } from "./gradient.ts";
import type { LowerRule } from "./lowering.ts";
import type { Axes, Axis } from "./roles.ts";
import type { Slot } from "./slots.ts";
import type { Traits } from "./traits.ts";

/** What inference knows of a value: its type and, for constants and shape arithmetic, its elements. */
export interface Known extends ValueType {
  readonly value?: NdArray;
}

export interface InferContext {
  readonly node: Node;
  /** One entry per input; absent optional inputs are undefined. */
  readonly inputs: readonly (Known | undefined)[];
  /** Version of the operator set (of ONNX's own operators at least 18: older graphs are upgraded first). */
  readonly opset: number;
  /** A size nothing is known of. */
  fresh(): Dim;
  /** Types of a subgraph's outputs, given types of the values it captures. */
  subgraph(attribute: string): readonly Known[];
}

/** The plane a 2D kernel lies in: H×W, D×W, D×H. */
export type View = "axial" | "coronal" | "sagittal";

/** A value of the 2D graph on its way to 3D. */
export interface Lifted {
  readonly name: string;
  /** Type (and perhaps elements) in the 2D network. */
  readonly known: Known;
  /** The same seen by someone for whom height is depth: what shape arithmetic gives for the new axis. */
  readonly twin: Known;
  /** Roles of the 2D axes. */
  readonly axes: Axes;
  /** Computed from constants alone: has no role, and no depth. */
  readonly constant: boolean;
  /** How height was downsampled on the way here, and depth with it; upsampling undoes it in step. */
  readonly steps: readonly { readonly height: number; readonly depth: number }[];
}

/** What a lift rule works with. Names of values are kept: a lifted value is called as its 2D value. */
export interface LiftContext {
  readonly node: Node;
  readonly inputs: readonly (Lifted | undefined)[];
  /** Types of the outputs in the 2D network. */
  readonly outputs: readonly Known[];
  /** A name in the table of kinds. */
  readonly kind: string;
  readonly view: View;
  readonly split: readonly [number, number, number] | undefined;
  /** The m and n of PmSCn. */
  readonly psc: { readonly streams: number; readonly separability: number };
  readonly fc: "mean" | "acs" | "cut" | "error";
  readonly compat: "acsconv-py" | undefined;
  /** Input i, which must be there; refuses otherwise. */
  input(i: number): Lifted;
  /** Name in the lifted graph of input i (`""` where absent); constants are placed there on demand. */
  name(i: number): string;
  names(): string[];
  /** Adds the lifted node: same operator, name and outputs unless said otherwise. */
  emit(inputs: readonly string[], change?: { op?: string; domain?: string; attrs?: Attrs }): void;
  /** Adds a helper node with one output and returns its name. */
  add(op: string, inputs: readonly string[], attrs?: Attrs): string;
  /** Adds a helper whose output replaces output 0 of the node. */
  finish(op: string, inputs: readonly string[], attrs?: Attrs): void;
  /** Places a constant. */
  constant(tensor: Tensor): string;
  /** Places a 1-D int64 constant: axes, sizes, pads. */
  ints(values: readonly number[]): string;
  /**
   * A parameter that exists only in 3D (soft logits, kernels of the kind's own), of the type of input 1, the 2D kernel.
   *
   * @param value - of each element, given a random number from 0 to below 1; its name seeds them
   */
  parameter(name: string, dims: readonly number[], value: (random: number) => number): string;
  /** int64 vector with these sizes (of the lifted network). */
  shape(dims: readonly Dim[]): string;
  /** Reshapes to the lifted sizes of `axes`. */
  reshape(input: string, axes: Axes, last?: boolean): string;
  /** Sizes of a value in the lifted graph. */
  liftedShape(name: string): readonly Dim[];
  /** A size's number in the network as exported (dynamic sizes: at the probe). */
  probe(dim: Dim): number;
  /** Elements of input i, if they are plain numbers. */
  numbers(i: number): number[] | undefined;
  /** The constant tensor behind input i, of any size. */
  tensor(i: number): Tensor | undefined;
  /** Stride or pooling factor along depth, where height is divided by `height`. */
  depthFactor(what: "stride" | "pool", height: number): number;
  /** Whether the first to read the output is a convolution or a pool. */
  readonly feedsWindow: boolean;
  /** Whether depth is pooled at all. */
  readonly poolsDepth: boolean;
  /** Whether pools may shrink depth by their stride only, whatever their window. */
  readonly strideOnlyPools: boolean;
  /** Tensors that are joined or added must be able to agree in depth. */
  requireSameDepth(operands: readonly Axes[]): void;
  /** Whether the exported network has its height and width baked in as numbers. */
  readonly baked: boolean;
  /** The factor of depth that goes with upsampling height by `height`, and the steps that stay. */
  depthScale(height: number): number;
  /** A 2D size of the image, found by its number in the exported network. */
  bind(size: number, role: "H" | "W"): { size: Dim; depth?: Dim } | undefined;
  /** The network works at the exported height and width only. */
  pin(why: string): void;
  /** Ends lifting before this node: its input becomes the output. */
  cut(i: number): void;
  warn(text: string): void;
  refuse(code: ErrorCode, why: string): never;
}

export interface OpRule {
  /** How many inputs, from the first on, must be there; "all" that are listed. 1 unless said otherwise. */
  readonly required?: number | "all";
  /** Types of the outputs. Throw AcsconvError("graph") where inputs contradict the operator. */
  infer(c: InferContext): readonly Known[];
  /** Elements of the outputs where the inputs' are known (or, for Shape, their sizes). */
  value?(c: InferContext): readonly (NdArray | undefined)[] | undefined;
  /**
   * Emits the lifted node(s); roles of the outputs. Where the operator has no 3D
   * reading: why; it is copied where no image reaches it, and refused elsewhere.
   */
  readonly lift: LiftRule | { readonly refuse: string };
  /**
   * Its gradient, or null where it has none (its output is no real number, or we
   * know no rule): refused by name where a parameter is behind it.
   */
  readonly gradient: GradientRule | null;
  /** For internal operators: how they are written as plain ONNX. */
  readonly lower?: LowerRule;
  /** Inputs that hold parameters or running statistics; a function where the node's attributes say which. */
  readonly slots?: readonly Slot[] | ((node: Node) => readonly Slot[]);
  /** Multiply-adds; absent for operators that have none to speak of. */
  readonly cost?: CostRule;
  readonly traits?: Traits;
}

export type LiftRule = (c: LiftContext) => readonly (readonly Axis[])[];
