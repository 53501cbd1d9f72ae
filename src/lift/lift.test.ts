/** @file The options of lifting: depth, size, outputs, layout and flattened heads. */

import { describe, expect, test } from "vitest";
import { relativeDeviation } from "../../test/helpers/compare.ts";
import { evaluate, graphOf, node, type Floats } from "../../test/helpers/graphs.ts";
import { network, random, repeated, slices, transposed } from "../../test/helpers/networks.ts";
import { symbol, type Dim } from "../graph/dim.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { int, ints } from "../graph/graph.ts";
import { floatTensor, int64Tensor, numbersOf, type Tensor } from "../graph/tensor.ts";
import { lift, Model } from "../model/model.ts";
import { inferTypes } from "../ops/infer.ts";
import { liftGraph } from "./index.ts";
import type { LiftOptions } from "./options.ts";

const CLOSE = 1e-5;

const run = async (model: Model, x: Floats, output = 0): Promise<Floats> =>
  (await evaluate(model.toBytes(), { [model.inputs[0]!.name]: x }))[model.outputs[output]!.name]!;

const weight = (dims: readonly number[], seed = 1): Tensor =>
  floatTensor(
    dims,
    random(dims, seed).data.map((v) => v / 4),
  );
const conv = (x: string, w: string, y: string, stride: number, kernel = 3): Node =>
  node("Conv", [x, w], [y], {
    kernel_shape: ints([kernel, kernel]),
    strides: ints([stride, stride]),
    pads: ints(new Array<number>(4).fill(kernel >> 1)),
  });
const pool = (x: string, y: string): Node =>
  node("MaxPool", [x], [y], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) });
const image = (...shape: Dim[]): Partial<Graph> => ({ inputs: [{ name: "x", dtype: "float32", shape }] });
const dynamic = [symbol("N"), 2, symbol("H"), symbol("W")];

/** Three strided convolutions and two pools by turns, each halving. */
function pyramid(): Graph {
  const nodes = [
    conv("x", "w", "a", 2),
    pool("a", "b"),
    conv("b", "w", "c", 2),
    pool("c", "d"),
    conv("d", "w", "y", 2),
  ];
  return { ...graphOf(nodes, { initializers: { w: weight([2, 2, 3, 3]) } }), ...image(...dynamic) };
}

