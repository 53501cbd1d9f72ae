/**
 * @file ConvTranspose: the transpose of a convolution, used by decoders to upsample.
 *
 *   x [N, C, ...n],  w [C, O/g, ...k],  b [O]  →  y [N, O, ...s(n−1)+op+d(k−1)+1−p₀−p₁]
 *
 * @see https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
 */

import { type Dim, mulDims, subDims } from "../graph/dim.ts";
import { int, ints, intsAttr, type Node, str } from "../graph/graph.ts";
import { constantDims, imageAxes, operandShapes, planeSizes, resize, shaped, verbatim } from "./common.ts";
import { convTransposeGradient } from "./conv-transpose-gradient.ts";
import { convolutionCost } from "./cost.ts";
import {
  autoPad,
  centred,
  convTransposeSize,
  groupsOf,
  padded,
  type Taps,
  tapsAttrs,
  tapsOf,
} from "./geometry.ts";
import { kindOf, omittedBy } from "./kinds/index.ts";
import { LIFTED_DOMAIN } from "./lifted.ts";
import type { InferContext, LiftContext, OpRule } from "./rule.ts";
import { transposedConvolution } from "./slots.ts";
import { dealChannels } from "./views.ts";

/** Padding is explicit, or follows from `output_shape`, or makes the output s·n (auto_pad SAME). */
function transposeTaps(node: Node, kernel: readonly number[], sizes: readonly Dim[]): Taps[] | undefined {
  const mode = autoPad(node);
  const target = intsAttr(node, "output_shape");
  const { auto_pad: _, ...attrs } = node.attrs;
  const taps = tapsOf({ ...node, attrs }, kernel, sizes)!;
  if (!target && (mode === "NOTSET" || mode === "VALID")) {
    return mode === "NOTSET" ? taps : taps.map((t) => ({ ...t, before: 0, after: 0 }));
  }
  const resolved = taps.map((t, i): Taps | undefined => {
    const bare = convTransposeSize(sizes[i]!, { ...t, before: 0, after: 0 }, outputPadding(node, i));
    const total = subDims(bare, target ? target.at(i - kernel.length)! : mulDims(sizes[i]!, t.stride));
    if (typeof total !== "number") return undefined;
    return padded(t, total, mode);
  });
  return resolved.every((t) => t !== undefined) ? resolved : undefined;
}

const outputPadding = (node: Node, i: number): number => intsAttr(node, "output_padding")?.[i] ?? 0;

function outputShape(c: InferContext): readonly Dim[] | undefined {
  const [x, w] = operandShapes(c);
  if (!x || !w) return undefined;
  const kernel = w.slice(2);
  const channels = mulDims(w[1]!, groupsOf(c.node));
  const target = intsAttr(c.node, "output_shape");
  if (target) return [x[0]!, channels, ...target.slice(-kernel.length)];
  if (!kernel.every((k) => typeof k === "number")) return undefined;
  const sizes = x.slice(2);
  const taps = transposeTaps(c.node, kernel, sizes);
  if (!taps) return undefined;
  return [x[0]!, channels, ...sizes.map((n, i) => convTransposeSize(n, taps[i]!, outputPadding(c.node, i)))];
}

export const ConvTranspose: OpRule = {
  required: 2,
  infer: (c) => shaped(c, outputShape(c)),

  lift(c) {
    const axes = imageAxes(c);
    if (!axes) return verbatim(c);
    const shape = c.outputs[0]?.shape;
    const weight = constantDims(c, 1);
    const taps = transposeTaps(c.node, weight.slice(2), planeSizes(c, axes));
    if (!taps || !shape) return c.refuse("E_SHAPE", "its output size could not be inferred");
    const [height, width] = taps as [Taps, Taps];
    const depth = upsampledDepth(c, height);
    const taps3 = [depth, height, width];
    const [more, extra] = [outputPadding(c.node, 0), outputPadding(c.node, 1)];
    const padding = [depth === height ? more : 0, more, extra];
    const omitted = omittedBy(c.kind, c.view);
    if (omitted !== undefined) {
      // Every sample is repeated.
      const { stride } = taps3[omitted]!;
      taps3[omitted] = { kernel: stride, stride, dilation: 1, before: 0, after: 0 };
      padding[omitted] = 0;
    }
    const channels = weight[1]! * groupsOf(c.node);
    const { instead } = kindOf(c.kind).transposed;
    if (instead) c.warn(instead.because);
    c.emit(c.names(), {
      op: "LiftedConvTranspose",
      domain: LIFTED_DOMAIN,
      attrs: {
        kind: str(instead?.kind ?? c.kind),
        view: str(c.view),
        split: ints(dealChannels(channels, groupsOf(c.node), c.split)),
        group: int(groupsOf(c.node)),
        output_padding: ints(padding),
        ...tapsAttrs(taps3),
      },
    });
    return [resize(axes, shape)];
  },

  gradient(c) {
    const taps = transposeTaps(c.node, c.shape(c.x(1)).slice(2), c.shape(c.x()).slice(2))!;
    return convTransposeGradient(c, taps);
  },

  slots: transposedConvolution,
  cost: convolutionCost("input"),
  traits: { convolution: "transposed" },
};

/** Depth is upsampled as it was downsampled; kept at stride 1, its size is kept too. */
function upsampledDepth(c: LiftContext, height: Taps): Taps {
  const stride = height.stride === 1 ? 1 : c.depthScale(height.stride);
  if (stride === height.stride) return height;
  return centred({ ...height, stride });
}
