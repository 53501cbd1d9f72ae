/**
 * @file A new last layer, for another number of classes: what fine-tuning a
 * pretrained network on a task of one's own starts with.
 */

import { inputError, trainError } from "../base/errors.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/graph-index.ts";
import { intsAttr, nodeLabel } from "../graph/graph.ts";
import { seedFor, uniform } from "../base/random.ts";
import type { Tensor } from "../graph/tensor.ts";
import { elementCount, int64Tensor, numbersOf, tensorOf } from "../graph/tensor.ts";
import { groupsOf } from "../ops/geometry.ts";
import { slotsOfNode, traitsOf } from "../ops/index.ts";
import { inferTypes } from "../ops/infer.ts";
import { lift, Model, unlift } from "../model/model.ts";
import { parameterSlots } from "../ops/parameters.ts";
import type { Slot } from "../ops/slots.ts";
import { separateVectors } from "../passes/separate-vectors.ts";
import { simplify } from "../passes/simplify.ts";

/** Whether a node may stand between the last layer and the output, and leaves the classes where they are. */
function leavesClasses(node: Node): boolean {
  const { activation, alias, averages, casts, moves, trainingOnly } = traitsOf(node);
  const keepsAxes = moves === "crop" || moves === "pad" || (alias !== undefined && alias !== "reshape");
  return keepsAxes || Boolean(activation ?? averages ?? casts ?? trainingOnly);
}

/**
 * The network with a freshly drawn last layer of `classes` outputs; all other weights stay. A lifted network gets it in
 * its 2D form, too. Of several outputs the first is kept.
 *
 * Weights are drawn as PyTorch draws them, uniform in ±1/√(inputs of a channel), in a stream that `seed` and the
 * weight's name determine; biases are zero.
 *
 * @throws {@link AcsconvError} ("train") if the output does not come from one layer with weights
 */
export function replaceHead(model: Model, classes: number, { seed = 0 }: { seed?: number } = {}): Model {
  if (!(Number.isInteger(classes) && classes > 0))
    throw inputError(`classes must be a positive whole number, got ${classes}.`);
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
  for (const { name, tensor } of parameterSlots(model.graph))
    if (isLike(tensor, now.get(name)) && !isLike(tensor, initializers.get(name))) kept.set(name, tensor);
  return replaced.withWeights(kept);
}

const isLike = ({ dtype, dims }: Tensor, other: Tensor | undefined): boolean =>
  other?.dtype === dtype && other.dims.join() === dims.join();

function withHead(original: Graph, classes: number, seed: number): Graph {
  const [output] = original.outputs;
  const graph = separateVectors(simplify({ ...original, outputs: [output!] }));
  const index = indexOf(graph);
  const initializers = new Map(graph.initializers);
  const renamed = new Map<Node, Node>();
  const types = inferTypes(graph);
  const held = (node: Node, { input }: Slot): Tensor | undefined =>
    initializers.get(node.inputs[input] ?? "");
  /** Zeros in the place of a bias. */
  const clear = (node: Node, { input }: Slot): void => {
    const name = node.inputs[input] ?? "";
    const tensor = initializers.get(name);
    const rank = types.get(node.outputs[0]!)?.shape?.length ?? 0;
    if (tensor) initializers.set(name, zeros(tensor, classes, rank));
  };
  let node = index.producer(output!.name);
  while (node) {
    const current = node;
    const slots = slotsOfNode(current).filter((slot) => held(current, slot));
    const kernel = slots.find(({ role }) => role === "kernel");
    const weight = kernel && held(current, kernel)!;
    const axis = weight && kernel.layout!(current, weight.dims).outputs;
    if (axis !== undefined && groupsOf(current) === 1) {
      const name = current.inputs[kernel!.input]!;
      initializers.set(name, drawn(weight!, axis, classes, seedFor(seed, name)));
      for (const slot of slots) if (slot.role === "bias") clear(current, slot);
      const nodes = graph.nodes.map((other) => renamed.get(other) ?? other);
      const replaced = retyped({ ...graph, nodes, initializers });
      const sizes = replaced.outputs[0]!.shape;
      if (!sizes || sizes.includes(classes)) return replaced;
      throw trainError(
        `Cannot give the network ${classes} classes: what follows its last layer makes [${sizes.join(", ")}] of them; name that layer's output, "${current.outputs[0]!}", as the output.`,
      );
    }
    const addend = slots.find(({ role }) => role === "addend");
    if (!addend && !leavesClasses(current)) break;
    if (addend) clear(current, addend);
    const resized = withSizes(current, initializers, classes);
    if (resized) renamed.set(current, resized);
    node = index.producer(current.inputs[addend?.input === 0 ? 1 : 0]!);
  }
  throw trainError(
    `Cannot give the network ${classes} classes: its output "${output!.name}" comes from ${
      node ? nodeLabel(node) : "no node"
    }, not from a Conv, ConvTranspose, Gemm or MatMul with weights of its own; name the layer's output as the output.`,
  );
}

/** What resamples to sizes written down as numbers repeats the classes among them. */
function withSizes(node: Node, initializers: Map<string, Tensor>, classes: number): Node | undefined {
  const target = traitsOf(node).resamples && !intsAttr(node, "axes") ? (node.inputs[3] ?? "") : "";
  const sizes = initializers.get(target);
  if (!sizes) return undefined;
  const name = `${target}/${classes}`;
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
