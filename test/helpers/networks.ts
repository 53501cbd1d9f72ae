/**
 * @file The tiny networks of `test/fixtures/models` with weights that make
 * outputs react to inputs, and volumes made from images.
 */

import { readdirSync, readFileSync } from "node:fs";
import type { Graph } from "../../src/graph/graph.ts";
import { seedFor, uniform } from "../../src/base/random.ts";
import { elementCount, floatTensor, type Tensor } from "../../src/graph/tensor.ts";
import { load, Model } from "../../src/model/model.ts";
import type { Floats } from "./graphs.ts";

const folder = new URL("../fixtures/models/", import.meta.url);

/** Every tiny network, static and dynamic exports alike. */
export const NETWORKS = readdirSync(folder).flatMap((file) =>
  file.endsWith(".onnx") ? [file.replace(".onnx", "")] : [],
);

/** Whether tests that can be as long as one likes go through all that there is, as the slow tests do. */
export const THOROUGH = process.env["THOROUGH"] === "1";

/** Those that are tested: without {@link THOROUGH} some, which have every sort of layer and export. */
export const TESTED_NETWORKS = THOROUGH
  ? NETWORKS
  : ["squeeze_excite_grouped", "unet_interpolate", "unet_interpolate_dynamic"];

/** A tiny network with weights drawn anew; exports of one network get the same ones. */
export async function network(name: string): Promise<Model> {
  const { graph } = await load(readFileSync(new URL(`${name}.onnx`, folder)));
  return new Model(reinitialised(graph));
}

/** Standard normal numbers (Box and Muller). */
export function normal(seed: number): () => number {
  const next = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** Inputs that hold weights, by operator: those of more than one axis are kernels. */
const WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [1, 2],
  MatMul: [0, 1],
  BatchNormalization: [1, 2, 3, 4],
  LayerNormalization: [1, 2],
};

/**
 * The graph with other weights, N(0, 1.6 / fan-in), seeded by what they were:
 * with the usual initialisation classifiers hardly look at their input, and
 * wrong graphs pass.
 */
export function reinitialised(graph: Graph): Graph {
  const alias = new Map(
    graph.nodes.flatMap((node) => (node.op === "Identity" ? [[node.outputs[0]!, node.inputs[0]!]] : [])),
  );
  const initializers = new Map(graph.initializers);
  for (const node of graph.nodes) {
    for (const i of WEIGHTS[node.op] ?? []) {
      const name = alias.get(node.inputs[i] ?? "") ?? node.inputs[i] ?? "";
      const tensor = graph.initializers.get(name);
      if (tensor) initializers.set(name, drawn(tensor, node.op, i));
    }
  }
  return { ...graph, initializers };
}

function drawn({ dims, bytes }: Tensor, op: string, input: number): Tensor {
  const next = normal(seedFor(elementCount(dims), bytes.subarray(0, 256).join()));
  const values = (mean: number, deviation: number): Tensor =>
    floatTensor(
      dims,
      Float32Array.from({ length: elementCount(dims) }, () => mean + deviation * next()),
    );
  if (dims.length > 1)
    return values(0, Math.sqrt(1.6 / (op === "MatMul" ? dims[0]! : elementCount(dims.slice(1)))));
  // Scales and variances about 1, shifts and means about 0.
  const scale = op.endsWith("Normalization") && (input === 1 || input === 4);
  return scale ? values(1, 0.1) : values(0, 0.1);
}

/** Random numbers of the given sizes, N(0, 1). */
export function random(dims: readonly number[], seed = 1): Floats {
  const next = normal(seed);
  return { dims, data: Float32Array.from({ length: elementCount(dims) }, next) };
}

/** The tensor with its axes in another order, as numpy.transpose. */
export function transposed(x: Floats, perm: readonly number[]): Floats {
  const dims = perm.map((axis) => x.dims[axis]!);
  const strides = x.dims.map((_, axis) => elementCount(x.dims.slice(axis + 1)));
  const data = new Float32Array(x.data.length);
  const index = dims.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = x.data[index.reduce((at, n, k) => at + n * strides[perm[k]!]!, 0)]!;
    for (let axis = dims.length - 1; axis >= 0 && ++index[axis]! === dims[axis]; axis--) index[axis] = 0;
  }
  return { dims, data };
}

/** A volume [N, C, ...] that repeats an image [N, C, A, B] along spatial axis 0, 1 or 2 of [D, H, W]. */
export function repeated(image: Floats, axis: number, times: number): Floats {
  const { dims } = image;
  const data = new Float32Array(image.data.length * times);
  for (let i = 0; i < times; i++) data.set(image.data, i * image.data.length);
  // [times, N, C, A, B] → the repeats where they belong
  const order = [1, 2, 3, 4].toSpliced(2 + axis, 0, 0);
  return transposed({ dims: [times, ...dims], data }, order);
}

/** The images [N, C, A, B] of a volume along one of [D, H, W]; what is no volume, as it is. */
export function slices(y: Floats, axis: number): Floats[] {
  if (y.dims.length !== 5) return [y];
  const at = axis + 2;
  const front = transposed(y, [at, ...[0, 1, 2, 3, 4].filter((other) => other !== at)]);
  const size = front.data.length / front.dims[0]!;
  return Array.from({ length: front.dims[0]! }, (_, i) => ({
    dims: front.dims.slice(1),
    data: front.data.slice(i * size, (i + 1) * size),
  }));
}
