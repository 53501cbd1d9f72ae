/**
 * @file A new last layer, for another number of classes: what fine-tuning a
 * pretrained network on a task of one's own starts with.
 */

import { AcsconvError } from "../base/errors.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { intAttr, intsAttr, nodeLabel } from "../graph/graph.ts";
import { seedFor, uniform } from "../base/random.ts";
import type { Tensor } from "../graph/tensor.ts";
import { elementCount, int64Tensor, numbersOf, tensorOf } from "../graph/tensor.ts";
import { groupsOf } from "../ops/geometry.ts";
import { inferTypes } from "../ops/infer.ts";
import { lift, Model, unlift } from "../model/model.ts";
import { foldConstants } from "../passes/fold-constants.ts";
import { dropIdentities, dropUnused } from "../passes/tidy.ts";
import { slotsOf } from "../passes/untie.ts";
import { upgradeGraph } from "../onnx/upgrade.ts";

/** What may stand between the last layer and the output, and leaves the classes where they are. */
const BETWEEN = new Set([
  "Resize",
  "Softmax",
  "LogSoftmax",
  "Sigmoid",
  "Identity",
  "Cast",
  "Dropout",
  "Pad",
  "Slice",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "GlobalAveragePool",
  "ReduceMean",
]);

/** Where a layer keeps its classes: the axis of its weight, and its bias. */
const LAYERS: Record<string, (node: Node) => { axis: number; bias: string | undefined }> = {
  Conv: (node) => ({ axis: 0, bias: node.inputs[2] }),
  ConvTranspose: (node) => ({ axis: 1, bias: node.inputs[2] }),
  Gemm: (node) => ({ axis: intAttr(node, "transB", 0) === 1 ? 0 : 1, bias: node.inputs[2] }),
  MatMul: () => ({ axis: 1, bias: undefined }),
};

/**
 * The network with a freshly drawn last layer of `classes` outputs; all other
 * weights stay. A lifted network gets it in its 2D form, too. Of several outputs
 * the first is kept.
 *
 * Weights are drawn as PyTorch draws them, uniform in ±1/√(inputs of a channel), in
 * a stream that `seed` and the weight's name determine; biases are zero.
 *
 * @throws {@link AcsconvError} ("train") if the output does not come from one layer with weights
 */
export function replaceHead(model: Model, classes: number, { seed = 0 }: { seed?: number } = {}): Model {
  if (!(Number.isInteger(classes) && classes > 0)) {
    throw new AcsconvError("input", `classes must be a positive whole number, got ${classes}.`);
  }
  if (!model.lifted) {
    const replaced = new Model(withHead(model.graph, classes, seed));
    // What the old classes were called and how they were scored says nothing of the new ones.
    const { classes: _classes, scores: _scores, ...task } = model.task ?? {};
    return model.task ? replaced.withTask(task) : replaced;
  }
  const replaced = lift(replaceHead(unlift(model), classes, { seed }), model.lifted.options);
  // Weights that only the 3D network has (soft logits, dense kernels, streams) come along.
  const now = replaced.graph.initializers;
  const { initializers } = replaced.lifted!.source;
  const kept = new Map<string, Tensor>();
  for (const { parameters } of slotsOf(model.graph).values()) {
    for (const { name } of parameters) {
      const tensor = model.graph.initializers.get(name)!;
      if (isLike(tensor, now.get(name)) && !isLike(tensor, initializers.get(name))) kept.set(name, tensor);
    }
  }
  return replaced.withWeights(kept);
}

const isLike = ({ dtype, dims }: Tensor, other: Tensor | undefined): boolean =>
  other?.dtype === dtype && other.dims.join() === dims.join();

function withHead(original: Graph, classes: number, seed: number): Graph {
  const [output] = original.outputs;
  const graph = dropUnused(
    foldConstants(dropIdentities(upgradeGraph(dropUnused({ ...original, outputs: [output!] })))),
  );
  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const initializers = new Map(graph.initializers);
  const renamed = new Map<Node, Node>();
  const types = inferTypes(graph);
  const bias = (name: string | undefined, { outputs: [result] }: Node): void => {
    const tensor = name && initializers.get(name);
    if (name && tensor)
      initializers.set(name, zeros(tensor, classes, types.get(result!)?.shape?.length ?? 0));
  };
  let node = producer.get(output!.name);
  while (node) {
    const layer = node.domain === "" ? LAYERS[node.op] : undefined;
    const weight = layer && initializers.get(node.inputs[1] ?? "");
    if (layer && weight && groupsOf(node) === 1) {
      const { axis, bias: added } = layer(node);
      initializers.set(node.inputs[1]!, drawn(weight, axis, classes, seedFor(seed, node.inputs[1]!)));
      bias(added, node);
      const nodes = graph.nodes.map((other) => renamed.get(other) ?? other);
      return retyped({ ...graph, nodes, initializers });
    }
    const constant = node.op === "Add" ? node.inputs.find((name) => initializers.has(name)) : undefined;
    if (!constant && !(node.domain === "" && BETWEEN.has(node.op))) break;
    bias(constant, node);
    const resized = node.op === "Resize" ? withSizes(node, initializers, classes) : undefined;
    if (resized) renamed.set(node, resized);
    node = producer.get(node.inputs.find((name) => name !== constant)!);
  }
  throw new AcsconvError(
    "train",
    `Cannot give the network ${classes} classes: its output "${output!.name}" comes from ${
      node ? nodeLabel(node) : "no node"
    }, not from a Conv, ConvTranspose, Gemm or MatMul with weights of its own; name the layer's output as the output.`,
  );
}

/** A Resize to sizes written down as numbers repeats the classes among them. */
function withSizes(node: Node, initializers: Map<string, Tensor>, classes: number): Node | undefined {
  const sizes = initializers.get(node.inputs[3] ?? "");
  if (!sizes || intsAttr(node, "axes")) return undefined;
  const name = `${node.inputs[3]!}/${classes}`;
  initializers.set(name, int64Tensor(Array.from(numbersOf(sizes)).with(1, classes)));
  return { ...node, inputs: node.inputs.with(3, name) };
}

/** Types as they follow from the new weights. */
function retyped(graph: Graph): Graph {
  const open = { ...graph, valueInfos: new Map() };
  const types = inferTypes(open);
  return { ...open, outputs: graph.outputs.map(({ name }) => ({ ...types.get(name), name })) };
}

function drawn(weight: Tensor, axis: number, classes: number, seed: number): Tensor {
  const dims = weight.dims.with(axis, classes);
  const bound = 1 / Math.sqrt(elementCount(dims) / classes);
  const next = uniform(seed);
  const values = Float32Array.from({ length: elementCount(dims) }, () => bound * (2 * next() - 1));
  return tensorOf(weight.dtype, dims, values);
}

/**
 * A bias [classes], or one that broadcasts: over a map, [classes, 1, 1], over tokens, [1, 1, classes]. Where all sizes are 1,
 * as in Paddle's [1, 1, 1, 1] of one class, those of a map's channels are meant.
 *
 * @param rank - of what it is added to
 */
function zeros({ dtype, dims }: Tensor, classes: number, rank: number): Tensor {
  const channels = dims.length === rank ? 1 : 0;
  const largest = Math.max(...dims);
  const axis = largest > 1 ? dims.indexOf(largest) : channels;
  const sizes = dims.length === 0 ? [] : dims.with(axis, classes);
  return tensorOf(dtype, sizes, new Float32Array(elementCount(sizes)));
}
