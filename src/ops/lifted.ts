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

import type { Dim } from "../graph/dim.ts";
import { mulDims } from "../graph/dim.ts";
import type { Node } from "../graph/graph.ts";
import { intsAttr, stringAttr } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { dtypeOf, shapeOf } from "./common.ts";
import { convSize, convTransposeSize, groupsOf, tapsOf } from "./geometry.ts";
import { kindOf } from "./kinds/index.ts";
import { LiftedConvolution } from "./kinds/convolution.ts";
import type { Kind } from "./kinds/kind.ts";
import type { InferContext, OpRule } from "./rule.ts";

export const LIFTED_DOMAIN = "ai.acsconv";

/**
 * ONNX Runtime's own operators, of which gradients use FusedMatMul: the opsets
 * of a graph that holds a gradient need `[MICROSOFT_DOMAIN, 1]`.
 */
export const MICROSOFT_DOMAIN = "com.microsoft";

const refuse = { refuse: "the network is 3D already" };

/** The kind of a lifted operator. */
export const kindName = (node: Node): string => stringAttr(node, "kind", "acs");

/** @throws Error for a kind that no lifted operator has: kinds with kernels of their own are plain convolutions */
function keptKind(node: Node): Extract<Kind, { fresh: null }> {
  const kind = kindOf(kindName(node));
  if (kind.fresh === null) return kind;
  throw new Error(`${node.op} of kind ${kindName(node)}`);
}

/** The record of how transposed convolutions of a kind are computed, which may be another kind's. */
function transposedKind(node: Node): { lower: (conv: LiftedConvolution) => void; planes: number } {
  const { transposed } = kindOf(kindName(node));
  if ("lower" in transposed) return transposed;
  throw new Error(`${node.op} of kind ${kindName(node)}`);
}

/**
 * Multiply-adds of a lifted convolution per output element (transposed: per input element) and channel of its group, as
 * it is run.
 *
 * @param kernel - of the 2D kernel: [Kh, Kw]
 */
export function liftedTaps(node: Node, kernel: readonly number[]): number {
  const plane = elementCount(kernel);
  const volume = intsAttr(node, "kernel_shape");
  if (plane === 1 || !volume) return plane;
  if (node.op === "LiftedConv") return keptKind(node).taps(plane, elementCount(volume));
  return plane * transposedKind(node).planes * intsAttr(node, "strides")![0]!;
}

function sizes(c: InferContext, channels: Dim | undefined, size: typeof convSize): Dim[] | undefined {
  const x = shapeOf(c, 0);
  const kernel = intsAttr(c.node, "kernel_shape");
  if (!x || !kernel || channels === undefined) return undefined;
  const taps = tapsOf(c.node, kernel, x.slice(2))!;
  return [x[0]!, channels, ...x.slice(2).map((n, i) => size(n, taps[i]!))];
}

export const LiftedConv: OpRule = {
  infer: (c) => [{ dtype: dtypeOf(c, 0), shape: sizes(c, shapeOf(c, 1)?.[0], convSize) }],
  lift: refuse,
  gradient: null,
  lower(c) {
    const conv = new LiftedConvolution(c, false);
    if (conv.kernel.every((k) => k === 1)) conv.finishWhole(conv.unsqueeze(conv.w, 2), conv.taps);
    else keptKind(c.node).lower(conv);
  },
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
  lower: (c) => transposedKind(c.node).lower(new LiftedConvolution(c, true)),
};
