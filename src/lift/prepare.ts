/**
 * @file Brings a 2D graph into the form that lifting reads: current operators,
 * constants folded, aliases resolved, every weight its own, one image input, and
 * only what the wanted outputs need.
 */

import { inputError, liftError } from "../base/errors.ts";
import { type Graph, intAttr, type ValueInfo } from "../graph/graph.ts";
import { indexOf } from "../graph/graph-index.ts";
import { elementCount, numbersOf, tensorOf } from "../graph/tensor.ts";
import { joined } from "../ops/concat.ts";
import { traitsOf } from "../ops/index.ts";
import { inferTypes } from "../ops/infer.ts";
import { blocksToConvolutions } from "../passes/blocks-to-convolutions.ts";
import { separateVectors } from "../passes/separate-vectors.ts";
import { simplify } from "../passes/simplify.ts";
import { dropUnused } from "../passes/tidy.ts";
import type { LiftOptions } from "./options.ts";

export function prepare(graph: Graph, options: LiftOptions): Graph {
  const wanted = options.outputs ? withOutputs(graph, options.outputs) : graph;
  const tidy = simplify(wanted);
  const image = imageInput(tidy);
  const folded = options.channels === undefined ? tidy : withChannels(tidy, image, options.channels);
  return blocksToConvolutions(separateVectors(folded));
}

/** The graph that computes these values instead of its own outputs. */
export function withOutputs(graph: Graph, names: readonly string[]): Graph {
  const values = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const missing = names.find((name) => !values.has(name));
  if (missing !== undefined || names.length === 0) {
    const some = graph.nodes.flatMap(({ outputs }) => outputs).slice(-5);
    throw inputError(
      `No value "${missing ?? ""}" in the model to use as an output; the last ones are ${some.map((s) => `"${s}"`).join(", ")}.`,
    );
  }
  const types = new Map(graph.outputs.map((output) => [output.name, output]));
  return dropUnused({ ...graph, outputs: names.map((name): ValueInfo => types.get(name) ?? { name }) });
}

/** The one 4-D image a 2D network reads. */
export function imageInput(graph: Graph): ValueInfo {
  const [input, ...others] = graph.inputs;
  if (!input || others.length > 0) {
    const found = graph.inputs.map(({ name }) => `"${name}"`).join(", ") || "none";
    throw liftError(
      `Expected a network with one image input, found ${graph.inputs.length} (${found}); cut the model to the part that reads one image.`,
    );
  }
  if (input.shape?.length !== 4) {
    const shape = input.shape ? `[${input.shape.join(", ")}]` : "of unknown rank";
    const hint = input.shape?.length === 5 ? " It looks 3D already." : "";
    throw liftError(
      `Expected the input "${input.name}" to be a 4-D image [N, C, H, W], found ${shape}.${hint}`,
    );
  }
  return input;
}

/**
 * Another number of input channels. One channel where the network has C: feeding
 * C copies is the same as summing the stem's kernel over its input channels,
 *
 *   Σ_c w[o, c] ∗ x  =  (Σ_c w[o, c]) ∗ x
 *
 * at 1/C of the stem's cost. Where something else reads the image first, the
 * copies are made in the graph.
 */
function withChannels(graph: Graph, image: ValueInfo, channels: number): Graph {
  const types = inferTypes(graph);
  const now = image.shape![1];
  if (now === channels) return graph;
  if (channels !== 1)
    throw inputError(
      `channels: ${channels} is not possible for a network of ${String(now)} input channels; use 1 or ${String(now)}.`,
    );
  const readers = indexOf(graph).readers(image.name);
  const stems = readers.every(
    (node) =>
      traitsOf(node).convolution === "forward" &&
      intAttr(node, "group", 1) === 1 &&
      graph.initializers.has(node.inputs[1]!),
  );
  const input = { ...image, shape: image.shape!.with(1, 1) };
  if (!stems || readers.length === 0)
    return { ...copyChannels(graph, image, types.get(image.name)?.shape?.[1]), inputs: [input] };
  const initializers = new Map(graph.initializers);
  for (const node of readers) {
    const tensor = initializers.get(node.inputs[1]!)!;
    const [outputs, inputs, ...kernel] = tensor.dims as [number, number, ...number[]];
    const taps = elementCount(kernel);
    const values = numbersOf(tensor);
    const sums = new Float32Array(outputs * taps);
    for (let o = 0; o < outputs; o++) {
      for (let c = 0; c < inputs; c++) {
        for (let t = 0; t < taps; t++) sums[o * taps + t]! += values[(o * inputs + c) * taps + t]!;
      }
    }
    initializers.set(node.inputs[1]!, tensorOf(tensor.dtype, [outputs, 1, ...kernel], sums));
  }
  return { ...graph, inputs: [input], initializers };
}

function copyChannels(graph: Graph, image: ValueInfo, channels: unknown): Graph {
  if (typeof channels !== "number")
    throw inputError(`channels: 1 needs a network whose number of input channels is known.`);
  const copies = `${image.name}/copies`;
  const concat = joined(new Array<string>(channels).fill(image.name), copies, 1);
  const nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => (name === image.name ? copies : name)),
  }));
  return { ...graph, nodes: [concat, ...nodes] };
}
