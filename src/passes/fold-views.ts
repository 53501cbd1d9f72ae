/**
 * @file Computes, ahead of running, nodes over constants whose result is the same
 * bytes under other sizes: nothing is copied, however large the weight.
 *
 * 1. Unsqueeze, Squeeze, Reshape, Flatten: the same bytes.
 * 2. Slice of a range of the first axis: a part of the bytes.
 */

import type { Graph, Node } from "../graph/graph.ts";
import { byteLength, numbersOf, type Tensor } from "../graph/tensor.ts";
import { traitsOf } from "../ops/index.ts";
import { inferTypes } from "../ops/infer.ts";
import { dropUnused } from "./tidy.ts";

export function foldViews(graph: Graph): Graph {
  const types = inferTypes(graph);
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((node) => {
    const { alias, moves } = traitsOf(node);
    const tensor = alias || moves === "crop" ? initializers.get(node.inputs[0] ?? "") : undefined;
    const shape = types.get(node.outputs[0]!)?.shape;
    if (!tensor || !shape?.every((n) => typeof n === "number") || tensor.dtype === "string") return true;
    const start = alias ? 0 : firstRow(node, tensor, initializers);
    if (start === undefined) return true;
    const bytes = tensor.bytes.subarray(start, start + byteLength(tensor.dtype, shape));
    initializers.set(node.outputs[0]!, { dtype: tensor.dtype, dims: shape, bytes });
    return false;
  });
  return dropUnused({ ...graph, nodes, initializers });
}

/** Where the bytes begin that a Slice of whole rows takes; undefined for other Slices. */
function firstRow(node: Node, tensor: Tensor, initializers: ReadonlyMap<string, Tensor>): number | undefined {
  const [starts, , axes, steps] = node.inputs.slice(1).map((name) => {
    const operand = initializers.get(name);
    return operand && numbersOf(operand);
  });
  if (starts?.length !== 1 || axes?.[0] !== 0 || (node.inputs[4] && steps?.[0] !== 1)) return undefined;
  const row = byteLength(tensor.dtype, tensor.dims.slice(1));
  return starts[0]! >= 0 ? starts[0]! * row : undefined;
}
