/**
 * @file Parallel separable convolutions: their channels, names and sizes, and what they compute against the definition
 * written out voxel by voxel, for any geometry.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { relativeDeviation } from "../../../test/helpers/compare.ts";
import { anyConv, fits, networkOf, type Stage } from "../../../test/helpers/compositions.ts";
import { evaluate, type Floats, graphOf, node } from "../../../test/helpers/graphs.ts";
import { random } from "../../../test/helpers/networks.ts";
import { type Graph, int, ints } from "../../graph/graph.ts";
import { floatTensor, numbersOf } from "../../graph/tensor.ts";
import { liftGraph } from "../../lift/index.ts";
import { type LiftOptions, withKind } from "../../lift/options.ts";
import { lower } from "../../passes/lower.ts";
import { middleChannels } from "./psc.ts";

type Psc = NonNullable<LiftOptions["psc"]>;
type ConvStage = Stage & { op: "Conv" };

const CLOSE = 1e-5;
const lifted = (graph: Graph, psc: Psc = {}): Graph => liftGraph(graph, { kind: "psc", psc }).graph;

/** One convolution of k×k with "same" padding, named as PyTorch names it. */
function layer(outputs: number, inputs: number, k = 3, groups = 1): Graph {
  const pads = ints(new Array<number>(4).fill(k >> 1));
  const attrs = { kernel_shape: ints([k, k]), pads, group: int(groups) };
  const [weight, bias] = [[outputs, inputs / groups, k, k], [outputs]].map((dims, i) =>
    floatTensor(dims, random(dims, i).data),
  );
  return graphOf([node("Conv", ["x", "conv.weight", "conv.bias"], ["y"], attrs)], {
    inputs: [{ name: "x", dtype: "float32", shape: [1, inputs, 16, 16] }],
    initializers: { "conv.weight": weight!, "conv.bias": bias! },
  });
}

const sizes = (graph: Graph): Record<string, string> =>
  Object.fromEntries(
    [...graph.initializers].flatMap(([name, { dims, dtype }]) =>
      dtype === "float32" ? [[name, dims.join("×")]] : [],
    ),
  );

describe("channels between plane and line", () => {
  test.each([
    ["as in the paper's example of 64", 64, 64, [3, 3, 3], 3, 48], // 64·64·27 / (64·9 + 64·3) = 144
    ["two streams, no more than outputs", 64, 64, [3, 3, 3], 2, 64],
    ["one stream", 64, 64, [3, 3, 3], 1, 64],
    ["a stem of 7³", 64, 3, [7, 7, 7], 3, 36], // 64·3·343 / (3·49 + 64·7) = 110.6…
    ["a grey stem", 64, 1, [3, 3, 3], 3, 2], // 8.6 / 3
    ["no more than 512", 2048, 2048, [3, 3, 3], 3, 512],
    ["K where the formula gives less", 9, 1, [7, 7, 7], 1, 9],
    ["at least one", 1, 1, [2, 2, 2], 3, 1],
    ["one row: the plane that has it", 32, 32, [1, 1, 3], 3, 8], // axial: 32·32·3 / (32·3 + 32·1) = 24
  ] as const)("%s", (_, outputs, inputs, kernel, streams, expected) => {
    expect(middleChannels(outputs, inputs, kernel, 0, streams)).toBe(expected);
  });
});

