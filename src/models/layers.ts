/**
 * @file Layers of networks, added to a graph one after the other. Parameters
 * are named as PyTorch names them (`enc1.encode.0.weight`), so that state dicts
 * fit; their values are left to `initialise`. A value is named as the outermost
 * module that it is the output of (`layer2`, not `layer2.1.relu`), so that a name says where to tap.
 *
 * Maps are [N, C, H, W], or [N, C, D, H, W] in networks that are 3D by birth. What is given per axis is one
 * number for all axes, or one for each.
 */

import { inputError } from "../base/errors.ts";
import { type Dim, sameDims, symbol } from "../graph/dim.ts";
import { type Attrs, type Graph, type ValueType, float, int, ints, str } from "../graph/graph.ts";
import { elementCount, floatTensor, int64Tensor } from "../graph/tensor.ts";
import { Model } from "../model/model.ts";
import { unknownName } from "../base/names.ts";
import { CANONICAL_OPSET, upgradeGraph } from "../onnx/upgrade.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { dropUnused } from "../passes/tidy.ts";

export type PerAxis = number | readonly number[];

/** Of a convolution. */
export interface ConvOptions {
  readonly out: number;
  readonly kernel: PerAxis;
  readonly stride?: PerAxis;
  readonly padding?: PerAxis;
  readonly dilation?: PerAxis;
  readonly groups?: number;
  readonly bias?: boolean;
}

/** Of a transposed convolution, which enlarges by its stride. */
type ConvTransposeOptions = Pick<ConvOptions, "out" | "kernel" | "stride" | "padding" | "bias">;

/** Of a pool. */
interface PoolOptions {
  readonly kernel: PerAxis;
  readonly stride: PerAxis;
  readonly padding?: PerAxis;
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

type Unary = (name: string, x: string) => string;
type Binary = (name: string, a: string, b: string) => string;
type Pool = (name: string, x: string, options: PoolOptions) => string;

const AXES = { 2: ["H", "W"], 3: ["D", "H", "W"] } as const;

/**
 * A network that is being built. Methods take and return names of values; `name` is that of the PyTorch module,
 * `output` that of the value where the module ends a larger one.
 */
export class Layers {
  /** The image. */
  readonly input: string;
  /** What the network continues: another network, or nothing but the image. */
  readonly base: Graph;
  readonly #builder: GraphBuilder;
  readonly #dimensions: 2 | 3;
  #zero = new Float32Array(0);

  readonly relu: Unary = this.#simple("Relu");
  readonly sigmoid: Unary = this.#simple("Sigmoid");
  readonly add: Binary = this.#simple("Add");
  readonly multiply: Binary = this.#simple("Mul");
  /** The mean of every channel, [N, C, 1, …]. */
  readonly globalAveragePool: Unary = this.#simple("GlobalAveragePool");
  /** All features of an example in a row, [N, C]. */
  readonly flatten: Unary = this.#simple("Flatten", { axis: int(1) });
  readonly maxPool: Pool = this.#pool("MaxPool");
  readonly averagePool: Pool = this.#pool("AveragePool");

  private constructor(base: Graph, builder: GraphBuilder) {
    const [image] = base.inputs;
    this.base = base;
    this.#builder = builder;
    this.input = image!.name;
    this.#dimensions = (image!.shape!.length - 2) as 2 | 3;
  }

  /**
   * Begins with an image [N, channels, H, W] or [N, channels, D, H, W].
   *
   * @param options.size - of the image, for networks that take one size only
   */
  static from(
    input: string,
    channels: number,
    { dimensions = 2, size }: { readonly dimensions?: 2 | 3; readonly size?: readonly number[] } = {},
  ): Layers {
    const axes = AXES[dimensions];
    const shape = [symbol("N"), channels, ...axes.map((axis, i) => size?.[i] ?? symbol(axis))];
    const base: Graph = {
      name: "",
      inputs: [{ name: input, dtype: "float32", shape }],
      outputs: [],
      nodes: [],
      initializers: new Map(),
      valueInfos: new Map(),
      opsets: new Map([["", CANONICAL_OPSET]]),
      metadata: new Map(),
    };
    return new Layers(base, GraphBuilder.over(base));
  }

