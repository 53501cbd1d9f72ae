/**
 * @file Softmax, LogSoftmax and Hardmax before operator set 13 work on a matrix:
 * the sizes before `axis` (default 1) are its rows, all from `axis` on its columns.
 *
 *   y = reshape(softmax(flatten(x, axis), −1), shape(x))
 *
 * From 13 on they work along the one axis (default −1). Both agree where at most
 * one size from `axis` on differs from 1.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Softmax.html#softmax-11
 */

import { int, intAttr, type Node } from "../../graph/graph.ts";
import { helper, valueOf, withAttrs } from "./combinators.ts";
import type { UpgradeContext } from "./context.ts";

export function flattened(node: Node, context: UpgradeContext): readonly Node[] {
  const x = node.inputs[0]!;
  const axis = intAttr(node, "axis", 1);
  const single = singleAxis(node, axis, context);
  if (single !== undefined) return [withAttrs(node, { axis: int(single) })];

  const base = valueOf(node);
  const [shape, matrix, rows] = ["shape", "flat", "rows"].map((part) => context.fresh(`${base}_${part}`));
  return [
    helper("Shape", [x], shape!),
    helper("Flatten", [x], matrix!, { axis: int(axis) }),
    { ...withAttrs(node, { axis: int(-1) }), inputs: [matrix!], outputs: [rows!] },
    helper("Reshape", [rows!, shape!], node.outputs[0]!),
  ];
}

/** The axis along which the old form works, if it is only one. */
function singleAxis(node: Node, axis: number, context: UpgradeContext): number | undefined {
  if (axis === -1) return axis;
  const values = [node.inputs[0], node.outputs[0]];
  const shape = values.map((name) => context.shapeOf(name)).find((found) => found !== undefined);
  const rank =
    shape?.length ?? values.map((name) => context.rankOf(name)).find((found) => found !== undefined);
  if (rank === undefined) return undefined;
  const first = axis < 0 ? axis + rank : axis;
  if (first === rank - 1) return -1;
  const open = shape?.slice(first).flatMap((dim, i) => (dim === 1 ? [] : [first + i]));
  return open !== undefined && open.length < 2 ? (open[0] ?? -1) : undefined;
}