describe("parameters", () => {
  test("P₃SC₁ of 64 → 64: remainders go to the first stream, the bias to the lines", () => {
    expect(sizes(lifted(layer(64, 64)))).toEqual({
      "conv.stream0.plane0.weight": "48×64×1×3×3",
      "conv.stream0.line.weight": "22×48×3×1×1",
      "conv.stream0.line.bias": "22",
      "conv.stream1.plane0.weight": "48×64×3×1×3",
      "conv.stream1.line.weight": "21×48×1×3×1",
      "conv.stream1.line.bias": "21",
      "conv.stream2.plane0.weight": "48×64×3×3×1",
      "conv.stream2.line.weight": "21×48×1×1×3",
      "conv.stream2.line.bias": "21",
    });
  });

  test("P₂SC₂: a second plane, and a line of two taps more", () => {
    expect(sizes(lifted(layer(5, 4), { streams: 2, separability: 2 }))).toEqual({
      "conv.stream0.plane0.weight": "5×4×1×3×3",
      "conv.stream0.plane1.weight": "5×5×1×3×3",
      "conv.stream0.line.weight": "3×5×5×1×1",
      "conv.stream0.line.bias": "3",
      "conv.stream1.plane0.weight": "5×4×3×1×3",
      "conv.stream1.plane1.weight": "5×5×3×1×3",
      "conv.stream1.line.weight": "2×5×1×5×1",
      "conv.stream1.line.bias": "2",
    });
  });

  test("groups are dealt whole, each as a convolution of one stream", () => {
    // 3 → 6 per group: ⌊6·3·27 / (3·9 + 6·3)⌋ = 10, but no more than 6.
    expect(sizes(lifted(layer(12, 6, 3, 2)))).toEqual({
      "conv.stream0.plane0.weight": "6×3×1×3×3",
      "conv.stream0.line.weight": "6×6×3×1×1",
      "conv.stream0.line.bias": "6",
      "conv.stream1.plane0.weight": "6×3×3×1×3",
      "conv.stream1.line.weight": "6×6×1×3×1",
      "conv.stream1.line.bias": "6",
    });
    const depthwise = sizes(lifted(layer(4, 4, 3, 4)));
    expect([0, 1, 2].map((i) => depthwise[`conv.stream${i}.line.weight`])).toEqual([
      "2×1×3×1×1",
      "1×1×1×3×1",
      "1×1×1×1×3",
    ]);
  });

  test("a stream without channels is left out, and joins nothing where it is the only one", () => {
    const one = lifted(layer(1, 4));
    expect(one.nodes.map(({ op }) => op)).toEqual(["Conv", "LeakyRelu", "Conv"]);
    expect(one.nodes.at(-1)!.outputs).toEqual(["y"]);
    const two = lifted(layer(2, 4));
    expect(two.nodes.filter(({ op }) => op === "Conv")).toHaveLength(4);
    expect(two.nodes.at(-1)!.op).toBe("Concat");
  });

  test("1×1 keeps the 2D weight", () => {
    expect(sizes(lifted(layer(6, 4, 1)))).toEqual({ "conv.weight": "6×4×1×1", "conv.bias": "6" });
  });
});

/** One axis of a convolution. */
interface Axis {
  readonly k: number;
  readonly s: number;
  readonly d: number;
  readonly before: number;
  readonly after: number;
}

const STILL: Axis = { k: 1, s: 1, d: 1, before: 0, after: 0 };

/** x [1, C, D, H, W] → [1, O, …], by the sum that defines it. */
function convolved(
  x: Floats,
  kernel: Floats,
  bias: ArrayLike<number>,
  axes: readonly Axis[],
  groups: number,
): Floats {
  const [, , ...n] = x.dims as [number, number, ...number[]];
  const [O, C, ...k] = kernel.dims as [number, number, ...number[]];
  const out = axes.map((a, i) => Math.floor((n[i]! + a.before + a.after - a.d * (a.k - 1) - 1) / a.s) + 1);
  const [D, H, W] = out as [number, number, number];
  const data = new Float32Array(O * D * H * W);
  const place = (a: number, o: number, t: number): number =>
    o * axes[a]!.s + t * axes[a]!.d - axes[a]!.before;
  let at = 0;
  for (let o = 0; o < O; o++) {
    const first = Math.floor(o / (O / groups)) * C;
    for (let z = 0; z < D; z++)
      for (let r = 0; r < H; r++)
        for (let q = 0; q < W; q++) {
          let sum = bias[o] ?? 0;
          for (let c = 0; c < C; c++)
            for (let i = 0; i < k[0]!; i++)
              for (let j = 0; j < k[1]!; j++)
                for (let l = 0; l < k[2]!; l++) {
                  const p = [place(0, z, i), place(1, r, j), place(2, q, l)];
                  if (p.some((position, a) => position < 0 || position >= n[a]!)) continue;
                  const voxel = (((first + c) * n[0]! + p[0]!) * n[1]! + p[1]!) * n[2]! + p[2]!;
                  const tap = (((o * C + c) * k[0]! + i) * k[1]! + j) * k[2]! + l;
                  sum += x.data[voxel]! * kernel.data[tap]!;
                }
          data[at++] = sum;
        }
  }
  return { dims: [1, O, ...out], data };
}

