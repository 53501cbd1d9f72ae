/**
 * @file Upsample and the early forms of Resize. Both sample at x = x′ / scale
 * ("asymmetric"); "nearest" rounds down where it enlarges, and up where it shrinks.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Resize.html
 * @see ONNX Runtime 1.30, `upsamplebase.h`: NearestMode SIMPLE, for versions before 11
 */

import { str, stringAttr, type Node } from "../../graph/graph.ts";
import { floatTensor, numbersOf } from "../../graph/tensor.ts";
import { refusal, valueOf, withAttrs } from "./combinators.ts";
import type { UpgradeContext } from "./context.ts";

const modeOf = (node: Node): string =>
  stringAttr(node, "mode", "nearest") === "nearest" ? "nearest" : "linear"; // "bilinear" before 7

/** 9 → 10: Upsample [x, scales] becomes Resize [x, scales]. */
export const resizeFromUpsample = (node: Node): readonly Node[] => [
  withAttrs({ ...node, op: "Resize" }, { mode: str(modeOf(node)) }),
];

/** 10 → 11: Resize [x, scales] becomes Resize [x, roi, scales]. Scales unknown before the run are taken to enlarge. */
export function resizeFrom10(node: Node, context: UpgradeContext): readonly Node[] {
  const [x, scales] = node.inputs as [string, string];
  const step = (input: string, factors: string, rounding: string, output: string): Node => ({
    ...withAttrs(node, {
      coordinate_transformation_mode: str("asymmetric"),
      ...(modeOf(node) === "nearest" && { nearest_mode: str(rounding) }),
    }),
    inputs: [input, "", factors],
    outputs: [output],
  });
  const y = node.outputs[0]!;
  const constant = context.constantOf(scales);
  const factors = constant ? [...numbersOf(constant)] : [];
  const enlarges = factors.some((factor) => factor > 1);
  const shrinks = factors.some((factor) => factor < 1);
  if (modeOf(node) !== "nearest" || !shrinks) return [step(x, scales, "floor", y)];
  if (!enlarges) return [step(x, scales, "ceil", y)];

  // The axes are independent: first those that grow, then those that shrink.
  const base = valueOf(node);
  const scalesOf = (limit: typeof Math.max): string => {
    const kept = factors.map((factor) => limit(factor, 1));
    return context.constant(`${base}_scales`, floatTensor([factors.length], kept));
  };
  const grown = context.fresh(`${base}_grown`);
  return [step(x, scalesOf(Math.max), "floor", grown), step(grown, scalesOf(Math.min), "ceil", y)];
}

/**
 * 11 → 13: sampling at x = (x′ + ½) / scale, "tf_half_pixel_for_nn", is gone. For "nearest" it is
 * half_pixel, which samples at x − ½, rounded otherwise:
 *
 *   ⌊x⌋ = ⌊(x − ½) + ½⌋                  floor → round_prefer_ceil
 *   ⌈x − ½⌉, x rounded, ties down        round_prefer_floor → ceil
 */
export function resizeFrom11(node: Node): readonly Node[] {
  if (stringAttr(node, "coordinate_transformation_mode", "") !== "tf_half_pixel_for_nn") return [node];
  const rounding = { floor: "round_prefer_ceil", round_prefer_floor: "ceil" }[
    stringAttr(node, "nearest_mode", "round_prefer_floor")
  ];
  if (modeOf(node) !== "nearest" || rounding === undefined)
    throw refusal(node, "tf_half_pixel_for_nn other than nearest, rounded down or to the nearest");
  return [
    withAttrs(node, { coordinate_transformation_mode: str("half_pixel"), nearest_mode: str(rounding) }),
  ];
}
