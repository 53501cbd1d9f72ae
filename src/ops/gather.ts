/**
 * @file Gather: elements picked along an axis by their index.
 *
 *   y[a, i, b] = x[a, index[i], b]
 *
 * @see https://onnx.ai/onnx/operators/onnx__Gather.html
 */

import { int, intAttr } from "../graph/graph.ts";
import { gatherNd } from "../graph/nd-array.ts";
import { elementCount, tensorOf } from "../graph/tensor.ts";
import { fail, normAxis, numbersIn, shaped, shapeOf } from "./common.ts";
import type { GradientRule } from "./gradient.ts";
import { atom, type Axis, isSpatial, liftedAxis, showAxes } from "./roles.ts";
import type { OpRule } from "./rule.ts";
import { pullBack } from "./separable.ts";

/**
 * Gradients of what was picked more than once add up: a product with the matrix
 * whose columns are one at the index and zero elsewhere.
 */
const gradient: GradientRule = (c) => {
  const sizes = c.shape(c.x());
  const axis = normAxis(c, intAttr(c.node, "axis", 0), sizes.length);
  const picked = elementCount(c.shape(c.x(1)));
  const zeroOne = c.constant(tensorOf(c.dtype(c.x()), [2], [0, 1]));
  const index = c.reshape(c.x(1), [picked]);
  const matrix = c.op("OneHot", [index, c.ints([sizes[axis]!]), zeroOne], { axis: int(0) });
  const [outer, inner] = [sizes.slice(0, axis), sizes.slice(axis + 1)].map(elementCount);
  const dy = c.reshape(c.dy(), [outer!, picked, inner!]);
  return [c.reshape(pullBack(c, dy, [{ axis: 1, matrix }]), sizes)];
};

export const Gather: OpRule = {
  required: 2,
  infer(c) {
    const [x, indices] = [shapeOf(c, 0), shapeOf(c, 1)];
    if (!x || !indices) return shaped(c);
    const axis = normAxis(c, intAttr(c.node, "axis", 0), x.length);
    return shaped(c, [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)]);
  },

  value(c) {
    const x = c.inputs[0]?.value;
    const indices = numbersIn(c, 1);
    if (!x || !indices) return undefined;
    const axis = normAxis(c, intAttr(c.node, "axis", 0), x.dims.length);
    const bad = indices.find((i) => i < -x.dims[axis]! || i >= x.dims[axis]!);
    if (bad !== undefined) fail(c, `index ${bad} is outside an axis of ${x.dims[axis]}`);
    return [gatherNd(x, axis, { dims: c.inputs[1]!.value!.dims, data: indices })];
  },

  lift(c) {
    const { axes, constant } = c.input(0);
    const axis = normAxis(c, intAttr(c.node, "axis", 0), axes.length);
    if (constant || !c.input(1).constant) {
      return c.refuse(
        "E_GATHER",
        "picks by index out of data; only constant indices into features can be lifted",
      );
    }
    if (isSpatial(axes[axis]))
      return c.refuse("E_GATHER_SPATIAL", `picks positions of ${showAxes(axes)} along a spatial axis`);
    c.emit(c.names(), { attrs: { axis: int(liftedAxis(axes, axis)) } });
    const picked = (c.input(1).known.shape ?? []).map((n): Axis => (n === 1 ? [] : atom("C", n)));
    return [[...axes.slice(0, axis), ...picked, ...axes.slice(axis + 1)]];
  },

  gradient,
  traits: { moves: "pick" },
};