/** Some channels of x [1, C, …]. */
function channelsOf(x: Floats, from: number, to: number): Floats {
  const each = x.data.length / x.dims[1]!;
  return { dims: x.dims.with(1, to - from), data: x.data.slice(from * each, to * each) };
}

/** The definition, of the parameters of a lifted graph. */
function defined(graph: Graph, c: ConvStage, { streams = 3, separability = 1 }: Psc, x: Floats): Floats {
  const floats = (name: string): Floats => {
    const tensor = graph.initializers.get(name)!;
    return { dims: tensor.dims, data: Float32Array.from(numbersOf(tensor)) };
  };
  const inputs = x.dims[1]!;
  const groups = c.groups === "one" ? 1 : c.groups === "two" ? 2 : inputs;
  // Axes as in the K³ kernel; depth is height's.
  const axes = [0, 0, 1].map((i): Axis => ({
    k: c.kernel[i]!,
    s: c.stride[i]!,
    d: c.dilation[i]!,
    before: c.before[i]!,
    after: c.after[i]!,
  }));
  let first = 0;
  const parts = Array.from({ length: streams }, (_, i): Floats | undefined => {
    // Groups by thirds (or halves); without groups every stream reads all channels.
    const own = groups === 1 ? 1 : Math.floor(groups / streams) + +(i < groups % streams);
    const name = `w0.stream${i}`;
    if (own === 0 || !graph.initializers.has(`${name}.line.weight`)) return undefined;
    const per = inputs / groups;
    let y = groups === 1 ? x : channelsOf(x, first * per, (first + own) * per);
    first += own;
    for (let j = 0; j < separability; j++) {
      const plane = axes.map((a, axis): Axis => {
        if (axis === i) return STILL;
        const total = a.d * (a.k - 1);
        const before = a.d * Math.floor(a.k / 2);
        return j === 0 ? a : { ...a, s: 1, before, after: total - before };
      });
      y = convolved(y, floats(`${name}.plane${j}.weight`), [], plane, own);
      y = { ...y, data: y.data.map((value) => (value < 0 ? value * 0.005 : value)) };
    }
    const across = axes[i]!;
    const more = across.k === 1 ? 0 : separability - 1;
    const line = [STILL, STILL, STILL].with(i, {
      ...across,
      k: across.k + 2 * more,
      before: across.before + more * across.d,
      after: across.after + more * across.d,
    });
    return convolved(y, floats(`${name}.line.weight`), floats(`b0.stream${i}.line.bias`).data, line, own);
  }).filter((part) => part !== undefined);
  const total = parts.reduce((sum, part) => sum + part.dims[1]!, 0);
  return {
    dims: parts[0]!.dims.with(1, total),
    data: Float32Array.from(parts.flatMap(({ data }) => [...data])),
  };
}

