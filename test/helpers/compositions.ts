/**
 * @file Random small convolutional networks for property tests: convolutions,
 * transposed convolutions, pools and resampling in a row, of any geometry.
 */

import fc from "fast-check";
import { symbol } from "../../src/graph/dim.ts";
import type { Attrs, Graph, Node } from "../../src/graph/graph.ts";
import { int, ints, str } from "../../src/graph/graph.ts";
import { floatTensor, type Tensor } from "../../src/graph/tensor.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { graphOf, node } from "./graphs.ts";
import { random, transposed } from "./networks.ts";

/** One value for height and one for width. */
type Pair = readonly [number, number];

interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly before: Pair;
  readonly after: Pair;
}

export type Stage =
  | ({
      readonly op: "Conv";
      readonly channels: number;
      readonly groups: "one" | "two" | "depthwise";
    } & Window)
  | ({
      readonly op: "ConvTranspose";
      readonly channels: number;
      readonly groups: "one" | "two";
      readonly extra: Pair;
    } & Window)
  | ({ readonly op: "MaxPool" | "AveragePool"; readonly ceil: number; readonly counts: number } & Window)
  | {
      readonly op: "Resize";
      readonly scale: Pair;
      readonly mode: "linear" | "nearest";
      readonly coordinates: string;
    }
  | { readonly op: "Relu" | "InstanceNormalization" };

/** Equal for height and width, if `square`. */
const pair = (value: fc.Arbitrary<number>, square: boolean): fc.Arbitrary<Pair> =>
  square ? value.map((n): Pair => [n, n]) : fc.tuple(value, value);

/** Padding below the kernel's extent, which pools ask for. */
const window = (square: boolean, largest = 4, dilated = true): fc.Arbitrary<Window> =>
  fc.record({
    kernel: pair(fc.integer({ min: 1, max: largest }), square),
    stride: pair(fc.constantFrom(1, 1, 2, 3), square),
    dilation: pair(dilated ? fc.constantFrom(1, 1, 2) : fc.constant(1), square),
    before: pair(fc.integer({ min: 0, max: 2 }), square),
    after: pair(fc.integer({ min: 0, max: 2 }), square),
  });

const within = (kernel: Pair, pads: Pair): Pair => [
  Math.min(pads[0], kernel[0] - 1),
  Math.min(pads[1], kernel[1] - 1),
];

export const anyConv = (square: boolean): fc.Arbitrary<Stage & { op: "Conv" }> =>
  fc
    .tuple(window(square), fc.constantFrom("one", "one", "two", "depthwise"), fc.constantFrom(2, 4, 6))
    .map(([w, groups, channels]) => ({ op: "Conv", ...w, groups, channels }));

export const anyConvTranspose = (square: boolean): fc.Arbitrary<Stage & { op: "ConvTranspose" }> =>
  fc
    .tuple(
      window(square),
      fc.constantFrom("one", "two"),
      fc.constantFrom(2, 4),
      pair(fc.integer({ min: 0, max: 2 }), square),
    )
    .map(([w, groups, channels, extra]) => {
      // Padding within the kernel's reach, extra output within the stride: others upsample nothing sensible.
      const reach: Pair = [w.dilation[0] * (w.kernel[0] - 1) + 1, w.dilation[1] * (w.kernel[1] - 1) + 1];
      const fits: Pair = [Math.min(extra[0], w.stride[0] - 1), Math.min(extra[1], w.stride[1] - 1)];
      return {
        op: "ConvTranspose",
        ...w,
        before: within(reach, w.before),
        after: within(reach, w.after),
        groups,
        channels,
        extra: fits,
      };
    });

const anyPool = (square: boolean): fc.Arbitrary<Stage> =>
  fc
    .tuple(window(square, 3, false), fc.constantFrom("MaxPool", "AveragePool"), fc.nat(1), fc.nat(1))
    .map(([w, op, ceil, counts]) => ({
      op,
      ...w,
      before: within(w.kernel, w.before),
      after: within(w.kernel, w.after),
      ceil,
      counts,
    }));

const anyResize = (square: boolean): fc.Arbitrary<Stage> =>
  fc.record({
    op: fc.constant("Resize"),
    scale: pair(fc.constantFrom(1, 2, 1.5, 3, 0.5), square),
    mode: fc.constantFrom("linear", "nearest"),
    coordinates: fc.constantFrom("half_pixel", "asymmetric", "align_corners"),
  });

