/**
 * @file Pooling: sliding windows, and global pools over every spatial axis.
 *
 *   x [N, C, ...n]  →  y [N, C, ...n′]        (global: n′ = 1)
 *
 * @see https://onnx.ai/onnx/operators/onnx__MaxPool.html
 */

import type { Dim } from "../graph/dim.ts";
import { intAttr, intsAttr } from "../graph/graph.ts";
import { fail, imageAxes, planeSizes, resize, shaped, shapeOf, verbatim } from "./common.ts";
import { centred, poolSize, sameSizes, STILL, type Taps, tapsAttrs, tapsOf } from "./geometry.ts";
import type { GradientRule } from "./gradient.ts";
import * as gradients from "./pool-gradient.ts";
import { type Axes, hasHeight, isHeight, liftedAxis, showAxes } from "./roles.ts";
import type { InferContext, LiftContext, OpRule } from "./rule.ts";

function poolShape(c: InferContext): readonly Dim[] | undefined {
  const x = shapeOf(c, 0);
  const kernel = intsAttr(c.node, "kernel_shape");
  if (!kernel) return fail(c, "needs a kernel_shape");
  if (!x) return undefined;
  const sizes = x.slice(2);
  if (sizes.length !== kernel.length)
    fail(c, `a kernel of ${kernel.length} axes on an input of rank ${x.length}`);
  const taps = tapsOf(c.node, kernel, sizes);
  const ceil = intAttr(c.node, "ceil_mode", 0) === 1;
  const out = taps ? sizes.map((n, i) => poolSize(n, taps[i]!, ceil)) : sameSizes(c.node, sizes);
  return [x[0]!, x[1]!, ...out];
}

function liftPool(c: LiftContext): readonly Axes[] {
  if (c.input(0).axes.length === 5) return liftFeaturePool(c);
  const axes = imageAxes(c);
  if (!axes) return verbatim(c);
  const kernel = intsAttr(c.node, "kernel_shape")!;
  const taps = tapsOf(c.node, kernel, planeSizes(c, axes));
  const shape = c.outputs[0]?.shape;
  if (!taps || !shape) return c.refuse("E_SHAPE", "its output size could not be inferred");
  const [height, width] = taps as [Taps, Taps];
  if (height.kernel !== width.kernel || height.stride !== width.stride) {
    c.warn("window or stride differ between height and width; depth takes height's");
  }
  const square = height.kernel === width.kernel;
  const tall = takesAll(c, height, 2, square);
  if (tall && takesAll(c, width, 3, square)) return poolAll(c, axes, shape);
  // Where only the height is pooled whole, depth goes with it.
  const whole = tall ? reductionOf(c) : undefined;
  const taps3 = [whole ? STILL : depthTaps(c, height), height, width];
  const { auto_pad: _auto, dilations: _two, ...attrs } = c.node.attrs;
  const { dilations, ...geometry } = tapsAttrs(taps3);
  // AveragePool has known dilations only since opset 19.
  const dilated = taps3.some((t) => t.dilation > 1);
  const x = whole ? c.add(whole, [c.name(0), c.ints([2])]) : c.name(0);
  c.emit([x], { attrs: { ...attrs, ...geometry, ...(dilated && { dilations: dilations! }) } });
  return c.outputs.map(() => resize(axes, shape));
}

/** Smaller square windows also fill a map by accident: the last level of a U-Net exported at a small size. */
const SMALLEST_WHOLE_MAP = 4;

/**
 * Whether a window takes a whole side of the map: exports spell adaptive pooling
 * to one pixel so. Depth has another size, and is pooled to one voxel all the same.
 */
function takesAll(c: LiftContext, t: Taps, axis: number, square: boolean): boolean {
  const smallest = square ? SMALLEST_WHOLE_MAP : 2;
  if (t.kernel < smallest || t.dilation > 1 || t.before + t.after !== 0) return false;
  const { axes } = c.input(0);
  const exported = c.baked ? c.probe(axes[axis]![0]?.size ?? 1) : undefined;
  return t.kernel === (exported ?? c.liftedShape(c.name(0))[liftedAxis(axes, axis)]);
}

