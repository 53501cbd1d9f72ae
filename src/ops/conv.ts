/**
 * @file Conv: a convolution over 1 to 3 spatial axes.
 *
 *   x [N, C, ...n],  w [O, C/g, ...k],  b [O]  →  y [N, O, ...n′]
 *
 * Lifts to one internal operator that still holds the 2D kernel (see `lifted.ts`), but for the kinds that have
 * kernels of their own.
 *
 * @see https://onnx.ai/onnx/operators/onnx__Conv.html
 * @see Yang et al., arXiv:1911.10477, section 3
 */

import type { Dim } from "../graph/dim.ts";
import { int, ints, intsAttr, str } from "../graph/graph.ts";
import { convolutionCost } from "./cost.ts";
import { inputGradient, kernelGradient } from "./conv-gradient.ts";
import {
  constantDims,
  fail,
  imageAxes,
  operandShapes,
  planeSizes,
  resize,
  shaped,
  verbatim,
} from "./common.ts";
import {
  autoPad,
  convSize,
  groupsOf,
  reach,
  sameSize,
  sameSizes,
  type Taps,
  tapsAttrs,
  tapsOf,
} from "./geometry.ts";
import { kindOf } from "./kinds/index.ts";
import { LIFTED_DOMAIN } from "./lifted.ts";
import { atom, type Axes, type Axis, depthAxes, hasHeight, hasRole, isHeight, showAxes } from "./roles.ts";
import type { InferContext, LiftContext, OpRule } from "./rule.ts";
import { convolution } from "./slots.ts";
import { dealChannels } from "./views.ts";

function outputShape(c: InferContext): readonly Dim[] | undefined {
  const [x, w] = operandShapes(c);
  const kernel = w?.slice(2);
  if (!x || !w || !kernel?.every((k) => typeof k === "number")) return undefined;
  if (w.includes(0)) fail(c, `its weights have a size of zero: [${w.join(", ")}]`);
  const channels = typeof w[1] === "number" ? w[1] * groupsOf(c.node) : undefined;
  if (typeof x[1] === "number" && channels !== undefined && x[1] !== channels) {
    fail(c, `expected ${channels} input channels, got ${x[1]}`);
  }
  const sizes = x.slice(2);
  const taps = tapsOf(c.node, kernel, sizes);
  const out = taps ? sizes.map((n, i) => convSize(n, taps[i]!)) : sameSizes(c.node, sizes);
  return [x[0]!, w[0]!, ...out];
}

export const Conv: OpRule = {
  required: 2,
  infer: (c) => shaped(c, outputShape(c)),

  lift(c) {
    if (c.input(0).axes.length === 3 && hasHeight(c.input(0).axes)) return convOverFeatures(c);
    const axes = imageAxes(c);
    if (!axes) return verbatim(c);
    const shape = c.outputs[0]?.shape;
    if (!shape) return c.refuse("E_SHAPE", "its output size could not be inferred");
    const weight = constantDims(c, 1);
    const kernel = weight.slice(2);
    const taps = tapsOf(c.node, kernel, planeSizes(c, axes));
    if (!taps) return c.refuse("E_AUTO_PAD", "auto_pad SAME needs a known input size");
    const [height, width] = taps as [Taps, Taps];
    warnSamePadding(c);
    warnOffCentre(c, height, width);

    const taps3 = [depthTaps(c, height), height, width];
    const out = [resize(axes, shape)];
    const kind = kindOf(c.kind);
    const isPointwise = height.kernel * width.kernel === 1;
    if (kind.fresh && !isPointwise) {
      kind.fresh(c, weight, taps3);
      return out;
    }
    const inputs = [c.name(0), c.name(1), c.node.inputs[2] ? c.name(2) : ""];
    if (!kind.fresh) {
      const omitted = kind.omits?.(c.view);
      // One tap; the axis keeps its dilation, which is the kernel's own where the view turns it.
      if (omitted !== undefined) taps3[omitted] = { ...taps3[omitted]!, kernel: 1, before: 0, after: 0 };
      if (!isPointwise) inputs.push(...(kind.parameters?.(c, weight[0]!) ?? []));
    }
    while (inputs.at(-1) === "") inputs.pop();
    c.emit(inputs, {
      op: "LiftedConv",
      domain: LIFTED_DOMAIN,
      attrs: {
        kind: str(kind.fresh ? "acs" : c.kind),
        view: str(c.view),
        split: ints(dealChannels(weight[0]!, groupsOf(c.node), c.split)),
        center: ints(taps3.map((t) => centre(c, t))),
        group: int(groupsOf(c.node)),
        ...tapsAttrs(taps3),
      },
    });
    return out;
  },

  gradient(c) {
    const [sizes, kernel] = [c.shape(c.x(0)), c.shape(c.x(1))];
    const taps = tapsOf(c.node, kernel.slice(2), sizes.slice(2))!;
    const groups = groupsOf(c.node);
    const dy = c.dy();
    return [
      c.needs(0) ? inputGradient(c, dy, c.x(1), taps, groups, sizes) : undefined,
      c.needs(1) ? kernelGradient(c, c.x(0), dy, taps, groups, kernel) : undefined,
      c.needs(2) ? c.sum(dy, [0, ...taps.map((_, i) => i + 2)]) : undefined,
    ];
  },

  slots: convolution,
  cost: convolutionCost("output"),
  traits: { convolution: "forward", window: true },
};