  /** Goes on with another network. */
  static after({ graph }: Model): Layers {
    const base = upgradeGraph(graph);
    const ranks = base.inputs.map(({ shape }) => shape?.length);
    if (ranks.length !== 1 || !(ranks[0] === 4 || ranks[0] === 5)) {
      const found = base.inputs.map(({ name, shape }) => `"${name}" [${shape?.join(", ") ?? "unknown"}]`);
      throw inputError(
        `Expected a network with one image [N, C, H, W], found ${found.join(", ") || "no input"}; cut the model to the part that reads one image.`,
      );
    }
    const builder = GraphBuilder.over(base);
    for (const node of base.nodes) builder.push(node);
    return new Layers(base, builder);
  }

  /** What is known of a value: type, sizes. */
  known(x: string): ValueType {
    return this.#builder.known(x);
  }

  channels(x: string): number {
    return this.#shape(x)[1] as number;
  }

  conv(name: string, x: string, options: ConvOptions, output = name): string {
    const channels = [options.out, this.channels(x) / (options.groups ?? 1)];
    return this.#convolution("Conv", name, x, channels, options, output);
  }

  convTranspose(name: string, x: string, options: ConvTransposeOptions): string {
    return this.#convolution("ConvTranspose", name, x, [this.channels(x), options.out], options, name);
  }

  /** A fully connected layer on features [N, C]. */
  linear(name: string, x: string, out: number): string {
    const weight = this.#parameter(`${name}.weight`, [out, this.channels(x)]);
    const bias = this.#parameter(`${name}.bias`, [out]);
    return this.#node("Gemm", name, [x, weight, bias], { transB: int(1) });
  }

  batchNorm(name: string, x: string, output = name, epsilon = 1e-5): string {
    const parameters = this.#perChannel(name, x, ["weight", "bias", "running_mean", "running_var"]);
    return this.#node("BatchNormalization", output, [x, ...parameters], { epsilon: float(epsilon) });
  }

