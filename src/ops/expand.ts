/**
 * @file Expand and Tile: repeat elements.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Expand.html
 */

import { mulDims } from "../graph/dim.ts";
import { expandNd, literalNumbers } from "../graph/nd-array.ts";
import {
  alignedDepth,
  axisOfSize,
  broadcastShapes,
  numbersIn,
  plainAxes,
  shaped,
  shapeOf,
} from "./common.ts";
import { atom, type Axis, isHeight, isSpatial, liftedShape, showAxes } from "./roles.ts";
import type { OpRule } from "./rule.ts";

export const Expand: OpRule = {
  required: 2,
  infer(c) {
    const x = shapeOf(c, 0);
    const target = c.inputs[1]?.value;
    const shape = x && target && broadcastShapes(c, [x, Array.from(target.data)]);
    return shaped(c, shape);
  },

  value(c) {
    const x = c.inputs[0]?.value;
    const target = numbersIn(c, 1);
    if (!x || !target) return undefined;
    const sizes = broadcastShapes(c, [x.dims, target])?.filter((n) => typeof n === "number");
    return sizes && [expandNd(x, sizes)];
  },

  lift(c) {
    const { axes } = c.input(0);
    const target = c.input(1).known.value;
    const twin = c.input(1).twin.value;
    const shape = c.outputs[0]?.shape;
    if (!target || !twin || !shape) return c.refuse("E_EXPAND", "takes its sizes from the data");
    const rank = shape.length;
    const out = shape.map((size, i): Axis => {
      const own = axes[i - (rank - axes.length)];
      const at = i - (rank - target.data.length);
      if (own && own.length > 0 && !own.every((a) => a.size === 1)) return own;
      if (at < 0 || target.data[at] === 1) return own && own.length > 0 ? own : plainAxes([size])[0]!;
      return axisOfSize(c, target.data[at]!, twin.data[at]!, i, rank);
    });
    c.emit([alignedDepth(c, 0, out), c.shape(liftedShape(out))]);
    return [out];
  },

  // The engine sums over what was broadcast.
  gradient: (c) => [c.dy()],
  traits: { moves: "repeat" },
};

export const Tile: OpRule = {
  required: 2,
  infer(c) {
    const x = shapeOf(c, 0);
    const repeats = c.inputs[1]?.value;
    const shape = x?.map((n, i) => (repeats ? mulDims(n, repeats.data[i]!) : c.fresh()));
    return shaped(c, shape);
  },
  lift(c) {
    const { axes } = c.input(0);
    const repeats = literalNumbers(c.inputs[1]?.known.value);
    if (!repeats) return c.refuse("E_TILE", "takes its counts from a computation");
    const spatial = axes.some((axis, i) => isSpatial(axis) && repeats[i] !== 1);
    if (spatial)
      return c.refuse(
        "E_TILE",
        `repeats a spatial axis of ${showAxes(axes)}; how often depth repeats is not said`,
      );
    const lifted = axes.flatMap((axis, i) => (isHeight(axis) ? [1, 1] : [repeats[i]!]));
    c.emit([c.name(0), c.ints(lifted)]);
    const shape = c.outputs[0]!.shape!;
    return [
      axes.map((axis, i) => (repeats[i] === 1 ? axis : atom(axis[0]?.role === "N" ? "N" : "C", shape[i]!))),
    ];
  },

  /** [...rᵢ·nᵢ] → [...rᵢ, nᵢ], summed over every rᵢ */
  gradient(c) {
    const sizes = c.shape(c.x());
    const grown = c.shape(c.y());
    const parts = sizes.flatMap((n, i) => (grown[i] === n ? [n] : [grown[i]! / n, n]));
    const copies: number[] = [];
    sizes.forEach((n, i) => {
      if (grown[i] !== n) copies.push(i + copies.length);
    });
    return [c.sum(c.reshape(c.dy(), parts), copies)];
  },
  traits: { moves: "repeat" },
};
