/**
 * @file The gradient of Resize, whose every mode (nearest, linear, cubic, with
 * or without antialiasing, in any coordinates) is linear along each axis.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Resize.html
 */

import { type Attrs, intsAttr, type Node, stringAttr } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { normAxis } from "./common.ts";
import type { Algebra, GradientRule } from "./gradient.ts";
import { type AxisMap, identity, pullBack } from "./separable.ts";

/** Attributes of a Resize that names every axis. */
export function withoutAxes(node: Node): Attrs {
  const { axes: _, ...attrs } = node.attrs;
  return attrs;
}

export const cropsRegion = (node: Node): boolean =>
  stringAttr(node, "coordinate_transformation_mode", "half_pixel") === "tf_crop_and_resize";

export const resize: GradientRule = (c) => {
  const maps = resizeMaps(c, c.node, c.shape(c.y()));
  return typeof maps === "string" ? c.refuse(maps) : [pullBack(c, c.dy(), maps)];
};

/** What a Resize does along the axes that it changes; a reason where it is not linear along each. */
export function resizeMaps(c: Algebra, node: Node, to: readonly number[]): AxisMap[] | string {
  const attrs = withoutAxes(node);
  const x = node.inputs[0]!;
  const from = c.shape(x);
  const over = intsAttr(node, "axes")?.map((axis) => normAxis({ node }, axis, from.length));
  const scales = node.inputs[2] ? c.numbers(node.inputs[2]) : [];
  if (!scales) return "its scales are computed from the data";
  if (cropsRegion(node)) return "it crops to a region of interest (tf_crop_and_resize)";
  return from.flatMap((n, axis) => {
    const scale = scales[over ? over.indexOf(axis) : axis];
    if (to[axis] === n && (scale ?? 1) === 1) return [];
    const size =
      scale === undefined ? ["", "", c.ints([n, to[axis]!])] : ["", c.constant(floatTensor([2], [1, scale]))];
    return [{ axis, matrix: c.op("Resize", [identity(c, n, x), ...size], attrs) }];
  });
}
