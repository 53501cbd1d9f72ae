/**
 * @file What holds of ONNX Runtime on every device, as far as it is known: CoreML and DirectML are this and no more. The
 * forms it prefers were measured on a CPU.
 */

import { convolveBeforeResize } from "../../passes/convolve-before-resize.ts";
import { foldBatchNorm } from "../../passes/fold-batch-norm.ts";
import { foldViews } from "../../passes/fold-views.ts";
import { mergeAxes } from "../../passes/merge-axes.ts";
import { plainSoftmax } from "../../passes/plain-softmax.ts";
import { resizeByProducts } from "../../passes/resize-by-products.ts";
import type { Target } from "./target.ts";

/** @see onnxruntime/core/optimizer/conv_activation_fusion.cc */
const FUSED = new Set(["Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "Clip"]);

export const plain = {
  lacks: {},
  fuses: FUSED,
  rewrites: {
    inference: { lifted: [foldBatchNorm, convolveBeforeResize], plain: [mergeAxes, foldViews] },
    training: {
      lifted: [convolveBeforeResize],
      plain: [resizeByProducts],
      step: [plainSoftmax, mergeAxes],
    },
  },
  memory: null,
} satisfies Partial<Target>;

export const coreml: Target = {
  ...plain,
  where: "Node on macOS",
  tested: "not yet",
  provider: { node: "coreml", browser: null },
  remedy: { node: "coreml is part of macOS" },
};

export const dml: Target = {
  ...plain,
  where: "Node on Windows",
  tested: "not yet",
  provider: { node: "dml", browser: null },
  remedy: { node: "dml is part of Windows" },
};
