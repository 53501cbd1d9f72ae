/**
 * @file Nodes that parse, but are not what their operator is: an operator's rule may rely on its inputs and attributes
 * being there, and what it stumbles over is told as the node's fault.
 */

import { graphError } from "../base/errors.ts";
import { type Dim, SIZE_LIMIT, SizeLimitError } from "../graph/dim.ts";
import { type Node, nodeLabel } from "../graph/graph.ts";
import { byteLength } from "../graph/tensor.ts";
import type { Known, OpRule } from "./rule.ts";

/**
 * Runs what an operator's rule does with one of its nodes.
 *
 * @throws {@link AcsconvError} ("graph") naming the node, whatever the rule stumbled over
 */
export function withNode<T>(node: Node, inputs: readonly (Known | undefined)[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SizeLimitError)
      throw graphError(
        `${nodeLabel(node)} computes a size of more than ${SIZE_LIMIT} letters from the input's sizes; no network needs that: export it at a fixed size, or check the file.`,
        { code: "E_LIMIT", cause: error },
      );
    // Everything else that is not meant for the user: undefined where ONNX promises a value, a length that no list has,
    // something that we took for granted.
    const { constructor } = error as Error;
    if (constructor !== TypeError && constructor !== RangeError && constructor !== Error) throw error;
    throw graphError(
      `${nodeLabel(node)} is not as ONNX defines ${node.op}: ${readsOf(node, inputs)} do not fit it; check the file, as with onnx.checker.`,
      { cause: error },
    );
  }
}

/** @throws {@link AcsconvError} ("graph") if an input is missing without which the operator is none */
export function requireInputs(node: Node, { required = 1 }: OpRule): void {
  const count = required === "all" ? Math.max(1, node.inputs.length) : required;
  for (let i = 0; i < count; i++) {
    if (node.inputs[i]) continue;
    throw graphError(
      `E_INPUT: ${nodeLabel(node)} lacks its input ${i}, which ${node.op} cannot do without; export the network again.`,
      { code: "E_INPUT" },
    );
  }
}

/** @throws {@link AcsconvError} ("graph") if an output has a size that is no whole number, or larger than any tensor's */
export function requireSizes(node: Node, outputs: readonly Known[]): void {
  for (const { shape } of outputs) {
    if (shape === undefined) continue;
    const sizes: readonly (Dim | undefined)[] = Array.from(shape);
    if (sizes.includes(undefined)) throw new TypeError("a size that no input gives");
    if (shape.every((n) => typeof n !== "number" || Number.isSafeInteger(n))) continue;
    throw graphError(
      `${nodeLabel(node)} makes a tensor of sizes [${shape.join(", ")}]; they must be whole numbers below 2^53: check its attributes.`,
      { code: "E_LIMIT" },
    );
  }
}

/**
 * Bytes of one constant that a network computes. A file holds no larger one, and a few bytes of it (Expand, Tile,
 * ConstantOfShape) could ask for any.
 */
const MAX_CONSTANT_BYTES = 2 ** 31;

/** @throws {@link AcsconvError} ("graph") if a node makes a constant that is larger than any in a file */
export function requireConstants(node: Node, outputs: readonly Known[]): void {
  for (const { dtype, shape } of outputs) {
    const dims = shape?.filter((n) => typeof n === "number");
    if (!dims || dims.length < shape!.length || byteLength(dtype ?? "float32", dims) <= MAX_CONSTANT_BYTES)
      continue;
    throw graphError(
      `${nodeLabel(node)} makes a constant of sizes [${dims.join(", ")}], which takes ${byteLength(dtype ?? "float32", dims)} bytes; at most ${MAX_CONSTANT_BYTES} are possible.`,
      { code: "E_LIMIT" },
    );
  }
}

/** `inputs [1, 3, H, W], none and attributes axis, keepdims` */
function readsOf(node: Node, inputs: readonly (Known | undefined)[]): string {
  const shapes = inputs.map((known) => (known ? `[${known.shape?.join(", ") ?? "?"}]` : "none"));
  const attrs = Object.entries(node.attrs).map(([name, { kind }]) => `${name} (${kind})`);
  const read = shapes.length > 0 ? `inputs ${shapes.join(", ")}` : "no inputs";
  return attrs.length > 0 ? `${read} and attributes ${attrs.join(", ")}` : `its ${read}`;
}