describe("any convolution", () => {
  const anyPsc: fc.Arbitrary<Psc> = fc.record({
    streams: fc.constantFrom(1, 2, 3),
    separability: fc.constantFrom(1, 1, 2, 3),
  });
  const anySize = fc.tuple(...([4, 5, 6] as const).map((most) => fc.integer({ min: most, max: most + 5 })));

  test("has the sizes of kind 3d, and computes what the definition says", async () => {
    await fc.assert(
      fc.asyncProperty(anyConv(false), anyPsc, anySize, async (c, psc, size) => {
        fc.pre(c.kernel[0] * c.kernel[1] > 1);
        const graph = networkOf([c]);
        const x = random([1, 4, ...size]);
        const dense = liftGraph(graph, { kind: "3d" }).graph;
        fc.pre(fits(dense, x.dims));
        const own = lifted(graph, psc);
        const { y } = await evaluate(own, { x });
        const expected = await evaluate(dense, { x });
        expect(y!.dims).toEqual(expected.y!.dims);
        expect(relativeDeviation(y!, defined(own, c, psc, x))).toBeLessThan(CLOSE);
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  test.each([
    ["depth kept at stride 1", { depth: { stride: 1 } }],
    ["depth as height", {}],
  ] satisfies [string, LiftOptions][])("%s: sizes of kind 3d", async (_, options) => {
    const attrs = { kernel_shape: ints([3, 3]), strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) };
    const w = floatTensor([7, 2, 3, 3], random([7, 2, 3, 3]).data);
    const graph = graphOf([node("Conv", ["x", "w"], ["y"], attrs)], {
      inputs: [{ name: "x", dtype: "float32", shape: [1, 2, 9, 10] }],
      initializers: { w },
    });
    const [own, dense] = (["psc", "3d"] as const).map((kind) => liftGraph(graph, { ...options, kind }).graph);
    const x = random([1, 2, 8, 9, 10]);
    const dims = (await evaluate(dense!, { x })).y!.dims;
    expect((await evaluate(own!, { x })).y!.dims).toEqual(dims);
    expect(dims[2]).toBe("depth" in options ? 8 : 4);
  });
});

test("a transposed convolution repeats its 2D kernel, as in kind 3d, and a warning says so", async () => {
  const attrs = { kernel_shape: ints([2, 2]), strides: ints([2, 2]) };
  const graph = graphOf([node("ConvTranspose", ["x", "w"], ["y"], attrs)], {
    inputs: [{ name: "x", dtype: "float32", shape: [1, 2, 4, 4] }],
    initializers: { w: floatTensor([2, 3, 2, 2], random([2, 3, 2, 2]).data) },
  });
  const [own, dense] = (["psc", "3d"] as const).map((kind) => liftGraph(graph, { kind }));
  expect(own!.graph.nodes).toEqual(dense!.graph.nodes);
  expect(own!.warnings).toEqual([expect.stringMatching(/not initialised anew/)]);
  const x = random([1, 2, 3, 4, 4]);
  expect((await evaluate(lower(own!.graph).graph, { x })).y!.dims).toEqual([1, 3, 6, 8, 8]);
});

test("its option falls away where the kind is changed", () => {
  const options = { kind: "psc", psc: { streams: 2 }, channels: 1 } as const;
  expect(withKind(options, "acs")).toEqual({ kind: "acs", channels: 1 });
  expect(withKind(options, "psc")).toEqual(options);
});

test.each([
  [
    { kind: "acs", psc: { streams: 3 } },
    /^psc is for kind "psc", got kind "acs"; leave psc out or change kind\.$/,
  ],
  [{ psc: {} }, /^psc is for kind "psc", got kind "acs"/],
  [{ kind: "psc", psc: { streams: 4 } }, /^psc\.streams must be one of 1, 2, 3, got "4"\.$/],
  [{ kind: "psc", psc: { streams: NaN } }, /^psc\.streams must be one of 1, 2, 3, got "NaN"\.$/],
  [
    { kind: "psc", psc: { separability: 0 } },
    /^psc\.separability must be a whole number from 1 to 8, got 0\.$/,
  ],
  [{ kind: "psc", psc: { separability: 1.5 } }, /^psc\.separability must be .*, got 1\.5\.$/],
] satisfies [LiftOptions, RegExp][])("refuses %j", (options, message) => {
  expect(() => liftGraph(layer(4, 4), options)).toThrow(message);
});
