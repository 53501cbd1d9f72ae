/**
 * @file The internal operators of a lifted network. They hold the 2D kernel as
 * it was trained, `w [O, C/g, Kh, Kw]`; running and saving lower them to plain
 * ONNX (`passes/lower.ts`).
 *
 * LiftedConv: x [N, C, D, H, W] → y [N, O, D′, H′, W′], sized as by a plain
 * convolution with `kernel_shape`, `strides`, `pads` and `dilations` over
 * [D, H, W]. Attributes beside Conv's:
 *   kind    acs, mean-acs, soft-acs, 2.5d or i3d
 *   view    the plane of 2.5d
 *   split   output channels per view (acs)
 *   center  offset of the tap that an omitted axis reads, per axis of [D, H, W]
 * Inputs: x, w, b (optional), logits [O, 3] (soft-acs).
 *
 * LiftedConvTranspose: the same for transposed convolutions, with
 * `output_padding`; along the omitted axis the kernel is a box of one stride.
 *
 * Both are acsconv's own (domain `ai.acsconv`). They have no gradient: training
 * lowers them first and differentiates what they become.
 */

import type { Dim } from "../graph/dim.ts";
import { mulDims } from "../graph/dim.ts";
import { intsAttr, type Node, stringAttr } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { dtypeOf, shapeOf } from "./common.ts";
import { convolutionCost, tapsOfKernel } from "./cost.ts";
import { convSize, convTransposeSize, groupsOf, tapsOf } from "./geometry.ts";
import type { InferContext, OpRule } from "./rule.ts";
import { liftedConvolution, transposedConvolution } from "./slots.ts";

export const LIFTED_DOMAIN = "ai.acsconv";

/**
 * ONNX Runtime's own operators, of which gradients use FusedMatMul: the opsets
 * of a graph that holds a gradient need `[MICROSOFT_DOMAIN, 1]`.
 */
export const MICROSOFT_DOMAIN = "com.microsoft";

const refuse = { refuse: "the network is 3D already" };

function sizes(c: InferContext, channels: Dim | undefined, size: typeof convSize): Dim[] | undefined {
  const x = shapeOf(c, 0);
  const kernel = intsAttr(c.node, "kernel_shape");
  if (!x || !kernel || channels === undefined) return undefined;
  const taps = tapsOf(c.node, kernel, x.slice(2))!;
  return [x[0]!, channels, ...x.slice(2).map((n, i) => size(n, taps[i]!))];
}

/** Taps as they are run: acs and 2.5d those of the 2D kernel, the others all of a K³ kernel. */
function taps(node: Node, weight: readonly number[]): number {
  const plane = tapsOfKernel(node, weight);
  const isPlane = ["acs", "2.5d"].includes(stringAttr(node, "kind", "acs"));
  return plane === 1 || isPlane ? plane : elementCount(intsAttr(node, "kernel_shape") ?? weight.slice(2));
}

/** Along the omitted axis the kernel is a box of one stride. */
function transposedTaps(node: Node, weight: readonly number[]): number {
  const plane = tapsOfKernel(node, weight);
  const views = stringAttr(node, "kind", "acs") === "mean-acs" ? 3 : 1;
  return plane === 1 ? plane : plane * views * intsAttr(node, "strides")![0]!;
}

export const LiftedConv: OpRule = {
  infer: (c) => [{ dtype: dtypeOf(c, 0), shape: sizes(c, shapeOf(c, 1)?.[0], convSize) }],
  lift: refuse,
  gradient: null,
  slots: liftedConvolution,
  cost: convolutionCost("output", taps),
  traits: { convolution: "forward", window: true },
};

export const LiftedConvTranspose: OpRule = {
  infer(c) {
    const w = shapeOf(c, 1);
    const channels = w && mulDims(w[1]!, groupsOf(c.node));
    const padding = intsAttr(c.node, "output_padding")!;
    let axis = 0;
    return [
      {
        dtype: dtypeOf(c, 0),
        shape: sizes(c, channels, (n, t) => convTransposeSize(n, t, padding[axis++]!)),
      },
    ];
  },
  lift: refuse,
  gradient: null,
  slots: transposedConvolution,
  cost: convolutionCost("input", transposedTaps),
  traits: { convolution: "transposed" },
};
