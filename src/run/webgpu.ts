/** @file What ONNX Runtime's WebGPU provider cannot compute. */

import type { Graph, Node } from "../graph/graph.ts";
import { groupsOf } from "../ops/geometry.ts";

/**
 * Nodes to leave to the CPU, by name: grouped convolutions and transposed ones of
 * three axes, pooling that says where the largest value was (measured with 1.30).
 */
export const notOnWebGpu = (graph: Graph): string[] =>
  graph.nodes.filter((node) => node.domain === "" && LACKING[node.op]?.(node)).map(({ name }) => name);

const LACKING: Record<string, (node: Node) => boolean> = {
  Conv: (node) => groupsOf(node) > 1,
  ConvTranspose: () => true,
  MaxPool: ({ outputs }) => outputs.length > 1,
  MaxUnpool: () => true,
};
