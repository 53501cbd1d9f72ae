/**
 * @file Layers of 2D networks, added to a graph one after the other. Parameters
 * are named as PyTorch names them (`enc1.encode.0.weight`), so that state dicts
 * fit; their values are left to `initialise`.
 *
 * Maps are [N, C, H, W].
 */

import { type Dim, symbol } from "../graph/dim.ts";
import { type Attrs, type Graph, float, int, ints, str } from "../graph/graph.ts";
import { elementCount, floatTensor } from "../graph/tensor.ts";
import { Model } from "../model.ts";
import { GraphBuilder } from "../ops/builder.ts";

/** The version of ONNX's operators that builders write. */
const OPSET = 18;

/** Of a convolution. */
export interface ConvOptions {
  readonly out: number;
  readonly kernel: number;
  readonly padding?: number;
  readonly bias?: boolean;
}

/** What lies between two voxels of a map that is enlarged: `linear` without aligned corners, as PyTorch has it. */
export type Interpolation = "linear" | "nearest";

const RESIZE: Readonly<Record<Interpolation, Attrs>> = {
  linear: { mode: str("linear"), coordinate_transformation_mode: str("half_pixel") },
  nearest: {
    mode: str("nearest"),
    coordinate_transformation_mode: str("asymmetric"),
    nearest_mode: str("floor"),
  },
};

/** A network that is being built. Methods take and return names of values; `name` is that of the PyTorch module. */
export class Layers {
  /** The image. */
  readonly input: string;
  readonly #builder = new GraphBuilder(OPSET);
  readonly #inputs: Graph["inputs"];

  /** Begins with an image [N, channels, H, W] of any size. */
  constructor(input: string, channels: number) {
    this.input = input;
    const shape = [symbol("N"), channels, symbol("H"), symbol("W")];
    this.#inputs = [{ name: input, dtype: "float32", shape }];
    this.#builder.input(this.#inputs[0]!);
  }

  channels(x: string): number {
    return this.#shape(x)[1] as number;
  }

  conv(name: string, x: string, { out, kernel, padding = 0, bias = true }: ConvOptions): string {
    const inputs = [x, this.#parameter(`${name}.weight`, [out, this.channels(x), kernel, kernel])];
    if (bias) inputs.push(this.#parameter(`${name}.bias`, [out]));
    return this.#node("Conv", name, inputs, {
      kernel_shape: ints([kernel, kernel]),
      pads: ints([padding, padding, padding, padding]),
    });
  }

  batchNorm(name: string, x: string): string {
    const sizes = [this.channels(x)];
    const parameters = ["weight", "bias", "running_mean", "running_var"].map((kind) =>
      this.#parameter(`${name}.${kind}`, sizes),
    );
    return this.#node("BatchNormalization", name, [x, ...parameters], { epsilon: float(1e-5) });
  }

  relu(name: string, x: string): string {
    return this.#node("Relu", name, [x]);
  }

  maxPool(name: string, x: string, size: number): string {
    return this.#node("MaxPool", name, [x], {
      kernel_shape: ints([size, size]),
      strides: ints([size, size]),
    });
  }

  upsample(name: string, x: string, factor: number, interpolation: Interpolation): string {
    const scales = this.#builder.constant(floatTensor([4], [1, 1, factor, factor]), "scales");
    return this.#node("Resize", name, [x, "", scales], RESIZE[interpolation]);
  }

  concat(name: string, maps: readonly string[]): string {
    return this.#node("Concat", name, maps, { axis: int(1) });
  }

  /** The finished network. Its parameters are zero: {@link initialise} draws them. */
  finish(name: string, outputs: readonly string[]): Model {
    const { nodes, initializers, types } = this.#builder;
    return new Model({
      name,
      inputs: this.#inputs,
      outputs: outputs.map((output) => ({ ...types.get(output), name: output })),
      nodes,
      initializers,
      valueInfos: new Map(),
      opsets: new Map([["", OPSET]]),
      metadata: new Map(),
    });
  }

  #shape(x: string): readonly Dim[] {
    return this.#builder.known(x).shape!;
  }

  /** Adds a node, named and whose output is named as the module. */
  #node(op: string, name: string, inputs: readonly string[], attrs: Attrs = {}): string {
    this.#builder.push({ op, domain: "", name, inputs, outputs: [name], attrs });
    return name;
  }

  #parameter(name: string, dims: readonly number[]): string {
    return this.#builder.initializer(name, floatTensor(dims, new Float32Array(elementCount(dims))));
  }
}