describe("depth", () => {
  /** Of every stage, from a volume of 96³. */
  const depths = (options: LiftOptions): (Dim | undefined)[] => {
    const { graph } = liftGraph(pyramid(), { ...options, size: [96, 96, 96] });
    const types = inferTypes(graph);
    return ["a", "b", "c", "d", "y"].map((name) => types.get(name)!.shape![2]);
  };

  test.each([
    ["as height by default", {}, [48, 24, 12, 6, 3]],
    ["strides kept", { stride: 1 }, [96, 48, 48, 24, 24]],
    ["pools kept", { pool: 1 }, [48, 48, 24, 24, 12]],
    ["both kept", { stride: 1, pool: 1 }, [96, 96, 96, 96, 96]],
    ["the first stride kept", { stride: [1, "height"] }, [96, 48, 24, 12, 6]],
    [
      "all but the first stride kept: the last choice repeats",
      { stride: ["height", 1] },
      [48, 24, 24, 12, 12],
    ],
    ["the second pool kept", { pool: ["height", 1] }, [48, 24, 12, 12, 6]],
    ["lists for both", { stride: [1, "height", 1], pool: [1, "height"] }, [96, 96, 48, 24, 24]],
  ] satisfies [string, LiftOptions["depth"], number[]][])("%s", (_, depth, expected) => {
    expect(depths({ depth })).toEqual(expected);
    expect(depths({ depth, kind: "2.5d" })).toEqual(expected);
  });

  test("a block and its shortcut are one stage", async () => {
    const model = await network("resnet_basic");
    const { graph } = lift(model, { depth: { stride: ["height", 1], pool: 1 } });
    const strides = graph.nodes
      .filter(({ op }) => op === "LiftedConv")
      .map(({ attrs }) => (attrs["strides"]!.value as number[]).join());
    expect(strides).toEqual(["2,2,2", "1,1,1", "1,1,1", "1,2,2", "1,1,1", "1,2,2"]);
  });

  test("convolutions that halve the same map count once, whatever comes after", () => {
    const nodes = [
      conv("x", "w", "a", 2),
      conv("a", "w", "b", 2),
      conv("a", "v", "s", 2, 1),
      node("Add", ["b", "s"], ["c"]),
      conv("c", "w", "y", 2),
    ];
    const initializers = { w: weight([2, 2, 3, 3]), v: weight([2, 2, 1, 1], 2) };
    const graph = { ...graphOf(nodes, { initializers }), ...image(...dynamic) };
    const lifted = liftGraph(graph, {
      depth: { stride: ["height", 1, 1, "height"] },
      size: [16, 16, 16],
    }).graph;
    const types = inferTypes(lifted);
    expect(["a", "c", "y"].map((name) => types.get(name)!.shape![2])).toEqual([8, 8, 8]);
  });

  test("what was kept on the way down is kept on the way up", async () => {
    const model = await network("unet");
    const x = random([1, 1, 5, 16, 16]);
    const y = await run(lift(model, { depth: { pool: 1 } }), x);
    expect(y.dims).toEqual([1, 3, 5, 16, 16]);
    const half = await run(lift(model, { depth: { pool: [1, "height"] } }), random([1, 1, 6, 16, 16]));
    expect(half.dims).toEqual([1, 3, 6, 16, 16]);
  });

  test.each(["transposed convolution", "upsampling"])(
    "decoders by %s, with depth kept in one stage of two",
    async (how) => {
      const up = (x: string, y: string): Node =>
        how === "upsampling"
          ? node("Resize", [x, "", "scales"], [y])
          : node("ConvTranspose", [x, "t"], [y], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) });
      const nodes = [
        pool("x", "a"),
        conv("a", "w", "b", 1),
        pool("b", "c"),
        conv("c", "w", "d", 1),
        up("d", "e"),
        node("Add", ["e", "b"], ["f"]),
        up("f", "g"),
        node("Add", ["g", "x"], ["y"]),
      ];
      const graph = {
        ...graphOf(nodes, {
          initializers: {
            w: weight([2, 2, 3, 3]),
            t: weight([2, 2, 2, 2], 2),
            scales: floatTensor([4], [1, 1, 2, 2]),
          },
        }),
        ...image(...dynamic),
      };
      for (const pools of [
        [1, "height"],
        ["height", 1],
        [1, 1],
        ["height", "height"],
      ] as const) {
        const y = await run(lift(new Model(graph), { depth: { pool: pools } }), random([1, 2, 12, 8, 8]));
        expect(y.dims).toEqual([1, 2, 12, 8, 8]);
      }
    },
  );
});

describe("size", () => {
  test.each(["unet_interpolate", "deeplab_dynamic", "densenet", "shufflenet_dynamic"])(
    "%s: fixed is dynamic",
    async (name) => {
      const model = await network(name);
      const channels = model.inputs[0]!.shape![1] as number;
      const x = random([2, channels, 32, 40, 48]);
      const fixed = lift(model, { size: [32, 40, 48] });
      expect(fixed.inputs[0]!.shape!.slice(1)).toEqual([channels, 32, 40, 48]);
      expect(fixed.outputs[0]!.shape!.filter((n) => typeof n !== "number").map(String)).toEqual(["N"]);
      expect(relativeDeviation(await run(fixed, x), await run(lift(model), x))).toBeLessThan(CLOSE);
    },
  );

  test("any size of a static export: batch, depth, height and width are symbols", async () => {
    for (const name of ["unet", "deeplab", "resnet_basic"]) {
      const { graph } = lift(await network(name));
      expect(graph.inputs[0]!.shape!.map(String).filter((size) => /^[A-Z]$/.test(size))).toEqual([
        "N",
        "D",
        "H",
        "W",
      ]);
    }
  });
});

describe("outputs", () => {
  test("cut the graph at inner values, in the order asked for", async () => {
    const model = await network("resnet_basic");
    const inner = model.graph.nodes.filter(({ op }) => op === "Relu").map(({ outputs }) => outputs[0]!);
    const cut = lift(model, { outputs: [inner[3]!, inner[0]!] });
    expect(cut.outputs.map(({ name }) => name)).toEqual([inner[3], inner[0]]);
    expect(cut.graph.nodes.some(({ op }) => op === "Gemm")).toBe(false);
    const x = random([1, 3, 20, 32, 32]);
    const both = lift(
      new Model({
        ...model.graph,
        outputs: [inner[0]!, inner[3]!].map((name) => ({ name, dtype: "float32" })),
      }),
    );
    expect(relativeDeviation(await run(cut, x, 0), await run(both, x, 1))).toBe(0);
    expect(relativeDeviation(await run(cut, x, 1), await run(both, x, 0))).toBe(0);
  });
});

