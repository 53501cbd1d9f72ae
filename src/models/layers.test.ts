/** @file Layers one by one, against their formulas written down a second time. */

import { describe, expect, test } from "vitest";
import { symbol } from "../graph/dim.ts";
import { uniform } from "../base/random.ts";
import { elementCount, floatTensor, numbersOf, type Tensor } from "../graph/tensor.ts";
import type { Model } from "../model/model.ts";
import type { RunTensor } from "../run/tensor.ts";
import { initialise } from "./initialise.ts";
import { Layers } from "./layers.ts";

const ROUNDING = { rtol: 1e-5, atol: 1e-6 };

/** Numbers of U(±2) that a seed determines. */
function drawn(seed: number, dims: readonly number[]): Tensor {
  const random = uniform(seed);
  return floatTensor(
    dims,
    Float32Array.from({ length: elementCount(dims) }, () => 4 * random() - 2),
  );
}

const valuesOf = (tensor: Tensor): Float32Array => numbersOf(tensor) as Float32Array;

/** Outputs in their order, for an image and weights that are drawn. */
async function run(net: Layers, outputs: readonly string[], dims: readonly number[]) {
  const empty = net.finish("test", outputs);
  const names = [...empty.graph.initializers.keys()].filter((name) => /\.(weight|bias)$/.test(name));
  const weights = new Map(
    names.map((name, i) => [name, drawn(i + 2, empty.graph.initializers.get(name)!.dims)]),
  );
  const model: Model = empty.withWeights(weights);
  const image = drawn(1, dims);
  const feed: RunTensor = { dtype: "float32", dims, data: valuesOf(image) };
  const result = await model.run({ [net.input]: feed });
  await model.dispose();
  const weight = (name: string): Float32Array => valuesOf(weights.get(name)!);
  return { image: valuesOf(image), weight, results: outputs.map((name) => result[name]!) };
}

