/**
 * @file Normalisations. Batch, instance and local-response normalisation take
 * images of any rank, so lifting only counts depth among the pixels.
 *
 * @see https://onnx.ai/onnx/operators/onnx__BatchNormalization.html
 */

import type { Dim } from "../graph/dim.ts";
import { floatAttr, int, intAttr, ints, intsAttr } from "../graph/graph.ts";
import { int64Tensor, tensorOf } from "../graph/tensor.ts";
import { dtypeOf, liftSame, normAxis, sameAsInput, shapeOf } from "./common.ts";
import type { GradientRule } from "./gradient.ts";
import * as gradients from "./normalization-gradient.ts";
import { affine, affineWithStatistics } from "./slots.ts";
import { LIFTED_DOMAIN } from "./lifted.ts";
import { hasHeight, isHeight, isSpatial, liftedAxes, liftedAxis, showAxes } from "./roles.ts";
import type { Lifted, LiftContext, LiftRule, OpRule } from "./rule.ts";

/** Batch and features first, then pixels in whatever arrangement. */
const liftImage: LiftRule = (c) => {
  const { axes } = c.input(0);
  if (hasHeight(axes.slice(0, 2))) {
    return c.refuse(
      "E_LAYOUT",
      `needs batch and features before the pixels, but its input is ${showAxes(axes)}`,
    );
  }
  return liftSame(c);
};

export const BatchNormalization: OpRule = {
  required: 5,
  infer(c) {
    const statistic = { dtype: dtypeOf(c, 3), shape: shapeOf(c, 3) };
    return [...sameAsInput(c), statistic, statistic];
  },
  lift: (c) =>
    intAttr(c.node, "training_mode", 0) === 1
      ? c.refuse("E_TRAINING", "was exported in training mode; export the network with eval()")
      : liftImage(c),
  gradient: gradients.batchNormalization,
  slots: affineWithStatistics,
  traits: { batchNorm: true },
};

/** What a node is that normalises by statistics that it is given, and one that takes them of the batch. */
export const BATCH_NORM = { op: "BatchNormalization", domain: "" };
export const TRAINING_BATCH_NORM = { op: "TrainingBatchNorm", domain: LIFTED_DOMAIN };

/**
 * BatchNormalization with the statistics of the batch (`ai.acsconv`; written for
 * training and lowered to plain ONNX after differentiation):
 *
 *   x [N, C, …], scale [C], bias [C]  →  y, mean [C], variance [C], x − mean [N, C, …]
 *   y = scale · (x − mean) / √(variance + epsilon) + bias
 *
 * over the batch and its pixels. The variance is counted with n, not n − 1.
 */
export const TrainingBatchNorm: OpRule = {
  infer(c) {
    const [x] = sameAsInput(c);
    const statistic = { dtype: dtypeOf(c, 1), shape: shapeOf(c, 1) };
    return [x!, statistic, statistic, x!];
  },
  lift: { refuse: "is written for training, of a network that is 3D already" },
  gradient: gradients.trainingBatchNorm,
  slots: affine,
};

export const imageNormalization = (gradient: GradientRule | null, slots?: OpRule["slots"]): OpRule => ({
  required: slots ? 3 : 1,
  infer: sameAsInput,
  lift: liftImage,
  gradient,
  ...(slots && { slots }),
});

/**
 * LayerNormalization over the axes from `axis` on.
 *
 *   y = (x − mean) / √(variance + ε) · scale + bias
 *
 * Over features alone (NHWC) nothing changes. Over height and width the
 * statistics take in depth; scale and bias are held per pixel of a slice, which
 * the fused operator cannot broadcast along depth, so it is written out.
 */