/** Convolution and pool, then a layer on the flattened 4×4 map: a small VGG. */
function vgg(): Graph {
  const nodes = [
    conv("x", "w", "a", 1),
    node("Relu", ["a"], ["r"]),
    pool("r", "p"),
    node("Flatten", ["p"], ["f"], { axis: int(1) }),
    node("Gemm", ["f", "fc", "fb"], ["h"], { transB: int(1) }),
    node("Relu", ["h"], ["hr"]),
    node("Gemm", ["hr", "fc2", "fb2"], ["y"], { transB: int(1) }),
  ];
  const initializers = {
    w: weight([6, 2, 3, 3]),
    fc: weight([7, 96], 2),
    fb: weight([7], 3),
    fc2: weight([3, 7], 4),
    fb2: weight([3], 5),
  };
  return { ...graphOf(nodes, { initializers }), ...image(1, 2, 8, 8) };
}

describe("a flattened head (fc)", () => {
  const model = new Model(vgg());
  const square = random([1, 2, 8, 8], 6);

  test("mean (default): any depth, and a warning that says so; the 2D network's answer on equal slices", async () => {
    const lifted = lift(model, { depth: { stride: 1, pool: 1 }, kind: "2.5d" });
    expect(lifted.report!.warnings).toEqual([
      expect.stringMatching(/Gemm "h" reads a flattened 6×4×4 map; .* mean over depth/),
    ]);
    const flat = await run(model, square);
    for (const D of [1, 6, 9])
      expect(relativeDeviation(await run(lifted, repeated(square, 0, D)), flat)).toBeLessThan(CLOSE);
  });

  test("mean: the layer reads the mean over depth of what the features make of the volume", async () => {
    const x = random([2, 2, 10, 8, 8], 7);
    const features = await run(lift(model, { outputs: ["p"] }), x);
    const [N, C, D, H, W] = features.dims as [number, number, number, number, number];
    const mean = new Float32Array(N * C * H * W);
    features.data.forEach((value, i) => {
      const at = Math.floor(i / (D * H * W)) * H * W + (i % (H * W));
      mean[at]! += value / D;
    });
    const { initializers } = vgg();
    const layer = (values: number[], w: string, b: string): number[] => {
      const [weights, biases] = [numbersOf(initializers.get(w)!), numbersOf(initializers.get(b)!)];
      return Array.from(biases, (bias, o) =>
        values.reduce((sum, v, i) => sum + v * weights[o * values.length + i]!, bias),
      );
    };
    const expected = [0, 1].flatMap((n) => {
      const hidden = layer([...mean.subarray(n * C * H * W, (n + 1) * C * H * W)], "fc", "fb").map((v) =>
        Math.max(0, v),
      );
      return layer(hidden, "fc2", "fb2");
    });
    const y = await run(lift(model), x);
    expect(relativeDeviation(y, { dims: [2, 3], data: Float32Array.from(expected) })).toBeLessThan(CLOSE);
  });

  test("acs: each third of the outputs reads its plane; the 2D network's answer where its axis is constant", async () => {
    const outputs = ["h"];
    const flat = await run(new Model({ ...vgg(), outputs: [{ name: "h", dtype: "float32" }] }), square);
    for (const axis of [0, 1, 2]) {
      const split = [0, 0, 0].with(axis, 1) as [number, number, number];
      const one = lift(model, { fc: "acs", size: [8, 8, 8], split, outputs });
      expect(relativeDeviation(await run(one, repeated(square, axis, 8)), flat)).toBeLessThan(CLOSE);
    }
    // Thirds of seven outputs: 3, 2, 2, each as if it had all (and the features had their usual split).
    const x = random([1, 2, 8, 8, 8], 8);
    const whole = await run(lift(model, { fc: "acs", size: [8, 8, 8], outputs }), x);
    expect(whole.dims).toEqual([1, 7]);
    const features = await run(lift(model, { outputs: ["p"] }), x);
    const [weights, biases] = [
      numbersOf(vgg().initializers.get("fc")!),
      numbersOf(vgg().initializers.get("fb")!),
    ];
    const expected = Array.from({ length: 7 }, (_, o) => {
      const axis = o < 3 ? 0 : o < 5 ? 1 : 2;
      let sum = biases[o]!;
      for (const plane of slices(features, axis))
        plane.data.forEach((v, i) => (sum += (v * weights[o * 96 + i]!) / 4));
      return sum;
    });
    expect(relativeDeviation(whole, { dims: [1, 7], data: Float32Array.from(expected) })).toBeLessThan(CLOSE);
  });

  test("cut: the map itself becomes the output, at any size", async () => {
    const lifted = lift(model, { fc: "cut" });
    expect(lifted.outputs.map(({ name }) => name)).toEqual(["p"]);
    expect(lifted.graph.nodes.some(({ op }) => op === "Gemm")).toBe(false);
    const y = await run(lifted, random([1, 2, 6, 12, 10]));
    expect(y.dims).toEqual([1, 6, 3, 6, 5]);
  });

  test("height and width stay as exported, and the error says which", () => {
    expect(lift(model).inputs[0]!.shape!.map(String)).toEqual(["N", "2", "D", "8", "8"]);
    expect(() => lift(model, { size: [4, 16, 16] })).toThrow(/got size 4×16×16: use height 8 and width 8/);
    expect(() => lift(model, { fc: "error" })).toThrow(
      /E_FC_SPATIAL: Gemm "h" .* choose fc: "mean", "acs" or "cut"/,
    );
  });
});

