/** @file What the lifted graph needs besides the lifted nodes: constants on demand, sizes, reshapes, new parameters. */

import { liftError } from "../base/errors.ts";
import { seedFor, uniform } from "../base/random.ts";
import type { Dim } from "../graph/dim.ts";
import { type Graph, int, type Node, nodeOf, opsetOf } from "../graph/graph.ts";
import { literalNumbers } from "../graph/nd-array.ts";
import { byteLength, type DType, DTYPES, elementCount, int64Tensor, tensorOf } from "../graph/tensor.ts";
import { MAX_MODEL_BYTES } from "../onnx/format.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { type Axes, liftedShape } from "../ops/roles.ts";
import type { Lifted } from "../ops/rule.ts";
import type { ImageSizes } from "./image-sizes.ts";
import { countVoxels } from "./voxels.ts";

/** Writes into the lifted graph. */
export class Writer {
  readonly builder: GraphBuilder;
  readonly #graph: Graph;
  readonly #sizes: ImageSizes;
  readonly #draws: boolean;
  #zero = new Float32Array(0);

  /** @param draws - false leaves parameters that exist only in 3D at zero */
  constructor(graph: Graph, sizes: ImageSizes, draws: boolean) {
    const names = graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs]);
    this.builder = new GraphBuilder(opsetOf(graph), [...names, ...graph.initializers.keys()]);
    this.#graph = graph;
    this.#sizes = sizes;
    this.#draws = draws;
  }

  /** Makes a value available in the lifted graph, if it is not yet. */
  place(value: Lifted): string {
    const { builder } = this;
    if (builder.types.has(value.name)) return value.name;
    const tensor = this.#graph.initializers.get(value.name);
    if (tensor) return builder.initializer(value.name, tensor);
    const elements = value.known.value;
    if (!elements) throw new Error(`value "${value.name}" was not lifted before it was used`);
    const dtype = value.known.dtype ?? "int64";
    const numbers = literalNumbers(elements);
    if (numbers) return builder.initializer(value.name, tensorOf(dtype, elements.dims, numbers));
    const twin = value.twin.value ?? elements;
    const data = Array.from(elements.data, (dim, i) => {
      const voxels = countVoxels(dim, twin.data[i] ?? dim);
      if (voxels !== undefined) return voxels;
      throw liftError(
        `E_SHAPE_VALUE: "${value.name}" computes with the image's height as a number (${Array.from(elements.data).join(", ")}), which does not say what depth means there; export at a fixed size.`,
        { code: "E_SHAPE_VALUE" },
      );
    });
    const sizes = builder.constant(int64Tensor(elements.dims));
    const shaped = builder.add("Reshape", [this.shape(data), sizes]);
    return dtype === "int64" ? shaped : builder.add("Cast", [shaped], { to: int(DTYPES[dtype].onnx) });
  }

  /** int64 vector with these sizes of the lifted network. */
  shape(dims: readonly Dim[]): string {
    return this.builder.shape(this.#sizes.inLifted(dims));
  }

  /**
   * Reshape to the lifted sizes of `axes`, reading as few of them as possible while running.
   *
   * @param node - the 2D node that it is written for, and whose place it takes if it is the `last`
   */
  reshape(node: Node, x: string, axes: Axes, last: boolean): string {
    const sizes = this.#sizes.inLifted(liftedShape(axes));
    const from = this.builder.known(x).shape ?? [];
    const target: Dim[] = sizes.map((dim, i) =>
      typeof dim !== "number" && from[i] !== undefined && String(from[i]) === String(dim) ? 0 : dim,
    );
    const open = target.findLastIndex((dim) => typeof dim !== "number");
    if (open >= 0) target[open] = -1;
    const inputs = [x, this.builder.shape(target)];
    const output = last ? node.outputs[0]! : this.builder.unique(`${node.outputs[0]!}/Reshape`);
    const reshape = nodeOf("Reshape", inputs, output);
    this.builder.push(last ? { ...reshape, name: node.name } : reshape, [sizes]);
    return output;
  }

  /** A parameter that exists only in 3D; its name seeds the random numbers that `value` is given. */
  parameter(name: string, dtype: DType, dims: readonly number[], value: (random: number) => number): string {
    const count = elementCount(dims);
    if (byteLength(dtype, dims) > MAX_MODEL_BYTES)
      throw liftError(
        `The parameter "${name}" [${dims.join(", ")}] would take ${byteLength(dtype, dims)} bytes; at most ${MAX_MODEL_BYTES} are possible: choose a kind that keeps the 2D kernels, such as acs.`,
        { code: "E_LIMIT" },
      );
    return this.builder.initializer(
      name,
      tensorOf(dtype, dims, this.#draws ? drawn(count, name, value) : this.#zeros(count)),
    );
  }

  /** Zeros that all parameters share which are not drawn. */
  #zeros(count: number): Float32Array {
    if (count > this.#zero.length) this.#zero = new Float32Array(count);
    return this.#zero.subarray(0, count);
  }
}

function drawn(count: number, name: string, value: (random: number) => number): Float32Array {
  const random = uniform(seedFor(0, name));
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = value(random());
  return values;
}
