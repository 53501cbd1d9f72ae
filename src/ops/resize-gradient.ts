/**
 * @file The gradient of Resize, whose every mode (nearest, linear, cubic, with
 * or without antialiasing, in any coordinates) is linear along each axis.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Resize.html
 */

import { intsAttr, stringAttr } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { normAxis } from "./common.ts";
import type { GradientRule } from "./gradient.ts";
import { identity, pullBack } from "./separable.ts";

export const resize: GradientRule = (c) => {
  const { axes: _, ...attrs } = c.node.attrs;
  const from = c.shape(c.x());
  const to = c.shape(c.y());
  const over = intsAttr(c.node, "axes")?.map((axis) => normAxis(c, axis, from.length));
  const scales = c.x(2) ? c.numbers(c.x(2)) : [];
  if (!scales) return c.refuse("its scales are computed from the data");
  if (stringAttr(c.node, "coordinate_transformation_mode", "half_pixel") === "tf_crop_and_resize") {
    return c.refuse("it crops to a region of interest (tf_crop_and_resize)");
  }
  const maps = from.flatMap((n, axis) => {
    const scale = scales[over ? over.indexOf(axis) : axis];
    if (to[axis] === n && (scale ?? 1) === 1) return [];
    const size =
      scale === undefined ? ["", "", c.ints([n, to[axis]!])] : ["", c.constant(floatTensor([2], [1, scale]))];
    return [{ axis, matrix: c.op("Resize", [identity(c, n, c.x()), ...size], attrs) }];
  });
  return [pullBack(c, c.dy(), maps)];
};