describe("layout", () => {
  /** The same network on channels-last images. */
  function channelsLast(channels: number): Graph {
    const nodes = [
      node("Transpose", ["x"], ["t"], { perm: ints([0, 3, 1, 2]) }),
      node("Conv", ["t", "w"], ["a"], { pads: ints([1, 1, 1, 1]) }),
      node("Transpose", ["a"], ["y"], { perm: ints([0, 2, 3, 1]) }),
    ];
    return {
      ...graphOf(nodes, { initializers: { w: weight([4, channels, 3, 3]) } }),
      ...image(1, 10, 12, channels),
    };
  }
  const first = (channels: number): Graph => ({
    ...graphOf([node("Conv", ["x", "w"], ["y"], { pads: ints([1, 1, 1, 1]) })], {
      initializers: { w: weight([4, channels, 3, 3]) },
    }),
    ...image(1, channels, 10, 12),
  });

  test.each([
    [3, undefined],
    [6, "NHWC"],
  ] as const)("NHWC of %i channels (asked for: %s) lifts to NDHWC", async (channels, layout) => {
    const x = random([1, channels, 5, 10, 12]);
    const lifted = lift(new Model(channelsLast(channels)), layout && { layout });
    const y = await run(lifted, transposed(x, [0, 2, 3, 4, 1]));
    expect(y.dims).toEqual([1, 5, 10, 12, 4]);
    const expected = await run(lift(new Model(first(channels))), x);
    expect(relativeDeviation(transposed(y, [0, 4, 1, 2, 3]), expected)).toBeLessThan(CLOSE);
  });
});

describe("channels: 1 where something reads the image before a convolution", () => {
  test.each([
    [
      "BatchNormalization",
      [node("BatchNormalization", ["x", "s", "s", "s", "v"], ["n"]), conv("n", "w", "y", 1)],
    ],
    [
      "a depthwise stem",
      [node("Conv", ["x", "d"], ["n"], { group: int(2), pads: ints([1, 1, 1, 1]) }), conv("n", "w", "y", 1)],
    ],
    ["two stems", [conv("x", "w", "n", 1), conv("x", "w2", "m", 1), node("Add", ["n", "m"], ["y"])]],
  ])("%s", async (_, nodes) => {
    const initializers = {
      w: weight([4, 2, 3, 3]),
      w2: weight([4, 2, 3, 3], 2),
      d: weight([2, 1, 3, 3], 3),
      s: weight([2], 4),
      v: floatTensor([2], [1, 2]),
    };
    const model = new Model({ ...graphOf(nodes, { initializers }), ...image(...dynamic) });
    const x = random([1, 1, 6, 7, 8]);
    const copies = { dims: x.dims.with(1, 2), data: Float32Array.from([...x.data, ...x.data]) };
    const folded = lift(model, { channels: 1 });
    expect(folded.inputs[0]!.shape![1]).toBe(1);
    expect(relativeDeviation(await run(folded, x), await run(lift(model), copies))).toBeLessThan(CLOSE);
  });
});

