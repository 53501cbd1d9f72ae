/**
 * @file Rewrites DepthToSpace and SpaceToDepth as (transposed) convolutions with
 * one-hot kernels, which are the same map and can be lifted: b² features hold
 * the pixels of a b×b block, while a b×b×b block has b³ voxels, so the features
 * cannot simply be moved in 3D.
 *
 * 1. DepthToSpace, DCR:  y[c, b·h+i, b·w+j] = x[(i·b + j)·C + c, h, w]
 * 2. DepthToSpace, CRD:  y[c, b·h+i, b·w+j] = x[(c·b + i)·b + j, h, w]
 * 3. SpaceToDepth:       y[(i·b + j)·C + c, h, w] = x[c, b·h+i, b·w+j]
 * 4. PyTorch's PixelUnshuffle, spelled Reshape [N,C,h,b,w,b] → Transpose
 *    [0,1,3,5,2,4] → Reshape [N,C·b²,h,w]:  y[(c·b + i)·b + j, h, w]
 *
 * @see https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
 */

import type { Graph, Node } from "../graph/graph.ts";
import { intAttr, ints, intsAttr, stringAttr } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { floatTensor, numbersOf } from "../graph/tensor.ts";
import { inferTypes } from "../ops/infer.ts";
import { dropUnused, readersOf } from "./tidy.ts";

/** Kernel [features, channels, b, b] whose feature f is pixel (i, j) of channel c. */
function oneHot(channels: number, b: number, feature: (c: number, i: number, j: number) => number): Tensor {
  const kernel = new Float32Array(channels * b * b * channels * b * b);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < b; i++) {
      for (let j = 0; j < b; j++) kernel[((feature(c, i, j) * channels + c) * b + i) * b + j] = 1;
    }
  }
  return floatTensor([channels * b * b, channels, b, b], kernel);
}

export function blocksToConvolutions(graph: Graph): Graph {
  const candidates = graph.nodes.filter(({ op }) => op === "DepthToSpace" || op === "SpaceToDepth");
  const unshuffles = findUnshuffles(graph);
  if (candidates.length + unshuffles.size === 0) return graph;
  const types = inferTypes(graph);
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node): Node => {
    const [input, output] = [node.inputs[0]!, node.outputs[0]!];
    const unshuffle = unshuffles.get(node);
    const source = unshuffle?.input ?? input;
    const features = types.get(source)?.shape?.[1];
    const b = unshuffle?.b ?? intAttr(node, "blocksize", 1);
    if (typeof features !== "number" || !(unshuffle || candidates.includes(node))) return node;
    const kernel = `${output}/blocks`;
    if (node.op === "DepthToSpace") {
      const channels = features / (b * b);
      const crd = stringAttr(node, "mode", "DCR") === "CRD";
      initializers.set(kernel, oneHot(channels, b, (c, i, j) => (crd ? (c * b + i) * b + j : (i * b + j) * channels + c)));
    } else {
      initializers.set(
        kernel,
        oneHot(features, b, (c, i, j) => (unshuffle ? (c * b + i) * b + j : (i * b + j) * features + c)),
      );
    }
    const op = node.op === "DepthToSpace" ? "ConvTranspose" : "Conv";
    return { ...node, op, inputs: [source, kernel], attrs: { kernel_shape: ints([b, b]), strides: ints([b, b]) } };
  });
  return dropUnused({ ...graph, nodes, initializers });
}

/** The last Reshape of each spelled-out PixelUnshuffle, with its input and block size. */
function findUnshuffles(graph: Graph): Map<Node, { input: string; b: number }> {
  const found = new Map<Node, { input: string; b: number }>();
  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const readers = readersOf(graph);
  for (const node of graph.nodes) {
    if (node.op !== "Reshape") continue;
    const transpose = producer.get(node.inputs[0]!);
    if (transpose?.op !== "Transpose" || intsAttr(transpose, "perm")?.join() !== "0,1,3,5,2,4") continue;
    const split = producer.get(transpose.inputs[0]!);
    if (split?.op !== "Reshape" || readers.get(split.outputs[0]!) !== 1) continue;
    const target = graph.initializers.get(split.inputs[1]!);
    const sizes = target && Array.from(numbersOf(target));
    if (sizes?.length === 6 && sizes[3] === sizes[5] && sizes[3]! > 1) {
      found.set(node, { input: split.inputs[0]!, b: sizes[3]! });
    }
  }
  return found;
}
