/**
 * @file How ONNX's own operators changed form up to operator set 18, by the
 * version that changed them. Changes that only add element types, or attributes
 * whose default is the old behaviour, need no rule.
 *
 * GroupNormalization changes at 21 (scale and bias per channel instead of per
 * group). Files from 18 on are not touched, so both of its forms occur.
 *
 * @see https://onnx.ai/onnx/repo-docs/Changelog.html
 */

import { floatAttr, int, intAttr, intsAttr, ints, str, stringAttr, type Node } from "../../graph/graph.ts";
import { floatTensor, int64Tensor } from "../../graph/tensor.ts";
import {
  castLike,
  defaulting,
  dropping,
  each,
  floatsToInput,
  intsToInput,
  inTurn,
  refusal,
  refuse,
  scalarToInput,
  valueOf,
  withAttrs,
  withInput,
  withoutAttrs,
} from "./combinators.ts";
import type { UpgradeContext, UpgradeRules } from "./context.ts";
import { BEFORE_7 } from "./legacy.ts";
import { resizeFrom10, resizeFrom11, resizeFromUpsample } from "./resize.ts";
import { flattened } from "./softmax.ts";

const axesToInput = intsToInput("axes", 1);

export const RULES: UpgradeRules = {
  ...BEFORE_7,
  9: {
    BatchNormalization: batchNormFrom7,
    MeanVarianceNormalization: meanVarianceFrom1,
    Upsample: floatsToInput("scales", 1),
    Scan: refuse("its sequences had a batch axis"),
  },
  10: {
    Upsample: resizeFromUpsample,
    Slice: inTurn(intsToInput("starts", 1), intsToInput("ends", 2), intsToInput("axes", 3)),
    TopK: topKFrom1,
    Dropout: dropoutFrom7,
    ...each(
      "Affine ATen ConstantFill Crop DynamicSlice GivenTensorFill GRUUnit ImageScaler LoopIndexTensor " +
        "ParametricSoftplus Scale ScaledTanh",
      refuse("the operator was removed"),
    ),
  },
  11: {
    Resize: resizeFrom10,
    Pad: padFrom2,
    Clip: inTurn(scalarToInput("min", 1), scalarToInput("max", 2)),
    Scatter: (node) => [{ ...node, op: "ScatterElements" }],
  },
  12: { Dropout: dropoutFrom10 },
  13: {
    ...each("Softmax LogSoftmax Hardmax", flattened),
    ...each("Squeeze Unsqueeze ReduceSum", axesToInput),
    Split: intsToInput("split", 1),
    Resize: resizeFrom11,
  },
  14: { BatchNormalization: batchNormFrom9 },
  16: { RoiAlign: defaulting({ coordinate_transformation_mode: str("output_half_pixel") }) },
  18: {
    ...each(
      "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare",
      axesToInput,
    ),
    Split: (node) => [node.inputs[1] ? node : withAttrs(node, { num_outputs: int(node.outputs.length) })],
  },
};

/** With `spatial` 0 every activation had its own statistics. */
function batchNormFrom7(node: Node): readonly Node[] {
  if (intAttr(node, "spatial", 1) !== 1) throw refusal(node, "spatial = 0, statistics per activation");
  return [withoutAttrs(node, "spatial")];
}

/** Several outputs meant training: y, running mean, running variance, and the batch's own, which are gone. */
function batchNormFrom9(node: Node, context: UpgradeContext): readonly Node[] {
  const [y, mean = "", variance = "", ...saved] = node.outputs;
  if (!node.outputs.slice(1).some((name) => name !== "")) return [node];
  const wanted = saved.find((name) => context.isRead(name));
  if (wanted !== undefined && wanted !== "")
    throw refusal(node, `the batch's statistics "${wanted}" are read`);
  return [withAttrs({ ...node, outputs: [y!, mean, variance] }, { training_mode: int(1) })];
}

function meanVarianceFrom1(node: Node): readonly Node[] {
  if (intAttr(node, "normalize_variance", 1) !== 1) throw refusal(node, "normalize_variance = 0");
  const axes = intsAttr(node, "axes") ?? (intAttr(node, "across_channels", 0) ? [0, 1, 2, 3] : [0, 2, 3]);
  return [withAttrs(withoutAttrs(node, "across_channels", "normalize_variance"), { axes: ints(axes) })];
}

function topKFrom1(node: Node, context: UpgradeContext): readonly Node[] {
  const k = context.constant(`${valueOf(node)}_k`, int64Tensor([intAttr(node, "k", 1)]));
  return [withInput(withoutAttrs(node, "k"), 1, k)];
}

/** The mask was of the data's type, and is boolean now. */
function dropoutFrom7(node: Node, context: UpgradeContext): readonly Node[] {
  const [y, mask] = node.outputs;
  if (!mask) return [node];
  const bool = context.fresh(`${mask}_bool`);
  return [{ ...node, outputs: [y!, bool] }, castLike(context, bool, node.inputs[0]!, mask)];
}

/** The ratio is float32 whatever the data is. Without `training_mode` nothing is dropped, as before. */
function dropoutFrom10(node: Node, context: UpgradeContext): readonly Node[] {
  if (node.attrs.ratio === undefined) return [node];
  const ratio = floatTensor([], [floatAttr(node, "ratio", 0.5)]);
  return [withInput(withoutAttrs(node, "ratio"), 1, context.constant(`${valueOf(node)}_ratio`, ratio))];
}

/** Only constant padding has a value, and 0 is what a missing one means. */
function padFrom2(node: Node, context: UpgradeContext): readonly Node[] {
  const isZero = stringAttr(node, "mode", "constant") !== "constant" || floatAttr(node, "value", 0) === 0;
  const value = isZero ? dropping("value") : scalarToInput("value", 2);
  return inTurn(intsToInput("pads", 1), value)(node, context);
}