test("3d: K³ kernels, newly drawn (He) under the 2D names, the same each time; 1×1 kernels as they were", async () => {
  const model = await network("resnet_basic");
  const { graph } = lift(model, { kind: "3d" });
  expect(lift(model, { kind: "3d" }).graph.initializers).toEqual(graph.initializers);
  const kernels = [...model.graph.initializers].filter(([, { dims }]) => dims.length === 4);
  expect(kernels.length).toBe(6);
  for (const [name, tensor] of kernels) {
    const [O, I, kh, kw] = tensor.dims as [number, number, number, number];
    const lifted = graph.initializers.get(name)!;
    if (kh * kw === 1) {
      expect(lifted).toEqual(tensor);
      continue;
    }
    expect(lifted.dims).toEqual([O, I, kh, kh, kw]);
    const values = Array.from(numbersOf(lifted));
    const variance = values.reduce((sum, v) => sum + v * v, 0) / values.length;
    // 2 / fan-in, and as much scatter as so few numbers have (4 standard errors).
    const expected = 2 / (I * kh * kh * kw);
    expect(Math.abs(variance / expected - 1)).toBeLessThan(4 * Math.sqrt(2 / values.length));
  }
});

test("compat: acsconv-py moves the tap of even kernels that halve, and nothing else", async () => {
  const graph = (kernel: number, stride: number, pad: number): Graph => ({
    ...graphOf(
      [
        node("Conv", ["x", "w"], ["y"], {
          strides: ints([stride, stride]),
          pads: ints(new Array<number>(4).fill(pad)),
        }),
      ],
      {
        initializers: { w: weight([1, 2, kernel, kernel]) },
      },
    ),
    ...image(...dynamic),
  });
  const x = random([1, 2, 8, 8, 8]);
  const changes: string[] = [];
  for (const [k, s, p] of [
    [2, 2, 0],
    [4, 2, 1],
    [4, 4, 0],
    [3, 2, 1],
    [2, 1, 0],
  ] as const) {
    const model = new Model(graph(k, s, p));
    const [plain, compat] = await Promise.all([
      run(lift(model), x),
      run(lift(model, { compat: "acsconv-py" }), x),
    ]);
    if (relativeDeviation(compat, plain) > 0.01) changes.push(`k${k}s${s}p${p}`);
    // One axial channel: slice o of the plain lift reads 2·o + k/2 − p, with `compat` one earlier.
    if (s === 2 && k % 2 === 0) {
      for (const [lifted, early] of [
        [plain, 0],
        [compat, 1],
      ] as const) {
        for (const [o, slice] of slices(lifted, 0).entries()) {
          const at = 2 * o - p + k / 2 - early;
          const flat = await run(
            model,
            slices(x, 0)[at] ?? { dims: [1, 2, 8, 8], data: new Float32Array(128) },
          );
          expect(relativeDeviation(slice, flat)).toBeLessThan(CLOSE);
        }
      }
    }
  }
  expect(changes).toEqual(["k2s2p0", "k4s2p1"]);
});

test("Pad and Slice of a fixed-size export crop and pad a volume alike on every axis", async () => {
  const nodes = [
    node("Pad", ["x", "pads"], ["p"]),
    node("Slice", ["p", "starts", "ends", "axes"], ["s"]),
    node("Relu", ["s"], ["y"]),
  ];
  const initializers = {
    pads: int64Tensor([0, 0, 1, 1, 0, 0, 2, 2]),
    starts: int64Tensor([1, 1]),
    ends: int64Tensor([9, 9]),
    axes: int64Tensor([2, 3]),
  };
  // 8 + 3 − 1 − 2: what is cut off after index 9 of 11 is 2.
  const model = new Model({ ...graphOf(nodes, { initializers }), ...image(1, 2, 8, 8) });
  const x = random([1, 2, 5, 8, 6]);
  const y = await run(lift(model), x);
  expect(y.dims).toEqual([1, 2, 5, 8, 6]);
  expect(relativeDeviation(y, { dims: x.dims, data: x.data.map((v) => Math.max(0, v)) })).toBe(0);
});
