/**
 * @file Rewrites DepthToSpace and SpaceToDepth as (transposed) convolutions with
 * one-hot kernels, which are the same map and can be lifted: b² features hold
 * the pixels of a b×b block, while a b×b×b block has b³ voxels, so the features
 * cannot simply be moved in 3D.
 *
 * 1. DepthToSpace, DCR:  y[c, b·h+i, b·w+j] = x[(i·b + j)·C + c, h, w]
 * 2. DepthToSpace, CRD:  y[c, b·h+i, b·w+j] = x[(c·b + i)·b + j, h, w]
 * 3. SpaceToDepth:       y[(i·b + j)·C + c, h, w] = x[c, b·h+i, b·w+j]
 * 4. PyTorch's PixelUnshuffle, spelled as regroupings around a Transpose
 *    [0,1,3,5,2,4] of [N,C,h,b,w,b]:        y[(c·b + i)·b + j, h, w] = x[c, b·h+i, b·w+j]
 *
 * @see https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
 */

import type { Graph, Node } from "../graph/graph.ts";
import { intAttr, ints, intsAttr, stringAttr } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { floatTensor, tensorOf } from "../graph/tensor.ts";
import { inferTypes } from "../ops/infer.ts";
import type { Known } from "../ops/rule.ts";
import { dropUnused } from "./tidy.ts";

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

interface Block {
  readonly input: string;
  readonly b: number;
  readonly kernel: (features: number) => Tensor;
}

export function blocksToConvolutions(graph: Graph): Graph {
  const types = inferTypes(graph);
  const unshuffles = findUnshuffles(graph, types);
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node): Node => {
    const block = unshuffles.get(node) ?? blockOf(node);
    const features = block && types.get(block.input)?.shape?.[1];
    if (!block || typeof features !== "number") return node;
    const { input, b } = block;
    const kernel = `${node.outputs[0]!}/blocks`;
    const { dims, bytes } = block.kernel(features);
    initializers.set(
      kernel,
      tensorOf(types.get(input)?.dtype ?? "float32", dims, new Float32Array(bytes.slice().buffer)),
    );
    const op = node.op === "DepthToSpace" ? "ConvTranspose" : "Conv";
    return {
      ...node,
      op,
      inputs: [input, kernel],
      attrs: { kernel_shape: ints([b, b]), strides: ints([b, b]) },
    };
  });
  return nodes.every((node, i) => node === graph.nodes[i])
    ? graph
    : dropUnused({ ...graph, nodes, initializers });
}

function blockOf(node: Node): Block | undefined {
  const b = intAttr(node, "blocksize", 1);
  const input = node.inputs[0]!;
  if (node.op === "SpaceToDepth") {
    return { input, b, kernel: (C) => oneHot(C, b, (c, i, j) => (i * b + j) * C + c) };
  }
  if (node.op !== "DepthToSpace") return undefined;
  const crd = stringAttr(node, "mode", "DCR") === "CRD";
  return {
    input,
    b,
    kernel: (features) => {
      const C = features / (b * b);
      return oneHot(C, b, (c, i, j) => (crd ? (c * b + i) * b + j : (i * b + j) * C + c));
    },
  };
}

const REGROUPINGS = new Set(["Reshape", "Unsqueeze", "Squeeze"]);

/** The last node of each spelled-out PixelUnshuffle. */
function findUnshuffles(graph: Graph, types: ReadonlyMap<string, Known>): Map<Node, Block> {
  const found = new Map<Node, Block>();
  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const reader = new Map(graph.nodes.map((node) => [node.inputs[0]!, node] as const));
  const rank = (name: string): number | undefined => types.get(name)?.shape?.length;
  for (const node of graph.nodes) {
    if (node.op !== "Transpose" || intsAttr(node, "perm")?.join() !== "0,1,3,5,2,4") continue;
    const blocks = types.get(node.inputs[0]!)?.shape;
    const b = blocks?.[5];
    if (typeof b !== "number" || b < 2 || blocks?.[3] !== b) continue;
    let input = node.inputs[0]!;
    while (rank(input) !== 4 && REGROUPINGS.has(producer.get(input)?.op ?? ""))
      input = producer.get(input)!.inputs[0]!;
    let last: Node | undefined = node;
    while (last && rank(last.outputs[0]!) !== 4) {
      last = reader.get(last.outputs[0]!);
      if (!REGROUPINGS.has(last?.op ?? "")) last = undefined;
    }
    if (rank(input) !== 4 || !last) continue;
    found.set(last, { input, b, kernel: (C) => oneHot(C, b, (c, i, j) => (c * b + i) * b + j) });
  }
  return found;
}