  /** A factor and a shift for each channel, 1 and 0 at first: x · weight + bias. */
  affine(name: string, x: string): string {
    const sizes = [this.channels(x), ...this.#perAxis(1)];
    const scaled = this.#node("Mul", `${name}/scaled`, [x, this.#parameter(`${name}.weight`, sizes, 1)]);
    return this.#node("Add", name, [scaled, this.#parameter(`${name}.bias`, sizes)]);
  }

  /**
   * BatchNorm that always takes the mean and variance of the batch at hand, not running ones. InstanceNormalization
   * computes it of [1, C, N, …]: its statistics are those of all axes after the second.
   */
  currentBatchNorm(name: string, x: string, output = name): string {
    const parameters = this.#perChannel(name, x, ["weight", "bias"]);
    const first = this.#builder.constant(int64Tensor([0]), "axes");
    const swapped = { perm: ints([1, 0, ...this.#pixelAxes()]) };
    const channels = this.#node("Transpose", `${name}/channels`, [x], swapped);
    const one = this.#node("Unsqueeze", `${name}/one`, [channels, first]);
    const epsilon = float(1e-5);
    const normal = this.#node("InstanceNormalization", `${name}/normal`, [one, ...parameters], { epsilon });
    return this.#node("Transpose", output, [this.#node("Squeeze", `${name}/all`, [normal, first])], swapped);
  }

  /** Normalises the channels of each pixel. They go to the last axis for it, where ONNX's operator wants them. */
  layerNorm(name: string, x: string, output = name): string {
    const axes = this.#pixelAxes();
    const toLast = { perm: ints([0, ...axes, 1]) };
    const back = { perm: ints([0, axes.length + 1, ...axes.map((axis) => axis - 1)]) };
    const attrs = { axis: int(-1), epsilon: float(1e-6) };
    const last = this.#node("Transpose", `${name}/last`, [x], toLast);
    const inputs = [last, ...this.#perChannel(name, x, ["weight", "bias"])];
    const normal = this.#node("LayerNormalization", `${name}/normal`, inputs, attrs);
    return this.#node("Transpose", output, [normal], back);
  }

  /** A factor for each channel, which begins as `initial`; the parameter has no module of its own. */
  channelScale(parameter: string, x: string, initial: number): string {
    const sizes = [this.channels(x), ...this.#perAxis(1)];
    return this.#node("Mul", `${parameter}/scaled`, [x, this.#parameter(parameter, sizes, initial)]);
  }

  /** min(max(x, 0), 6). */
  relu6(name: string, x: string): string {
    return this.#node("Clip", name, [x, this.#number(0), this.#number(6)]);
  }

  /** x · σ(x). */
  silu(name: string, x: string): string {
    return this.multiply(name, x, this.sigmoid(`${name}/sigmoid`, x));
  }

  /** x/2 · (1 + erf(x/√2)), not its approximation by tanh. */
  gelu(name: string, x: string): string {
    const part = (of: string, op: string, a: string, ...b: string[]): string =>
      this.#node(op, `${name}/${of}`, [a, ...b]);
    const erf = part("erf", "Erf", part("scaled", "Div", x, this.#number(Math.SQRT2)));
    const twice = part("twice", "Mul", x, part("shifted", "Add", erf, this.#number(1)));
    return this.#node("Mul", name, [twice, this.#number(0.5)]);
  }

  /** The mean of every channel, [N, C]. */
  channelMeans(x: string, prefix = ""): string {
    return this.flatten(`${prefix}flatten`, this.globalAveragePool(`${prefix}avgpool`, x));
  }

  /** Drops features in training only. */
  dropout(name: string, x: string, ratio: number): string {
    return this.#node("Dropout", name, [x, this.#number(ratio)]);
  }

  upsample(name: string, x: string, factor: PerAxis, interpolation: Interpolation): string {
    const factors = [1, 1, ...this.#perAxis(factor)];
    const scales = this.#builder.constant(floatTensor([factors.length], factors), "scales");
    return this.#node("Resize", name, [x, "", scales], RESIZE[interpolation]);
  }

  /** Whether two maps have equally many pixels along each axis, for every image. */
  hasSizeOf(x: string, like: string): boolean {
    return sameDims(this.#shape(x).slice(2), this.#shape(like).slice(2));
  }

  /** Brings a map to the pixels of another one; nothing is done where it has them. */
  resizeLike(name: string, x: string, like: string, interpolation: Interpolation): string {
    if (this.hasSizeOf(x, like)) return x;
    const features = this.#node("Shape", `${name}/features`, [x], { start: int(0), end: int(2) });
    const pixels = this.#node("Shape", `${name}/pixels`, [like], { start: int(2) });
    const sizes = this.#node("Concat", `${name}/sizes`, [features, pixels], { axis: int(0) });
    return this.#node("Resize", name, [x, "", "", sizes], RESIZE[interpolation]);
  }

  concat(name: string, maps: readonly string[]): string {
    return this.#node("Concat", name, maps, { axis: int(1) });
  }

  /** Adds channels of zeros, so that there are `out`. */
  padChannels(name: string, x: string, out: number): string {
    const none = this.#perAxis(0);
    const pads = [0, 0, ...none, 0, out - this.channels(x), ...none];
    const borders = this.#builder.constant(int64Tensor(pads), "pads");
    return this.#node("Pad", name, [x, borders], { mode: str("constant") });
  }

  /** Each slice of a volume between the one before and the one after it, as channels; beyond the ends, the last again. */
  adjacentSlices(name: string, volume: string): string {
    const vector = (...values: number[]): string => this.#builder.constant(int64Tensor(values), "numbers");
    const pads = vector(0, 0, 1, 0, 0, 0, 0, 1, 0, 0);
    const padded = this.#node("Pad", `${name}/padded`, [volume, pads], { mode: str("edge") });
    const part = (which: string, start: number, end: number): string =>
      this.#node("Slice", `${name}/${which}`, [padded, vector(start), vector(end), vector(2)]);
    return this.concat(name, [part("before", 0, -2), volume, part("after", 2, Infinity)]);
  }

  multiplyBy(name: string, x: string, factor: number): string {
    return this.#node("Mul", name, [x, this.#number(factor)]);
  }

  /** The finished network: what these values need. Its new parameters are zero: `initialise` draws them. */
  finish(name: string, outputs: readonly string[]): Model {
    const { types, nodes } = this.#builder;
    const values = nodes.flatMap((node) => node.outputs);
    for (const output of outputs) if (!values.includes(output)) throw unknownName("value", output, values);
    const infos = outputs.map((output) => ({ ...types.get(output), name: output }));
    return new Model(dropUnused({ ...this.#builder.build(this.base, infos), name }));
  }

  #shape(x: string): readonly Dim[] {
    return this.known(x).shape!;
  }

  #perAxis(value: PerAxis): number[] {
    return typeof value === "number" ? new Array<number>(this.#dimensions).fill(value) : [...value];
  }

  /** An attribute that is left out where it says nothing. */
  #unless(neutral: number, name: string, value: PerAxis): Attrs {
    const numbers = this.#perAxis(value);
    return numbers.every((number) => number === neutral) ? {} : { [name]: ints(numbers) };
  }

  #pixelAxes(): number[] {
    return Array.from({ length: this.#dimensions }, (_, i) => i + 2);
  }

  /** @param channels - the kernel's first two sizes */
  #convolution(
    op: string,
    name: string,
    x: string,
    channels: readonly number[],
    { out, kernel, padding = 0, stride = 1, dilation = 1, groups = 1, bias = true }: ConvOptions,
    output: string,
  ): string {
    const [window, pads] = [this.#perAxis(kernel), this.#perAxis(padding)];
    const inputs = [x, this.#parameter(`${name}.weight`, [...channels, ...window])];
    if (bias) inputs.push(this.#parameter(`${name}.bias`, [out]));
    return this.#node(op, output, inputs, {
      kernel_shape: ints(window),
      pads: ints([...pads, ...pads]),
      ...this.#unless(1, "strides", stride),
      ...this.#unless(1, "dilations", dilation),
      ...(groups === 1 ? {} : { group: int(groups) }),
    });
  }

  #simple(op: string, attrs?: Attrs) {
    return (name: string, ...inputs: readonly string[]): string => this.#node(op, name, inputs, attrs);
  }

  #pool(op: string): Pool {
    return (name, x, { kernel, stride, padding = 0 }) => {
      const pads = this.#perAxis(padding);
      return this.#node(op, name, [x], {
        kernel_shape: ints(this.#perAxis(kernel)),
        strides: ints(this.#perAxis(stride)),
        ...this.#unless(0, "pads", [...pads, ...pads]),
      });
    };
  }

  #number(value: number): string {
    return this.#builder.constant(floatTensor([], [value]), "number");
  }

  /** Adds a node, named and whose output is named alike. */
  #node(op: string, name: string, inputs: readonly string[], attrs: Attrs = {}): string {
    this.#refuseTaken(name);
    this.#builder.push({ op, domain: "", name, inputs, outputs: [name], attrs });
    return name;
  }

  /** Parameters of the layer `name` that have one number for each channel of x. */
  #perChannel(name: string, x: string, kinds: readonly string[]): string[] {
    return kinds.map((kind) => this.#parameter(`${name}.${kind}`, [this.channels(x)]));
  }

  #parameter(name: string, dims: readonly number[], value = 0): string {
    this.#refuseTaken(name);
    const count = elementCount(dims);
    const values = value === 0 ? this.#zeros(count) : new Float32Array(count).fill(value);
    return this.#builder.initializer(name, floatTensor(dims, values));
  }

  /** Zeros that all parameters share until they are drawn or loaded. */
  #zeros(count: number): Float32Array {
    if (count > this.#zero.length) this.#zero = new Float32Array(count);
    return this.#zero.subarray(0, count);
  }

  #refuseTaken(name: string): void {
    if (!this.#builder.types.has(name)) return;
    throw inputError(
      `The network already has a value "${name}", which is to be added to it; does it have such a head already?`,
    );
  }
}