function poolAll(c: LiftContext, axes: Axes, shape: readonly Dim[]): readonly Axes[] {
  const { p } = c.node.attrs;
  c.emit([c.name(0)], { op: `Global${c.node.op}`, attrs: p ? { p } : {} });
  return [resize(axes, shape.with(2, 1).with(3, 1))];
}

/** What pools a whole axis as the window does: of LpPool only its usual norm. */
function reductionOf(c: LiftContext): string | undefined {
  if (c.node.op === "LpPool") return intAttr(c.node, "p", 2) === 2 ? "ReduceL2" : undefined;
  return c.node.op === "MaxPool" ? "ReduceMax" : "ReduceMean";
}

/**
 * A pool over features, as PyTorch spells local response normalisation:
 * [N][1][C][H][W] with a window of 1 over the pixels. Depth merges with height,
 * where nothing is pooled.
 */
function liftFeaturePool(c: LiftContext): readonly Axes[] {
  const { axes } = c.input(0);
  if (!hasHeight(axes)) return verbatim(c);
  const taps = tapsOf(c.node, intsAttr(c.node, "kernel_shape")!, c.input(0).known.shape!.slice(2));
  const still = (t: Taps | undefined): boolean =>
    t?.kernel === 1 && t.stride === 1 && t.before === 0 && t.after === 0;
  if (!isHeight(axes[3]) || !still(taps?.[1]) || hasHeight(axes.slice(0, 3))) {
    return c.refuse("E_LAYOUT", `pools over three axes of ${showAxes(axes)}, one of them height`);
  }
  const out = resize(axes, c.outputs[0]!.shape!);
  const merge = (from: Axes): Axes =>
    from.map((axis, i) => (i === 3 ? [{ role: "C", size: 1 }, ...axis] : axis));
  const merged = c.reshape(c.name(0), merge(axes));
  c.reshape(c.add(c.node.op, [merged], c.node.attrs), out, true);
  return [out];
}

/** Depth follows height, or is left alone. */
function depthTaps(c: LiftContext, height: Taps): Taps {
  const kept = height.stride === 1 ? !c.poolsDepth : c.depthFactor("pool", height.stride) === 1;
  if (kept) return STILL;
  if (!c.strideOnlyPools) return height;
  // ⌊(n − 1)/s⌋ + 1 values, as a 2.5d convolution has.
  return centred(height);
}

const pool = (gradient: GradientRule, averages: boolean): OpRule => ({
  infer: (c) => shaped(c, poolShape(c)),
  lift: liftPool,
  gradient,
  traits: { averages, window: true },
});

export const AveragePool = pool(gradients.averagePool, true);
export const LpPool = pool(gradients.lpPool, false);

/** The second output numbers the winners in row-major order of the whole tensor. */
export const MaxPool: OpRule = {
  infer(c) {
    const shape = poolShape(c);
    return [...shaped(c, shape), { dtype: "int64", shape }];
  },
  lift(c) {
    if (!c.node.outputs[1]) return liftPool(c);
    const why = "its indices number the pixels of a slice; MaxUnpool has no 3D reading here";
    return c.refuse("E_POOL_INDICES", why);
  },
  gradient: gradients.maxPool,
  traits: { averages: true, window: true },
};

const globalPool = (gradient: GradientRule, averages: boolean): OpRule => ({
  infer(c) {
    const shape = shapeOf(c, 0)?.map((n, axis) => (axis < 2 ? n : 1));
    return shaped(c, shape);
  },
  lift(c) {
    const axes = imageAxes(c);
    if (!axes) return verbatim(c);
    c.emit(c.names());
    return [resize(axes, c.outputs[0]!.shape!)];
  },
  gradient,
  traits: { averages },
});

export const GlobalAveragePool = globalPool(gradients.globalAveragePool, true);
export const GlobalMaxPool = globalPool(gradients.globalMaxPool, true);
export const GlobalLpPool = globalPool(gradients.globalLpPool, false);