/**
 * A 1-D convolution over the features of a pooled map, as in efficient channel
 * attention: [N][H = 1][C]. Height and depth are single pixels, so depth steps
 * aside while the features are convolved.
 */
function convOverFeatures(c: LiftContext): readonly Axes[] {
  const { axes } = c.input(0);
  const pooled = axes.every((axis) => !hasRole(axis, "H") || (isHeight(axis) && isPixel(axis)));
  const shape = c.outputs[0]?.shape;
  if (!pooled || !shape) {
    return c.refuse(
      "E_LAYOUT",
      `convolves along one axis of ${showAxes(axes)}, which leaves none for depth; it can be lifted where height is pooled to one pixel`,
    );
  }
  const out = resize(axes, shape).map((axis) =>
    isHeight(axis) && !isPixel(axis) ? atom("C", axis[0]!.size) : axis,
  );
  const flat = c.add("Squeeze", [c.name(0), c.ints(depthAxes(axes))]);
  const y = c.add("Conv", [flat, ...c.names().slice(1)], c.node.attrs);
  c.finish("Unsqueeze", [y, c.ints(depthAxes(out))]);
  return [out];
}

const isPixel = (axis: Axis): boolean => axis.every(({ size, depth }) => size === 1 && (depth ?? 1) === 1);

/** Depth follows height; where its stride is kept at 1, padding keeps its size too. */
export function depthTaps(c: LiftContext, height: Taps): Taps {
  const stride = height.stride === 1 ? 1 : c.depthFactor("stride", height.stride);
  if (stride === height.stride) return height;
  return sameSize({ ...height, stride });
}

/**
 * Where the 2D kernel sits along the axis it omits: d·⌊k/2⌋. The authors'
 * package reads one tap earlier for even kernels that halve even sizes
 * (k = 2, s = 2, p = 0 and its like), which `--compat acsconv-py` reproduces.
 */
function centre(c: LiftContext, t: Taps): number {
  const half = Math.floor(t.kernel / 2);
  const early =
    c.compat === "acsconv-py" && t.kernel % 2 === 0 && t.stride === 2 && 2 * t.before === t.kernel - 2;
  return t.dilation * (early ? half - 1 : half);
}

function warnSamePadding(c: LiftContext): void {
  const mode = autoPad(c.node);
  if (mode.startsWith("SAME") && intsAttr(c.node, "strides")?.some((s) => s > 1))
    c.warn(`auto_pad ${mode} with a stride was fixed to the padding of the exported size`);
}

function warnOffCentre(c: LiftContext, height: Taps, width: Taps): void {
  const same = height.kernel === width.kernel && height.stride === width.stride;
  const centred = (t: Taps): boolean => t.before === t.after && reach(t) === t.before * 2;
  if (!same && !(centred(height) && centred(width))) {
    c.warn("kernel, stride or padding differ between height and width; depth takes height's");
  }
}
