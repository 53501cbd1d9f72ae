/**
 * @file How operators changed form before operator set 7, the oldest that ONNX
 * Runtime promises to run: broadcasting by attributes, lists in attributes,
 * in-place hints. What needs shapes that are not known is refused.
 *
 * @see https://onnx.ai/onnx/repo-docs/Changelog.html#version-1-of-the-default-onnx-operator-set
 */

import { float, floats, int, intAttr, ints, str, stringAttr, type Node } from "../../graph/graph.ts";
import { DTYPES, numbersOf, type DType } from "../../graph/tensor.ts";
import {
  defaulting,
  dropping,
  each,
  helper,
  intsToInput,
  inTurn,
  refusal,
  valueOf,
  withAttrs,
  withoutAttrs,
} from "./combinators.ts";
import type { UpgradeContext, UpgradeRules } from "./context.ts";

const withoutHints = dropping("consumed_inputs");

export const BEFORE_7: UpgradeRules = {
  2: {
    Pad: (node) => [renamed(node, "paddings", "pads")],
    Split: splitFrom1,
    ...each("LpPool GlobalLpPool", (node) => {
      const p = node.attrs.p;
      return [p?.kind === "float" ? withAttrs(node, { p: int(p.value) }) : node];
    }),
  },
  4: { Concat: defaulting({ axis: int(1) }) },
  5: { Reshape: inTurn(withoutHints, intsToInput("shape", 1)) },
  6: {
    ...each(
      "Abs Add BatchNormalization Ceil Clip Div Dropout Elu Exp Floor HardSigmoid InstanceNormalization " +
        "LeakyRelu Log Max Mean Min Mul Neg PRelu Reciprocal Relu Sigmoid Sqrt Sub Sum Tanh",
      withoutHints,
    ),
    Selu: inTurn(withoutHints, defaulting({ alpha: float(1.6732), gamma: float(1.0507) })),
    Cast: castFrom1,
    Tile: (node) => {
      if (node.inputs.length > 2) throw refusal(node, "tiles and axis as inputs");
      return [node];
    },
  },
  7: {
    ...each("Add And Div Equal Greater Less Mul Or Pow Sub Xor", broadcastAtAxis),
    ...each("BatchNormalization Dropout", dropping("is_test")),
    ...each("GRU LSTM RNN", dropping("output_sequence")),
    Gemm: dropping("broadcast"),
    PRelu: slopePerChannel,
    Upsample: upsampleFrom1,
  },
};

function renamed(node: Node, from: string, to: string): Node {
  const attr = node.attrs[from];
  return attr ? withAttrs(withoutAttrs(node, from), { [to]: attr }) : node;
}

function splitFrom1(node: Node, context: UpgradeContext): readonly Node[] {
  if (node.inputs.length < 2) return [node];
  const sizes = context.constantOf(node.inputs[1]);
  if (!sizes) throw refusal(node, "sizes that are computed");
  return [{ ...withAttrs(node, { split: ints([...numbersOf(sizes)]) }), inputs: node.inputs.slice(0, 1) }];
}

/** The target type was spelled out. */
function castFrom1(node: Node): readonly Node[] {
  const to = stringAttr(node, "to", "").toLowerCase();
  if (to === "") return [node];
  const dtype = to === "float" ? "float32" : to === "double" ? "float64" : to;
  if (!(dtype in DTYPES)) throw refusal(node, `a cast to "${to}"`);
  return [withAttrs(node, { to: int(DTYPES[dtype as DType].onnx) })];
}

/**
 * With `broadcast`, b's axes stood against a's from `axis` on; without `axis`, against a's last ones,
 * which is how both broadcast now.
 *
 *   a [2, 3, 4, 5], b [3, 4], axis 1  →  b [3, 4, 1]
 */
function broadcastAtAxis(node: Node, context: UpgradeContext): readonly Node[] {
  const plain = withoutAttrs(node, "axis", "broadcast");
  if (intAttr(node, "broadcast", 0) === 0 || node.attrs.axis === undefined) return [plain];
  const [a, b] = node.inputs as [string, string];
  const rankA = context.rankOf(a);
  const rankB = context.rankOf(b);
  const axis = intAttr(node, "axis", 0);
  if (rankB === undefined || rankA === undefined)
    throw refusal(node, `broadcasting at axis ${axis} of unknown ranks`);
  return against(plain, rankB, rankA - (axis < 0 ? axis + rankA : axis) - rankB, context);
}

/** A slope per channel stands against axis 1: x [N, C, H, W], slope [C] → [C, 1, 1]. */
function slopePerChannel(node: Node, context: UpgradeContext): readonly Node[] {
  const slope = context.shapeOf(node.inputs[1]);
  if (slope !== undefined && (slope.length !== 1 || slope[0] === 1)) return [node];
  const rank = context.rankOf(node.inputs[0]);
  if (slope === undefined || rank === undefined) throw refusal(node, "a slope for an input of unknown rank");
  return against(node, 1, rank - 2, context);
}

/** The second input, of `rank` axes, with `count` axes of size 1 behind them. */
function against(node: Node, rank: number, count: number, context: UpgradeContext): readonly Node[] {
  if (count <= 0) return [node];
  const wide = context.fresh(`${valueOf(node)}_broadcast`);
  const axes = ints(Array.from({ length: count }, (_, i) => rank + i));
  return [
    helper("Unsqueeze", [node.inputs[1]!], wide, { axes }),
    { ...node, inputs: node.inputs.with(1, wide) },
  ];
}

function upsampleFrom1(node: Node): readonly Node[] {
  const [height, width] = [node.attrs.height_scale, node.attrs.width_scale];
  if (height?.kind !== "float" || width?.kind !== "float") return [node];
  const mode = stringAttr(node, "mode", "nearest") === "bilinear" ? "linear" : "nearest";
  return [
    withAttrs(withoutAttrs(node, "height_scale", "width_scale"), {
      scales: floats([1, 1, height.value, width.value]),
      mode: str(mode),
    }),
  ];
}
