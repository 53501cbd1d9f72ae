/** @file What an internal operator's rule works with when it is written down as plain ONNX. */

import type { Dim } from "../graph/dim.ts";
import type { Attrs, Node } from "../graph/graph.ts";
import type { DType, Tensor } from "../graph/tensor.ts";

export interface LowerContext {
  readonly node: Node;
  /** Adds a helper node with one output, named after the operator's, and returns its name. */
  readonly add: (op: string, inputs: readonly string[], attrs?: Attrs) => string;
  /** Adds the node whose output is the operator's own, or that of the activation it took along. */
  readonly finish: (op: string, inputs: readonly string[], attrs?: Attrs) => void;
  /**
   * The activation that alone reads the result and that a runtime fuses into the convolution before it, if there is one:
   * from here on it is the operator's to write.
   */
  readonly takeActivation: () => Node | undefined;
  /** Places a constant. */
  constant(tensor: Tensor): string;
  shape(name: string): readonly Dim[] | undefined;
  dtype(name: string): DType | undefined;
}

/** Writes an internal operator as plain ONNX. */
export type LowerRule = (c: LowerContext) => void;