/** One to four stages, convolutions for the most part. */
export const anyStages = (square: boolean): fc.Arbitrary<Stage[]> =>
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: anyConv(square) },
      { weight: 2, arbitrary: anyPool(square) },
      { weight: 2, arbitrary: anyConvTranspose(square) },
      { weight: 2, arbitrary: anyResize(square) },
      { weight: 1, arbitrary: fc.constantFrom<Stage>({ op: "Relu" }, { op: "InstanceNormalization" }) },
    ),
    { minLength: 1, maxLength: 4 },
  );

const INPUT_CHANNELS = 4;

const geometry = (w: Window, dilations = true): Attrs => ({
  kernel_shape: ints(w.kernel),
  strides: ints(w.stride),
  pads: ints([...w.before, ...w.after]),
  ...(dilations && { dilations: ints(w.dilation) }),
});

/**
 * The 2D network of some stages, x [N, 4, H, W] → y.
 *
 * @param flipped - kernels transposed, rows for columns
 */
export function networkOf(stages: readonly Stage[], flipped = false): Graph {
  const initializers: Record<string, Tensor> = {};
  let channels = INPUT_CHANNELS;
  const parameter = (name: string, dims: readonly number[], seed: number): string => {
    const values = random(dims, seed);
    const kernel = flipped && dims.length === 4 ? transposed(values, [0, 1, 3, 2]) : values;
    initializers[name] = floatTensor(kernel.dims, kernel.data);
    return name;
  };
  const nodes = stages.map((stage, i): Node => {
    const [x, y] = [i === 0 ? "x" : `v${i}`, i === stages.length - 1 ? "y" : `v${i + 1}`];
    const bias = (count: number): string => parameter(`b${i}`, [count], 100 + i);
    switch (stage.op) {
      case "Conv":
      case "ConvTranspose": {
        const group = stage.groups === "one" ? 1 : stage.groups === "two" ? 2 : channels;
        const outputs = stage.groups === "depthwise" ? channels : stage.channels;
        const dims = stage.op === "Conv" ? [outputs, channels / group] : [channels, outputs / group];
        channels = outputs;
        const attrs = { ...geometry(stage), group: int(group) };
        const inputs = [x, parameter(`w${i}`, [...dims, ...stage.kernel], i), bias(outputs)];
        return node(
          stage.op,
          inputs,
          [y],
          stage.op === "Conv" ? attrs : { ...attrs, output_padding: ints(stage.extra) },
        );
      }
      case "MaxPool":
        return node("MaxPool", [x], [y], { ...geometry(stage), ceil_mode: int(stage.ceil) });
      case "AveragePool":
        // ONNX Runtime and ONNX differ in what a window that hangs over (ceil_mode) counts.
        return node("AveragePool", [x], [y], {
          ...geometry(stage, false),
          count_include_pad: int(stage.counts),
        });
      case "Resize": {
        initializers[`s${i}`] = floatTensor([4], [1, 1, ...stage.scale]);
        return node("Resize", [x, "", `s${i}`], [y], {
          mode: str(stage.mode),
          coordinate_transformation_mode: str(stage.coordinates),
          nearest_mode: str("floor"),
        });
      }
      case "InstanceNormalization":
        return node(
          "InstanceNormalization",
          [x, parameter(`g${i}`, [channels], 200 + i), bias(channels)],
          [y],
        );
      case "Relu":
        return node("Relu", [x], [y]);
    }
  });
  return {
    ...graphOf(nodes, { initializers }),
    inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), INPUT_CHANNELS, symbol("H"), symbol("W")] }],
    outputs: [{ name: "y", dtype: "float32" }],
  };
}

/** Whether a graph makes no empty value (or one too large to bother) of an input of these sizes. */
export function fits(graph: Graph, sizes: readonly number[]): boolean {
  const [input] = graph.inputs;
  const types = inferTypes({ ...graph, inputs: [{ ...input!, shape: sizes }] });
  return graph.nodes.every(({ outputs }) =>
    types.get(outputs[0]!)!.shape!.every((n) => typeof n === "number" && n >= 1 && n <= 40),
  );
}
