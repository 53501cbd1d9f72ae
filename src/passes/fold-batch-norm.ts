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
 * 3. Concat of such along the channels (the streams of psc): to each its share.
 *
 * Folded where kernels are constant and nothing else reads the convolutions.
 */

import { indexOf } from "../graph/graph-index.ts";
import { floatAttr, type Graph, intAttr, type Node } from "../graph/graph.ts";
import { elementCount, numbersOf, type Tensor, tensorOf } from "../graph/tensor.ts";
import { groupsOf } from "../ops/geometry.ts";
import { traitsOf } from "../ops/index.ts";
import { dropUnused } from "./tidy.ts";

export function foldBatchNorm(graph: Graph): Graph {
  const index = indexOf(graph);
  const initializers = new Map(graph.initializers);
  const replaced = new Map<Node, Node>();
  const dropped = new Set<Node>();
  for (const node of graph.nodes) {
    if (!traitsOf(node).batchNorm || intAttr(node, "training_mode", 0) === 1) continue;
    const before = index.producer(node.inputs[0]!);
    const isJoin = before && traitsOf(before).moves === "join" && intAttr(before, "axis", 0) === 1;
    const convs = isJoin ? before.inputs.map((name) => index.producer(name)) : [before];
    const isOurs = (read: Node | undefined): read is Node =>
      read !== undefined && index.readCount(read.outputs[0]!) === 1 && !replaced.has(read);
    if (!isOurs(before) || !convs.every(isOurs)) continue;
    const folded = fold(convs, node, initializers);
    if (!folded) continue;
    const outputs = node.outputs.slice(0, 1);
    if (isJoin) replaced.set(before, { ...before, outputs });
    convs.forEach((conv, i) => replaced.set(conv, isJoin ? folded[i]! : { ...folded[i]!, outputs }));
    dropped.add(node);
  }
  if (dropped.size === 0) return graph;
  const nodes = graph.nodes.filter((node) => !dropped.has(node)).map((node) => replaced.get(node) ?? node);
  return dropUnused({ ...graph, nodes, initializers });
}

/** The convolutions with a normalisation of their outputs, one after the other, in their kernels; undefined where it stays. */
function fold(
  convs: readonly Node[],
  norm: Node,
  initializers: Map<string, Tensor>,
): readonly Node[] | undefined {
  const [gamma, beta, mean, variance] = norm.inputs.slice(1).map((name) => initializers.get(name));
  if (!gamma || !beta || !mean || !variance) return undefined;
  const [g, b, m, v] = [gamma, beta, mean, variance].map(numbersOf);
  const epsilon = floatAttr(norm, "epsilon", 1e-5);
  const scales = Float64Array.from(g!, (value, o) => value / Math.sqrt(v![o]! + epsilon));
  const layers = convs.map((conv) => layerOf(conv, initializers));
  if (!layers.every((layer) => layer !== undefined)) return undefined;
  let first = 0;
  return layers.map(({ conv, kernel, bias, outputs }, i) => {
    const start = first;
    first += outputs;
    const scale = scales.subarray(start, first);
    const b0 = bias && numbersOf(bias);
    const shift = Float32Array.from(scale, (s, o) => s * ((b0?.[o] ?? 0) - m![start + o]!) + b![start + o]!);
    const name = `${norm.outputs[0]!}/folded${layers.length > 1 ? i : ""}`;
    initializers.set(`${name}.weight`, scaled(kernel, scale, isTransposed(conv), groupsOf(conv)));
    initializers.set(`${name}.bias`, tensorOf(kernel.dtype, [outputs], shift));
    return { ...conv, inputs: [conv.inputs[0]!, `${name}.weight`, `${name}.bias`, ...conv.inputs.slice(3)] };
  });
}

const isTransposed = (conv: Node): boolean => traitsOf(conv).convolution === "transposed";

interface Layer {
  readonly conv: Node;
  readonly kernel: Tensor;
  readonly bias: Tensor | undefined;
  readonly outputs: number;
}

/** A convolution whose weights are constants. */
function layerOf(conv: Node, initializers: ReadonlyMap<string, Tensor>): Layer | undefined {
  if (!traitsOf(conv).convolution) return undefined;
  const kernel = initializers.get(conv.inputs[1]!);
  const bias = conv.inputs[2] ? initializers.get(conv.inputs[2]) : undefined;
  if (!kernel || (conv.inputs[2] && !bias)) return undefined;
  return {
    conv,
    kernel,
    bias,
    outputs: isTransposed(conv) ? kernel.dims[1]! * groupsOf(conv) : kernel.dims[0]!,
  };
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
