/**
 * @file The internal operators of a lifted network. They hold the 2D kernel as
 * it was trained, `w [O, C/g, Kh, Kw]`; running and saving lower them to plain
 * ONNX (`kinds/`).
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

import { type Dim, mulDims } from "../graph/dim.ts";
import { intsAttr, type Node, stringAttr } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { shaped, shapeOf } from "./common.ts";
import { convolutionCost, tapsOfKernel } from "./cost.ts";
import { convSize, convTransposeSize, groupsOf, type Taps, tapsOf } from "./geometry.ts";
import { LiftedConvolution } from "./kinds/convolution.ts";
import { kindOf } from "./kinds/index.ts";
import type { KeptKernel, Transposed } from "./kinds/kind.ts";
import type { InferContext, OpRule } from "./rule.ts";
import { liftedConvolution, transposedConvolution } from "./slots.ts";

export const LIFTED_DOMAIN = "ai.acsconv";

/**
 * ONNX Runtime's own operators, of which gradients use FusedMatMul: the opsets
 * of a graph that holds a gradient need `[MICROSOFT_DOMAIN, 1]`.
 */
export const MICROSOFT_DOMAIN = "com.microsoft";

const refuse = { refuse: "the network is 3D already" };

const kindName = (node: Node): string => stringAttr(node, "kind", "acs");
const transposedOf = (node: Node): Transposed => kindOf(kindName(node)).transposed;

/** The kind of a LiftedConv: those with kernels of their own are plain convolutions. */
function keptKind(node: Node): KeptKernel {
  const kind = kindOf(kindName(node));
  if (kind.fresh === null) return kind;
  throw new Error(`${node.op} of kind ${kindName(node)}`);
}

function sizes(c: InferContext, channels: Dim | undefined, size: typeof convSize): Dim[] | undefined {
  const x = shapeOf(c, 0);
  const kernel = intsAttr(c.node, "kernel_shape");
  if (!x || !kernel || channels === undefined) return undefined;
  const taps = tapsOf(c.node, kernel, x.slice(2))!;
  return [x[0]!, channels, ...x.slice(2).map((n, i) => size(n, taps[i]!))];
}

/** Taps as they are run. */
function taps(node: Node, weight: readonly number[]): number {
  const plane = tapsOfKernel(node, weight);
  const volume = intsAttr(node, "kernel_shape");
  return plane === 1 || !volume ? plane : keptKind(node).taps(plane, elementCount(volume));
}

/** Along the omitted axis the kernel is a box of one stride. */
function transposedTaps(node: Node, weight: readonly number[]): number {
  const plane = tapsOfKernel(node, weight);
  return plane === 1 ? plane : plane * transposedOf(node).planes * intsAttr(node, "strides")![0]!;
}

export const LiftedConv: OpRule = {
  required: 2,
  infer: (c) => shaped(c, sizes(c, shapeOf(c, 1)?.[0], convSize)),
  lift: refuse,
  gradient: null,
  lower(c) {
    const conv = new LiftedConvolution(c, false);
    if (conv.kernel.every((k) => k === 1)) conv.finishWhole(conv.unsqueeze(conv.w, 2), conv.taps);
    else keptKind(c.node).lower(conv);
  },
  slots: liftedConvolution,
  cost: convolutionCost("output", taps),
  traits: { convolution: "forward", window: true },
};

export const LiftedConvTranspose: OpRule = {
  required: 2,
  infer(c) {
    const w = shapeOf(c, 1);
    const channels = w && mulDims(w[1]!, groupsOf(c.node));
    const padding = intsAttr(c.node, "output_padding")!;
    let axis = 0;
    const size = (n: Dim, t: Taps): Dim => convTransposeSize(n, t, padding[axis++]!);
    return shaped(c, sizes(c, channels, size));
  },
  lift: refuse,
  gradient: null,
  lower: (c) => transposedOf(c.node).lower(new LiftedConvolution(c, true)),
  slots: transposedConvolution,
  cost: convolutionCost("input", transposedTaps),
  traits: { convolution: "transposed" },
};
