/**
 * @file DepthToSpace and SpaceToDepth: features and blocks of b×b pixels become each other. Both are (transposed)
 * convolutions with one-hot kernels, as which they can be lifted: b² features hold the pixels of a b×b block, while a
 * b×b×b block has b³ voxels, so the features cannot simply be moved in 3D.
 *
 * 1. DepthToSpace, DCR:  y[c, b·h+i, b·w+j] = x[(i·b + j)·C + c, h, w]
 * 2. DepthToSpace, CRD:  y[c, b·h+i, b·w+j] = x[(c·b + i)·b + j, h, w]
 * 3. SpaceToDepth:       y[(i·b + j)·C + c, h, w] = x[c, b·h+i, b·w+j]
 *
 * @see https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
 */

import { graphError } from "../base/errors.ts";
import { type Dim, floorDivDims, mulDims } from "../graph/dim.ts";
import { intAttr, ints, type Node, nodeLabel, stringAttr } from "../graph/graph.ts";
import { floatTensor, type Tensor } from "../graph/tensor.ts";
import { depthToSpace, spaceToDepth } from "./blocks-gradient.ts";
import { dtypeOf, fail, refused, shapeOf } from "./common.ts";
import type { InferContext } from "./rule.ts";

/** Side of a block. */
function sideOf(c: InferContext, x: readonly Dim[] | undefined): number {
  const b = intAttr(c.node, "blocksize", 0);
  if (b < 1) fail(c, `blocksize is ${b}, but must be at least 1`);
  if (x && x.length !== 4) fail(c, `needs an image [N, C, H, W], got [${x.join(", ")}]`);
  return b;
}

export const DepthToSpace = refused(
  "moves features into blocks of pixels",
  (c) => {
    const x = shapeOf(c, 0);
    const b = sideOf(c, x);
    if (x && typeof x[1] === "number" && x[1] % (b * b) !== 0)
      throw graphError(
        `${nodeLabel(c.node)}: ${x[1]} features cannot be dealt out to blocks of ${b} × ${b} pixels; blocksize must be at most ${Math.floor(Math.sqrt(x[1]))}, with a square that divides them.`,
        { code: "E_LIMIT" },
      );
    const shape = x && [x[0]!, floorDivDims(x[1]!, b * b), mulDims(x[2]!, b), mulDims(x[3]!, b)];
    return [{ dtype: dtypeOf(c, 0), shape }];
  },
  depthToSpace,
  { moves: "permute" },
);
/** The inverse; rewritten as a convolution with stride b. */
export const SpaceToDepth = refused(
  "moves blocks of pixels into features",
  (c) => {
    const x = shapeOf(c, 0);
    const b = sideOf(c, x);
    const shape = x && [x[0]!, mulDims(x[1]!, b * b), floorDivDims(x[2]!, b), floorDivDims(x[3]!, b)];
    return [{ dtype: dtypeOf(c, 0), shape }];
  },
  spaceToDepth,
  { moves: "permute" },
);

/** Kernel [features, channels, b, b] whose feature f is pixel (i, j) of channel c. */
export function oneHot(
  channels: number,
  b: number,
  feature: (c: number, i: number, j: number) => number,
): Tensor {
  const kernel = new Float32Array(channels * b * b * channels * b * b);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < b; i++) {
      for (let j = 0; j < b; j++) kernel[((feature(c, i, j) * channels + c) * b + i) * b + j] = 1;
    }
  }
  return floatTensor([channels * b * b, channels, b, b], kernel);
}

/** Blocks of pixels that a node makes features of, or the other way round. */
export interface Block {
  /** Whether features become pixels. */
  readonly enlarges: boolean;
  readonly input: string;
  readonly b: number;
  readonly kernel: (features: number) => Tensor;
}

/** The blocks of a DepthToSpace or SpaceToDepth; undefined for other nodes. */
export function blockOf(node: Node): Block | undefined {
  const b = intAttr(node, "blocksize", 1);
  const input = node.inputs[0]!;
  if (node.op === "SpaceToDepth" && node.domain === "") {
    return { enlarges: false, input, b, kernel: (C) => oneHot(C, b, (c, i, j) => (i * b + j) * C + c) };
  }
  if (node.op !== "DepthToSpace" || node.domain !== "") return undefined;
  const crd = stringAttr(node, "mode", "DCR") === "CRD";
  return {
    enlarges: true,
    input,
    b,
    kernel: (features) => {
      const C = features / (b * b);
      return oneHot(C, b, (c, i, j) => (crd ? (c * b + i) * b + j : (i * b + j) * C + c));
    },
  };
}

/** The same as a convolution. */
export const convolutionOf = (node: Node, { enlarges, input, b }: Block, kernel: string): Node => ({
  ...node,
  op: enlarges ? "ConvTranspose" : "Conv",
  inputs: [input, kernel],
  attrs: { kernel_shape: ints([b, b]), strides: ints([b, b]) },
});
