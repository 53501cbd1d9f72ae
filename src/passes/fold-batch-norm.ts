/**
 * @file Folds BatchNormalization into the kernel of the convolution before it.
 *
 *   y = γ (w ∗ x + b − μ) / √(σ² + ε) + β
 *     = (s w) ∗ x + (s (b − μ) + β)          s = γ / √(σ² + ε), per output channel
 *
 * The scale is per output channel, so it commutes with dealing channels to
 * views: lifted convolutions fold like plain ones, in the 2D kernel.
 *
 * 1. Conv, LiftedConv: kernel [O, …].
 * 2. ConvTranspose, LiftedConvTranspose: kernel [C, O/g, …].
 *
 * Folded where the kernel is constant and only the normalisation reads the
 * convolution.
 */

import type { Graph, Node } from "../graph/graph.ts";
import { floatAttr, intAttr } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { elementCount, numbersOf, tensorOf } from "../graph/tensor.ts";
import { groupsOf } from "../ops/geometry.ts";
import { dropUnused, readersOf } from "./tidy.ts";

const FORWARD = new Set(["Conv", "LiftedConv"]);
const TRANSPOSED = new Set(["ConvTranspose", "LiftedConvTranspose"]);

export function foldBatchNorm(graph: Graph): Graph {
  const readers = readersOf(graph);
  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const initializers = new Map(graph.initializers);
  const replaced = new Map<Node, Node>();
  const dropped = new Set<Node>();
  for (const node of graph.nodes) {
    if (node.op !== "BatchNormalization" || intAttr(node, "training_mode", 0) === 1) continue;
    const conv = producer.get(node.inputs[0]!);
    if (!conv || readers.get(conv.outputs[0]!) !== 1 || replaced.has(conv)) continue;
    const folded = fold(conv, node, initializers);
    if (!folded) continue;
    replaced.set(conv, folded);
    dropped.add(node);
  }
  if (dropped.size === 0) return graph;
  const nodes = graph.nodes.filter((node) => !dropped.has(node)).map((node) => replaced.get(node) ?? node);
  return dropUnused({ ...graph, nodes, initializers });
}

function fold(conv: Node, norm: Node, initializers: Map<string, Tensor>): Node | undefined {
  const transposed = TRANSPOSED.has(conv.op);
  if (!transposed && !FORWARD.has(conv.op)) return undefined;
  const kernel = initializers.get(conv.inputs[1]!);
  const bias = conv.inputs[2] ? initializers.get(conv.inputs[2]) : undefined;
  const [gamma, beta, mean, variance] = norm.inputs.slice(1).map((name) => initializers.get(name));
  if (!kernel || !gamma || !beta || !mean || !variance || (conv.inputs[2] && !bias)) return undefined;
  const [g, b, m, v] = [gamma, beta, mean, variance].map(numbersOf);
  const epsilon = floatAttr(norm, "epsilon", 1e-5);
  const scale = Float64Array.from(g!, (value, o) => value / Math.sqrt(v![o]! + epsilon));
  const b0 = bias && numbersOf(bias);
  const shift = Float32Array.from(scale, (s, o) => s * ((b0?.[o] ?? 0) - m![o]!) + b![o]!);

  const name = `${norm.outputs[0]!}/folded`;
  initializers.set(`${name}.weight`, scaled(kernel, scale, transposed, groupsOf(conv)));
  initializers.set(`${name}.bias`, tensorOf(kernel.dtype, [scale.length], shift));
  const inputs = [conv.inputs[0]!, `${name}.weight`, `${name}.bias`, ...conv.inputs.slice(3)];
  return { ...conv, inputs, outputs: norm.outputs.slice(0, 1) };
}

function scaled(kernel: Tensor, scale: Float64Array, transposed: boolean, groups: number): Tensor {
  const values = numbersOf(kernel);
  const [first, second] = kernel.dims as [number, number];
  const taps = elementCount(kernel.dims.slice(2));
  const out = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const row = Math.floor(i / (second * taps));
    const channel = transposed
      ? Math.floor(row / (first / groups)) * second + (Math.floor(i / taps) % second)
      : row;
    out[i] = values[i]! * scale[channel]!;
  }
  return tensorOf(kernel.dtype, kernel.dims, out);
}