/** What a convolution of batch 1 is told, per axis. */
interface Geometry {
  readonly size: readonly number[];
  readonly inputs: number;
  readonly out: number;
  readonly groups: number;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

/** All positions of a box, row-major. */
const positions = (size: readonly number[]): number[][] =>
  size.reduce<number[][]>(
    (all, n) => all.flatMap((p) => Array.from({ length: n }, (_, i) => [...p, i])),
    [[]],
  );

const offset = (size: readonly number[], at: readonly number[]): number =>
  at.reduce((sum, i, axis) => sum * size[axis]! + i, 0);

/** y[o, p] = b[o] + Σ w[o, c, k] · x[c, s·p + d·k − pad]. */
function convolved(g: Geometry, x: Float32Array, w: Float32Array, b: Float32Array): number[] {
  const volume = elementCount(g.size);
  const taps = positions(g.kernel);
  const perGroup = g.inputs / g.groups;
  const sizes = g.size.map(
    (n, a) =>
      Math.floor((n + 2 * g.padding[a]! - g.dilation[a]! * (g.kernel[a]! - 1) - 1) / g.stride[a]!) + 1,
  );
  return Array.from({ length: g.out }).flatMap((_, o) => {
    const first = Math.floor(o / (g.out / g.groups)) * perGroup;
    return positions(sizes).map((p) => {
      let sum = b[o]!;
      for (let c = 0; c < perGroup; c++) {
        taps.forEach((k, t) => {
          const at = p.map((i, a) => g.stride[a]! * i + g.dilation[a]! * k[a]! - g.padding[a]!);
          if (at.every((i, a) => i >= 0 && i < g.size[a]!))
            sum += w[(o * perGroup + c) * taps.length + t]! * x[(first + c) * volume + offset(g.size, at)]!;
        });
      }
      return sum;
    });
  });
}

describe("convolutions", () => {
  test.each<[string, Geometry]>([
    [
      "2D, another number per axis",
      {
        size: [9, 8],
        inputs: 4,
        out: 6,
        groups: 2,
        kernel: [3, 2],
        stride: [2, 1],
        padding: [2, 0],
        dilation: [2, 3],
      },
    ],
    [
      "2D, one number for all",
      {
        size: [7, 7],
        inputs: 3,
        out: 2,
        groups: 1,
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
        dilation: [1, 1],
      },
    ],
    [
      "3D, another number per axis",
      {
        size: [5, 6, 7],
        inputs: 2,
        out: 4,
        groups: 2,
        kernel: [1, 3, 2],
        stride: [1, 2, 2],
        padding: [0, 1, 1],
        dilation: [1, 2, 1],
      },
    ],
  ])("%s", async (_, g) => {
    const net = Layers.from("x", g.inputs, { dimensions: g.size.length as 2 | 3 });
    const one = (values: readonly number[]): number | readonly number[] =>
      values.every((value) => value === values[0]) ? values[0]! : values;
    const y = net.conv("c", net.input, {
      out: g.out,
      groups: g.groups,
      kernel: one(g.kernel),
      stride: one(g.stride),
      padding: one(g.padding),
      dilation: one(g.dilation),
    });
    const { image, weight, results } = await run(net, [y], [1, g.inputs, ...g.size]);
    const expected = convolved(g, image, weight("c.weight"), weight("c.bias"));
    expect(results[0]!.data as Float32Array).toBeAllClose(expected, ROUNDING);
  });

  test("transposed: every pixel becomes a block, its channels weighted", async () => {
    const net = Layers.from("x", 2);
    const { image, weight, results } = await run(
      net,
      [net.convTranspose("up", net.input, { out: 3, kernel: 2, stride: 2 })],
      [1, 2, 2, 3],
    );
    const [w, b] = [weight("up.weight"), weight("up.bias")];
    const expected = positions([3, 4, 6]).map(([o, h, w2]) => {
      const tap = 2 * (h! % 2) + (w2! % 2);
      const pixel = 3 * Math.floor(h! / 2) + Math.floor(w2! / 2);
      return b[o!]! + image[pixel]! * w[o! * 4 + tap]! + image[6 + pixel]! * w[12 + o! * 4 + tap]!;
    });
    expect(results[0]!.dims).toEqual([1, 3, 4, 6]);
    expect(results[0]!.data as Float32Array).toBeAllClose(expected, ROUNDING);
  });
});

/** erf by its Taylor series: alternating, so good to 1e-9 for |x| ≤ 2. */
function erf(x: number): number {
  let [term, sum] = [x, 0];
  for (let n = 0; n < 60; n++) {
    sum += term / (2 * n + 1);
    term *= -(x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

test("activations", async () => {
  const net = Layers.from("x", 1);
  const wide = net.add(
    "four times",
    net.add("twice", net.input, net.input),
    net.add("again", net.input, net.input),
  );
  const outputs = [
    net.relu("relu", net.input),
    net.relu6("relu6", wide),
    net.sigmoid("sigmoid", net.input),
    net.silu("silu", net.input),
    net.gelu("gelu", net.input),
    net.dropout("dropout", net.input, 0.5),
  ];
  const { image, results } = await run(net, outputs, [1, 1, 8, 8]);
  const formulas: ((x: number) => number)[] = [
    (x) => Math.max(0, x),
    (x) => Math.min(Math.max(4 * x, 0), 6),
    (x) => 1 / (1 + Math.exp(-x)),
    (x) => x / (1 + Math.exp(-x)),
    (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
    (x) => x,
  ];
  formulas.forEach((formula, i) => {
    expect(results[i]!.data as Float32Array).toBeAllClose(Array.from(image, formula), ROUNDING);
  });
});

test.each([2, 3] as const)("normalisation, scale and head in %iD", async (dimensions) => {
  const [C, pixels] = [3, 2 ** dimensions];
  const net = Layers.from("x", C, { dimensions });
  const outputs = [
    net.layerNorm("norm", net.input),
    net.channelScale("layer_scale", net.input, 0.25),
    net.linear("fc", net.flatten("flat", net.globalAveragePool("mean", net.input)), 2),
  ];
  const { image, weight, results } = await run(net, outputs, [
    1,
    C,
    ...new Array<number>(dimensions).fill(2),
  ]);
  const channel = (c: number): Float32Array => image.subarray(c * pixels, (c + 1) * pixels);
  const mean = (values: ArrayLike<number>): number =>
    Array.from(values).reduce((a, b) => a + b, 0) / values.length;

  const normal = positions([C, pixels]).map(([c, p]) => {
    const values = [0, 1, 2].map((k) => channel(k)[p!]!);
    const centre = mean(values);
    const variance = mean(values.map((x) => (x - centre) ** 2));
    return (
      ((values[c!]! - centre) / Math.sqrt(variance + 1e-6)) * weight("norm.weight")[c!]! +
      weight("norm.bias")[c!]!
    );
  });
  expect(results[0]!.data as Float32Array).toBeAllClose(normal, { rtol: 1e-4, atol: 1e-5 });
  expect(results[1]!.data as Float32Array).toBeAllClose(
    image.map((x) => x / 4),
    ROUNDING,
  );
  const [w, b] = [weight("fc.weight"), weight("fc.bias")];
  const scores = [0, 1].map(
    (o) => b[o]! + [0, 1, 2].reduce((sum, c) => sum + w[o * C + c]! * mean(channel(c)), 0),
  );
  expect(results[2]!.data as Float32Array).toBeAllClose(scores, ROUNDING);
});

test("maps are brought to the pixels of another one", async () => {
  const net = Layers.from("x", 1);
  const small = net.averagePool("small", net.input, { kernel: 2, stride: 2 });
  const outputs = [
    net.resizeLike("linear", small, net.input, "linear"),
    net.resizeLike("nearest", small, net.input, "nearest"),
  ];
  expect(net.resizeLike("same", small, small, "linear")).toBe(small);
  // 5 = 2·2 + 1: no factor of the map that is enlarged.
  const { image, results } = await run(net, outputs, [1, 1, 5, 7]);
  const pooled = positions([2, 3]).map(([h, w]) => {
    const at = (i: number, j: number): number => image[7 * (2 * h! + i) + 2 * w! + j]!;
    return (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4;
  });
  const nearest = positions([5, 7]).map(
    ([h, w]) => pooled[3 * Math.floor((h! * 2) / 5) + Math.floor((w! * 3) / 7)]!,
  );
  expect(results[1]!.data as Float32Array).toBeAllClose(nearest, ROUNDING);
  // x = (i + ½) · from/to − ½, clamped to the first and last pixel.
  const source = (i: number, from: number, to: number): number =>
    Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
  const linear = positions([5, 7]).map(([i, j]) => {
    const [h, w] = [source(i!, 2, 5), source(j!, 3, 7)];
    const [h0, w0] = [Math.floor(h), Math.floor(w)];
    const at = (a: number, b: number): number => pooled[3 * Math.min(a, 1) + Math.min(b, 2)]!;
    const row = (a: number): number => at(a, w0) * (1 - (w - w0)) + at(a, w0 + 1) * (w - w0);
    return row(h0) * (1 - (h - h0)) + row(h0 + 1) * (h - h0);
  });
  expect(results[0]!.data as Float32Array).toBeAllClose(linear, { rtol: 1e-5, atol: 1e-5 });
});

test("BatchNorm of the batch at hand", async () => {
  const net = Layers.from("volume", 3, { dimensions: 3 });
  const dims = [2, 3, 2, 4, 3];
  const { image, weight, results } = await run(net, [net.currentBatchNorm("n", net.input)], dims);
  const pixels = 2 * 4 * 3;
  const expected = new Float32Array(image.length);
  for (let c = 0; c < 3; c++) {
    const own = [0, 1].flatMap((n) => Array.from({ length: pixels }, (_, i) => (3 * n + c) * pixels + i));
    const mean = own.reduce((sum, i) => sum + image[i]!, 0) / own.length;
    const variance = own.reduce((sum, i) => sum + (image[i]! - mean) ** 2, 0) / own.length;
    const [scale, shift] = [weight("n.weight")[c]!, weight("n.bias")[c]!];
    for (const i of own) expected[i] = ((image[i]! - mean) / Math.sqrt(variance + 1e-5)) * scale + shift;
  }
  expect(results[0]!.data as Float32Array).toBeAllClose(expected, ROUNDING);
});

test("channels of zeros", async () => {
  const net = Layers.from("volume", 2, { dimensions: 3 });
  const { image, results } = await run(net, [net.padChannels("p", net.input, 5)], [2, 2, 1, 2, 3]);
  const zeros = new Array<number>(3 * 6).fill(0);
  expect(results[0]!.dims).toEqual([2, 5, 1, 2, 3]);
  const expected = [...image.slice(0, 12), ...zeros, ...image.slice(12), ...zeros];
  expect([...(results[0]!.data as Float32Array)]).toEqual(expected);
});

test("networks go on where others end", async () => {
  const first = Layers.from("x", 1);
  const model = first.finish("first", [first.conv("a", first.input, { out: 2, kernel: 1 })]);
  const net = Layers.after(model);
  const more = net.finish("more", [net.relu("b", net.conv("c", "a", { out: 3, kernel: 3 }))]);
  expect([...more.graph.initializers.keys()]).toEqual(["a.weight", "a.bias", "c.weight", "c.bias"]);
  expect(more.outputs[0]!.shape!.map(String)).toEqual(["N", "3", "H + -2", "W + -2"]);
  expect(more.inputs[0]!.shape).toEqual([symbol("N"), 1, symbol("H"), symbol("W")]);
  expect(() => Layers.after(more).relu("b", "a")).toThrow(/already has a value "b"/);
  expect(() => net.finish("none", ["d"])).toThrow(/no value "d"/);
});

test("what has no fan-in keeps its values, or begins as the identity", () => {
  const net = Layers.from("x", 2);
  const scaled = net.channelScale("scale", net.conv("c", net.input, { out: 2, kernel: 1 }), 0.5);
  const { graph } = initialise(net.finish("test", [net.layerNorm("n", scaled)]));
  const values = (name: string): number[] => [...numbersOf(graph.initializers.get(name)!)];
  expect(values("scale")).toEqual([0.5, 0.5]);
  expect(values("n.weight")).toEqual([1, 1]);
  expect(values("n.bias")).toEqual([0, 0]);
  expect(values("c.weight").every((w) => w !== 0 && Math.abs(w) <= Math.SQRT1_2)).toBe(true);
});
