/**
 * @file Pooling: sliding windows, and global pools over every spatial axis.
 *
 *   x [N, C, ...n]  →  y [N, C, ...n′]        (global: n′ = 1)
 *
 * @see https://onnx.ai/onnx/operators/onnx__MaxPool.html
 */

import type { Dim } from "../graph/dim.ts";
import { intAttr, intsAttr } from "../graph/graph.ts";
import { dtypeOf, fail, imageAxes, resize, shapeOf, verbatim } from "./common.ts";
import type { Taps } from "./geometry.ts";
import { poolSize, sameSizes, tapsAttrs, tapsOf } from "./geometry.ts";
import type { InferContext, LiftContext, OpRule } from "./rule.ts";

function poolShape(c: InferContext): readonly Dim[] | undefined {
  const x = shapeOf(c, 0);
  const kernel = intsAttr(c.node, "kernel_shape");
  if (!kernel) return fail(c, "needs a kernel_shape");
  if (!x) return undefined;
  const sizes = x.slice(2);
  if (sizes.length !== kernel.length) fail(c, `a kernel of ${kernel.length} axes on an input of rank ${x.length}`);
  const taps = tapsOf(c.node, kernel, sizes);
  const ceil = intAttr(c.node, "ceil_mode", 0) === 1;
  const out = taps ? sizes.map((n, i) => poolSize(n, taps[i]!, ceil)) : sameSizes(c.node, sizes);
  return [x[0]!, x[1]!, ...out];
}

function liftPool(c: LiftContext) {
  const axes = imageAxes(c);
  if (!axes) return verbatim(c);
  const kernel = intsAttr(c.node, "kernel_shape")!;
  const taps = tapsOf(c.node, kernel, [c.probe(axes[2]![0]!.size), c.probe(axes[3]![0]?.size ?? 1)]);
  const shape = c.outputs[0]?.shape;
  if (!taps || !shape) return c.refuse("E_SHAPE", "its output size could not be inferred");
  const [height, width] = taps as [Taps, Taps];
  if (height.kernel !== width.kernel || height.stride !== width.stride) {
    c.warn("window or stride differ between height and width; depth takes height's");
  }
  const taps3 = [depthTaps(c, height), height, width];
  const { auto_pad: _, ...attrs } = c.node.attrs;
  const { dilations, ...geometry } = tapsAttrs(taps3);
  // AveragePool has known dilations only since opset 19.
  const dilated = taps3.some((t) => t.dilation > 1);
  c.emit(c.names(), { attrs: { ...attrs, ...geometry, ...(dilated && { dilations: dilations! }) } });
  return c.outputs.map(() => resize(axes, shape));
}

/** Depth follows height, or is left alone. */
function depthTaps(c: LiftContext, height: Taps): Taps {
  const alone = { kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };
  if (height.stride === 1) return c.poolsDepth ? height : alone;
  return c.depthFactor("pool", height.stride) === height.stride ? height : alone;
}

const lift: OpRule["lift"] = liftPool;

export const pool: OpRule = {
  infer: (c) => [{ dtype: dtypeOf(c, 0), shape: poolShape(c) }],
  lift,
};

/** The second output numbers the winners in row-major order of the whole tensor. */
export const MaxPool: OpRule = {
  infer(c) {
    const shape = poolShape(c);
    return [
      { dtype: dtypeOf(c, 0), shape },
      { dtype: "int64", shape },
    ];
  },
  lift: (c) =>
    c.node.outputs[1]
      ? c.refuse("E_POOL_INDICES", "its indices number the pixels of a slice; MaxUnpool has no 3D reading here")
      : liftPool(c),
};

export const globalPool: OpRule = {
  infer(c) {
    const x = shapeOf(c, 0);
    return [{ dtype: dtypeOf(c, 0), shape: x?.map((n, axis) => (axis < 2 ? n : 1)) }];
  },
  lift(c) {
    const axes = imageAxes(c);
    if (!axes) return verbatim(c);
    c.emit(c.names());
    return [resize(axes, c.outputs[0]!.shape!)];
  },
};