export const LayerNormalization: OpRule = {
  required: 2,
  infer(c) {
    const x = shapeOf(c, 0);
    const axis = x && normAxis(c, intAttr(c.node, "axis", -1), x.length);
    const statistic = { dtype: "float32" as const, shape: x?.map((n, i): Dim => (i < axis! ? n : 1)) };
    return [...sameAsInput(c), statistic, statistic];
  },
  lift(c) {
    const { axes } = c.input(0);
    const axis = normAxis(c, intAttr(c.node, "axis", -1), axes.length);
    if (c.node.outputs.slice(1).some((name) => name)) {
      return c.refuse("E_TRAINING", "hands out its statistics, as only training graphs do");
    }
    const over = axes.slice(axis);
    if (!hasHeight(over)) {
      const at = axis < axes.length ? liftedAxis(axes, axis) : axis;
      c.emit(c.names(), { attrs: { ...c.node.attrs, axis: int(at) } });
      return [axes];
    }
    if (!over.every((a) => a.length <= 1)) {
      return c.refuse(
        "E_LAYER_NORM",
        `normalises over ${showAxes(over)}, which merges height with other axes`,
      );
    }
    c.warn("normalises over height and width; statistics take in depth, scale and bias are shared along it");
    const dims = int64Tensor(axes.flatMap((_, i) => (i < axis ? [] : liftedAxes(axes, i))));
    const keep = { keepdims: int(1) };
    const centred = c.add("Sub", [c.name(0), c.add("ReduceMean", [c.name(0), c.constant(dims)], keep)]);
    const variance = c.add("ReduceMean", [c.add("Mul", [centred, centred]), c.constant(dims)], keep);
    const { dtype = "float32" } = c.input(0).known;
    const epsilon = c.constant(tensorOf(dtype, [], [floatAttr(c.node, "epsilon", 1e-5)]));
    const deviation = c.add("Sqrt", [c.add("Add", [variance, epsilon])]);
    const affine = (i: number): string => alongDepth(c, c.input(i), i, axis);
    const normal = c.add("Div", [centred, deviation]);
    const bias = c.node.inputs[2] ? affine(2) : undefined;
    if (bias === undefined) c.finish("Mul", [normal, affine(1)]);
    else c.finish("Add", [c.add("Mul", [normal, affine(1)]), bias]);
    return [axes];
  },
  gradient: gradients.layerNormalization,
  slots: affine,
};

/** A per-pixel parameter, given an axis of size 1 where depth goes. */
function alongDepth(c: LiftContext, parameter: Lifted, i: number, firstAxis: number): string {
  const height = c.input(0).axes.findIndex(isHeight);
  const at = parameter.known.shape!.length - (c.input(0).axes.length - height);
  return at <= 0 && firstAxis >= height
    ? c.name(i)
    : c.add("Unsqueeze", [c.name(i), c.ints([Math.max(0, at)])]);
}

/** Normalisations over one axis (LpNormalization) that leave sizes alone. */
export const LpNormalization: OpRule = {
  infer: sameAsInput,
  lift(c) {
    const { axes } = c.input(0);
    const axis = normAxis(c, intAttr(c.node, "axis", -1), axes.length);
    if (isSpatial(axes[axis]))
      return c.refuse("E_AXIS_H", `normalises along one spatial axis of ${showAxes(axes)}`);
    c.emit(c.names(), { attrs: { p: int(intAttr(c.node, "p", 2)), axis: int(liftedAxis(axes, axis)) } });
    return [axes];
  },
  gradient: gradients.lpNormalization,
};

/** (x − mean) / (deviation + 1e-9) over `axes`, by default batch and pixels. */
export const MeanVarianceNormalization: OpRule = {
  infer: sameAsInput,
  lift(c) {
    const { axes } = c.input(0);
    const given = intsAttr(c.node, "axes") ?? [0, 2, 3];
    const over = given.flatMap((axis) => liftedAxes(axes, normAxis(c, axis, axes.length)));
    c.emit(c.names(), { attrs: { axes: ints(over) } });
    return [axes];
  },
  gradient: gradients.meanVarianceNormalization,
};
