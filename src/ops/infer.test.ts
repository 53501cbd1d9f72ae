/**
 * @file Inferred types against those of ONNX Runtime's results, inner values
 * included: what we say of a value must be so, with sizes open and fixed.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyStages, fits, networkOf } from "../../test/helpers/compositions.ts";
import { evaluate, graphOf, node, value, type Floats } from "../../test/helpers/graphs.ts";
import { network, NETWORKS, random } from "../../test/helpers/networks.ts";
import { AcsconvError } from "../base/errors.ts";
import { evaluateDim, substituteDim, symbol, type Dim } from "../graph/dim.ts";
import type { Attrs, Graph, Node } from "../graph/graph.ts";
import { int, ints, str } from "../graph/graph.ts";
import { floatTensor, int64Tensor, type Tensor } from "../graph/tensor.ts";
import { liftGraph } from "../lift/index.ts";
import { upgradeGraph } from "../onnx/upgrade.ts";
import { foldConstants } from "../passes/fold-constants.ts";
import { lower } from "../passes/lower.ts";
import { inferTypes } from "./infer.ts";

/** Every inner value as an output. */
const transparent = (graph: Graph): Graph => ({
  ...graph,
  outputs: graph.nodes.flatMap(({ outputs }) => outputs.filter(Boolean).map((name) => ({ name }))),
});

interface Verdict {
  readonly values: number;
  /** Values whose shapes are known to the last size. */
  readonly complete: number;
  readonly wrong: string[];
}

/** Runs a graph and compares everything that inference claims of its values with what they are. */
async function verdictOn(graph: Graph, x: Floats): Promise<Verdict> {
  const types = inferTypes(graph);
  const sizes = new Map<string, Dim>();
  graph.inputs[0]!.shape!.forEach((dim, axis) => {
    if (typeof dim !== "number") sizes.set(dim.key, x.dims[axis]!);
  });
  const actual = await evaluate(transparent(graph), { [graph.inputs[0]!.name]: x });
  const wrong: string[] = [];
  let complete = 0;
  for (const [name, { dims, type, data }] of Object.entries(actual)) {
    const known = types.get(name) ?? {};
    const shape = known.shape?.map((dim) => evaluateDim(dim, sizes));
    if (known.dtype !== undefined && known.dtype !== type) wrong.push(`${name}: ${known.dtype}, is ${type}`);
    const agrees =
      !shape || (shape.length === dims.length && shape.every((n, i) => n === undefined || n === dims[i]));
    if (!agrees) wrong.push(`${name}: [${shape.join()}], is [${dims.join()}]`);
    if (shape?.every((n) => n !== undefined)) complete += 1;
    if (!known.value) continue;
    const elements = Array.from(known.value.data, (dim) => evaluateDim(dim, sizes) ?? NaN);
    const off = elements.findIndex((e, i) => !(Math.abs(e - data[i]!) <= 1e-6 * Math.abs(e)));
    if (elements.length !== data.length || off >= 0)
      wrong.push(`${name}: elements ${elements.join()}, are ${data.join()}`);
  }
  return { values: Object.keys(actual).length, complete, wrong };
}

describe.each(NETWORKS)("%s: every inner value is known, and as it is", (name) => {
  test.each(["2D", "3D"] as const)("%s", async (how) => {
    const { graph } = await network(name);
    const current = upgradeGraph(graph);
    const plain = how === "2D" ? current : lower(liftGraph(graph).graph).graph;
    const sizes = how === "2D" ? [2, 1, 40, 32] : [1, 1, 36, 40, 32];
    const x = random(
      plain.inputs[0]!.shape!.map((dim, axis) => (typeof dim === "number" ? dim : sizes[axis]!)),
    );
    const { values, complete, wrong } = await verdictOn(plain, x);
    expect(wrong).toEqual([]);
    expect(values).toBeGreaterThan(10);
    expect(complete).toBe(values);
  });
});

test("any geometry of convolutions, pools, transposed convolutions and resampling: fixed and open sizes, 2D and 3D", async () => {
  const side = fc.integer({ min: 5, max: 13 });
  await fc.assert(
    fc.asyncProperty(
      anyStages(false),
      fc.tuple(side, side, side),
      fc.boolean(),
      fc.boolean(),
      async (stages, sizes, fixed, flat) => {
        const two = networkOf(stages);
        const open = flat ? two : liftGraph(two).graph;
        const dims = flat ? [2, 4, sizes[1], sizes[2]] : [2, 4, ...sizes];
        fc.pre(fits(open, dims));
        const plain = flat ? open : lower(open).graph;
        const graph = fixed ? { ...plain, inputs: [{ ...plain.inputs[0]!, shape: dims }] } : plain;
        const { values, complete, wrong } = await verdictOn(graph, random(dims));
        expect(wrong).toEqual([]);
        expect(complete).toBe(values);
      },
    ),
    { numRuns: 100 },
  );
});

/** y = op(x, …) for x [2, 6, 7, 9] of open height and width. */
function single(
  op: string,
  inputs: string[],
  attrs: Attrs = {},
  initializers: Record<string, Tensor> = {},
  outputs = ["y"],
): Graph {
  return {
    ...graphOf([node(op, inputs, outputs, attrs)], { initializers }),
    inputs: [{ name: "x", dtype: "float32", shape: [2, 6, symbol("H"), symbol("W")] }],
  };
}

/** Operators as networks use them; each is checked with open sizes and with fixed ones. */
const OPERATORS: [string, Graph][] = [
  [
    "MaxPool, ceil",
    single("MaxPool", ["x"], { kernel_shape: ints([3, 2]), strides: ints([2, 3]), ceil_mode: int(1) }),
  ],
  [
    "MaxPool, SAME_UPPER",
    single("MaxPool", ["x"], {
      kernel_shape: ints([3, 3]),
      strides: ints([2, 2]),
      auto_pad: str("SAME_UPPER"),
    }),
  ],
  ["MaxPool with indices", single("MaxPool", ["x"], { kernel_shape: ints([2, 2]) }, {}, ["y", "i"])],
  [
    "AveragePool, VALID",
    single("AveragePool", ["x"], { kernel_shape: ints([3, 3]), auto_pad: str("VALID") }),
  ],
  ["LpPool", single("LpPool", ["x"], { kernel_shape: ints([3, 3]), strides: ints([2, 2]) })],
  ["GlobalMaxPool", single("GlobalMaxPool", ["x"])],
  [
    "Conv, SAME_LOWER",
    single(
      "Conv",
      ["x", "w"],
      { auto_pad: str("SAME_LOWER"), strides: ints([2, 2]) },
      { w: floatTensor([4, 6, 4, 3], random([4, 6, 4, 3]).data) },
    ),
  ],
  [
    "ConvTranspose, SAME_UPPER",
    single(
      "ConvTranspose",
      ["x", "w"],
      { auto_pad: str("SAME_UPPER"), strides: ints([2, 2]) },
      { w: floatTensor([6, 2, 3, 3], random([6, 2, 3, 3]).data) },
    ),
  ],
  [
    "ConvTranspose, output_shape",
    single(
      "ConvTranspose",
      ["x", "w"],
      { output_shape: ints([14, 18]), strides: ints([2, 2]) },
      { w: floatTensor([6, 2, 3, 3], random([6, 2, 3, 3]).data) },
    ),
  ],
  [
    "LayerNormalization",
    single(
      "LayerNormalization",
      ["x", "s"],
      { axis: int(1) },
      { s: floatTensor([6, 1, 1], new Float32Array(6)) },
      ["y", "m", "d"],
    ),
  ],
  ["Flatten", single("Flatten", ["x"], { axis: int(-2) })],
  ["Reshape", single("Reshape", ["x", "s"], {}, { s: int64Tensor([0, 2, 3, 0, -1]) })],
  ["Squeeze", single("Squeeze", ["x"])],
  ["Unsqueeze", single("Unsqueeze", ["x", "s"], {}, { s: int64Tensor([-1, 0]) })],
  ["Transpose", single("Transpose", ["x"])],
  ["Concat", single("Concat", ["x", "x"], { axis: int(-1) })],
  ["Split, uneven", single("Split", ["x"], { axis: int(2), num_outputs: int(4) }, {}, ["y", "a", "b", "c"])],
  ["Split of an open size", single("Split", ["x"], { axis: int(2), num_outputs: int(2) }, {}, ["y", "a"])],
  [
    "Slice backwards",
    single(
      "Slice",
      ["x", "s", "e", "a", "t"],
      {},
      { s: int64Tensor([-1]), e: int64Tensor([-(2 ** 40)]), a: int64Tensor([2]), t: int64Tensor([-2]) },
    ),
  ],
  [
    "Slice from the end",
    single(
      "Slice",
      ["x", "s", "e", "a"],
      {},
      { s: int64Tensor([-3, 1]), e: int64Tensor([2 ** 40, -1]), a: int64Tensor([3, 2]) },
    ),
  ],
  [
    "Slice beyond",
    single(
      "Slice",
      ["x", "s", "e", "a"],
      {},
      { s: int64Tensor([1]), e: int64Tensor([100]), a: int64Tensor([2]) },
    ),
  ],
  ["Gather a row", single("Gather", ["x", "i"], { axis: int(2) }, { i: int64Tensor([1], []) })],
  ["Pad, asymmetric", single("Pad", ["x", "p"], {}, { p: int64Tensor([0, 0, 1, 2, 0, 0, 3, -1]) })],
  ["Pad, by axes", single("Pad", ["x", "p", "", "a"], {}, { p: int64Tensor([1, 2]), a: int64Tensor([-1]) })],
  ["Expand", single("Expand", ["x", "s"], {}, { s: int64Tensor([3, 1, 1, 1, 1]) })],
  ["Tile", single("Tile", ["x", "s"], {}, { s: int64Tensor([1, 2, 3, 1]) })],
  [
    "Resize, by a scale that float32 rounds up",
    single("Resize", ["x", "", "s"], {}, { s: floatTensor([4], [1, 1, 10 / 7, 0.7]) }),
  ],
  [
    "Resize, by axes",
    single("Resize", ["x", "", "", "s"], { axes: ints([3, 2]) }, { s: int64Tensor([5, 4]) }),
  ],
  ["ReduceMean", single("ReduceMean", ["x", "a"], { keepdims: int(0) }, { a: int64Tensor([-1, 1]) })],
  ["ReduceSum of all", single("ReduceSum", ["x"])],
  ["ArgMax", single("ArgMax", ["x"], { axis: int(1), keepdims: int(0) })],
  ["MatMul of a vector", single("MatMul", ["x", "w"], {}, { w: floatTensor([9], new Float32Array(9)) })],
  [
    "Einsum, implicit output",
    single(
      "Einsum",
      ["x", "w"],
      { equation: str("nchw,dc") },
      { w: floatTensor([5, 6], new Float32Array(30)) },
    ),
  ],
  ["Einsum", single("Einsum", ["x", "x"], { equation: str("nchw,nchw->nhw") })],
  [
    "Where",
    single(
      "Where",
      ["c", "x", "o"],
      {},
      {
        c: { dtype: "bool", dims: [9], bytes: new Uint8Array(9) },
        o: floatTensor([1, 6, 1, 1], new Float32Array(6)),
      },
    ),
  ],
  ["Equal", single("Equal", ["x", "o"], {}, { o: floatTensor([6, 1, 1], new Float32Array(6)) })],
  ["TopK", single("TopK", ["x", "k"], { axis: int(1) }, { k: int64Tensor([3]) }, ["y", "i"])],
  [
    "OneHot",
    single(
      "OneHot",
      ["i", "d", "v"],
      {},
      { i: int64Tensor([1, 2], [2, 1]), d: int64Tensor([5], []), v: floatTensor([2], [0, 1]) },
    ),
  ],
  ["CumSum", single("CumSum", ["x", "a"], {}, { a: int64Tensor([2], []) })],
  [
    "GridSample",
    single("GridSample", ["x", "g"], {}, { g: floatTensor([2, 3, 4, 2], new Float32Array(48)) }),
  ],
  ["Shape of a part", single("Shape", ["x"], { start: int(-3), end: int(-1) })],
  ["Size", single("Size", ["x"])],
  ["Dropout", single("Dropout", ["x"], {}, {}, ["y", "mask"])],
  ["IsNaN", single("IsNaN", ["x"])],
  ["Cast", single("Cast", ["x"], { to: int(10) })],
  [
    "InstanceNormalization",
    single("InstanceNormalization", ["x", "s", "s"], {}, { s: floatTensor([6], new Float32Array(6)) }),
  ],
];

test.each(OPERATORS)("%s", async (_, graph) => {
  const x = random([2, 6, 7, 9]);
  const fixed = { ...graph, inputs: [{ ...graph.inputs[0]!, shape: x.dims }] };
  for (const version of [graph, fixed]) {
    const { values, complete, wrong } = await verdictOn(version, x);
    expect(wrong).toEqual([]);
    expect(complete).toBe(values);
  }
});

test("pools with ceil_mode: any size, kernel, stride and padding", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 5 }),
      fc.tuple(fc.nat(3), fc.nat(3)),
      async (n, kernel, stride, [before, after]) => {
        fc.pre(before < kernel && after < kernel && n + before + after >= kernel);
        const attrs = {
          kernel_shape: ints([kernel]),
          strides: ints([stride]),
          pads: ints([before, after]),
          ceil_mode: int(1),
        };
        const graph: Graph = {
          ...graphOf([node("MaxPool", ["x"], ["y"], attrs)]),
          inputs: [{ name: "x", dtype: "float32", shape: [1, 1, symbol("H")] }],
        };
        expect((await verdictOn(graph, random([1, 1, n]))).wrong).toEqual([]);
      },
    ),
    { numRuns: 150 },
  );
});

describe("shape arithmetic, as exporters write it", () => {
  /** Half of the height, read from the shape, by a float factor. */
  const sized = (factor: number): Graph => ({
    ...graphOf(
      [
        node("Shape", ["x"], ["s"]),
        node("Slice", ["s", "two", "four"], ["hw"]),
        node("Cast", ["hw"], ["f"], { to: int(1) }),
        node("Mul", ["f", "factor"], ["m"]),
        node("Floor", ["m"], ["l"]),
        node("Cast", ["l"], ["i"], { to: int(7) }),
        node("Slice", ["s", "zero", "two"], ["nc"]),
        node("Concat", ["nc", "i"], ["sizes"], { axis: int(0) }),
        node("Resize", ["x", "", "", "sizes"], ["y"], { mode: str("linear") }),
      ],
      {
        initializers: {
          zero: int64Tensor([0]),
          two: int64Tensor([2]),
          four: int64Tensor([4]),
          factor: floatTensor([1], [factor]),
        },
      },
    ),
    inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 2, symbol("H"), symbol("W")] }],
  });

  test.each([0.5, 0.7, 1.3, 1 / 3, 2.6, 0.29])("sizes times %f", async (factor) => {
    for (const sides of [
      [10, 20],
      [7, 9],
      [30, 13],
    ]) {
      const x = random([1, 2, ...sides]);
      const open = sized(factor);
      const fixed = { ...open, inputs: [{ ...open.inputs[0]!, shape: x.dims }] };
      for (const graph of [open, fixed]) {
        const { values, complete, wrong } = await verdictOn(graph, x);
        expect(wrong).toEqual([]);
        expect(complete).toBe(values);
      }
      expect(foldConstants(fixed).nodes.map(({ op }) => op)).toEqual(["Resize"]);
      // Lifted, the sizes are computed while running, depth's like height's.
      const volume = random([1, 2, sides[0]!, ...sides]);
      const y = await evaluate(lower(liftGraph(open).graph).graph, { x: volume });
      const flat = await evaluate(open, { x });
      const [, , h, w] = flat.y!.dims;
      expect(y.y!.dims).toEqual([1, 2, h, h, w]);
    }
  });
});

describe("what cannot be known", () => {
  test("is nothing in particular, and equal to nothing else", () => {
    const nodes = [
      node("NonZero", ["x"], ["a"]),
      node("NonZero", ["x"], ["b"]),
      node("Concat", ["a", "b"], ["y"], { axis: int(0) }),
    ];
    const types = inferTypes(graphOf(nodes, { inputs: [value("x", [3, 4])] }));
    const [a, b] = [types.get("a")!.shape!, types.get("b")!.shape!];
    expect(a[0]).toBe(2);
    expect(String(a[1])).not.toBe(String(b[1]));
    expect(substituteDim(a[1]!, new Map([["H", 4]]))).toEqual(a[1]);
  });

  test("operators without a rule: the file's own word, else nothing", () => {
    const custom: Node = { ...node("Warp", ["x"], ["a", "b"]), domain: "com.example" };
    const graph = {
      ...graphOf([custom], { outputs: [value("a")] }),
      valueInfos: new Map([["a", value("a", [1, 2])]]),
    };
    const types = inferTypes(graph);
    expect(types.get("a")).toEqual({ dtype: "float32", shape: [1, 2] });
    expect(types.get("b")).toEqual({ dtype: undefined, shape: undefined });
  });
});

describe("contradictions name the node", () => {
  test.each([
    [
      "Add of shapes that do not broadcast",
      node("Add", ["x", "w"], ["y"]),
      { w: floatTensor([5], new Float32Array(5)) },
      /^Add "y": shapes .* do not broadcast$/,
    ],
    [
      "too few channels",
      node("Conv", ["x", "w"], ["y"]),
      { w: floatTensor([2, 5, 1, 1], new Float32Array(10)) },
      /^Conv "y": expected 5 input channels, got 6$/,
    ],
    [
      "a kernel of another rank",
      node("Conv", ["x", "w"], ["y"]),
      { w: floatTensor([2, 6, 1], new Float32Array(12)) },
      /^Conv "y": input of rank 4 against a kernel of rank 3$/,
    ],
    [
      "a kernel_shape that its weights do not have",
      node("Conv", ["x", "w"], ["y"], { kernel_shape: ints([5, 5]) }),
      { w: floatTensor([1, 6, 3, 3], new Float32Array(54)) },
      /^Conv "y": its kernel_shape is \[5, 5\], and its weights have a kernel of \[3, 3\]$/,
    ],
    [
      "weights of no output",
      node("Conv", ["x", "w"], ["y"]),
      { w: floatTensor([0, 6, 3, 3], new Float32Array(0)) },
      /^Conv "y": its weights have a size of zero: \[0, 6, 3, 3\]$/,
    ],
    [
      "a text for numbers",
      node("MaxPool", ["x"], ["y"], { kernel_shape: ints([2, 2]), pads: str("abc") }),
      {},
      /^MaxPool "y": pads should be whole numbers, and is string$/,
    ],
    [
      "parts that are not the whole",
      node("Split", ["x", "s"], ["a", "y"], { axis: int(1) }),
      { s: int64Tensor([3, 4]) },
      /^Split "a": its parts of 3, 4 should make up the 6 of axis 1$/,
    ],
    [
      "scales that are no numbers",
      node("Resize", ["x", "", "s"], ["y"]),
      { s: floatTensor([4], Float32Array.of(1, 1, NaN, 2)) },
      /^Resize "y": its scales should be positive numbers, and are \[1, 1, NaN, 2\]$/,
    ],
    [
      "a stride of 0",
      node("MaxPool", ["x"], ["y"], { kernel_shape: ints([2, 2]), strides: ints([0, 1]) }),
      {},
      /^MaxPool "y": .* must be positive$/,
    ],
    [
      "strides for three axes",
      node("MaxPool", ["x"], ["y"], { kernel_shape: ints([2, 2]), strides: ints([1, 1, 1]) }),
      {},
      /^MaxPool "y": strides, .* must fit/,
    ],
    [
      "an axis that is not there",
      node("Concat", ["x", "x"], ["y"], { axis: int(4) }),
      {},
      /^Concat "y": axis 4 is outside a tensor of rank 4$/,
    ],
    [
      "parts of unequal height",
      node("Concat", ["x", "w"], ["y"], { axis: int(1) }),
      { w: floatTensor([2, 1, 8, 9], new Float32Array(144)) },
      /^Concat "y": inputs must agree off axis 1/,
    ],
    [
      "features that do not fit a weight",
      node("MatMul", ["x", "w"], ["y"]),
      { w: floatTensor([5, 2], new Float32Array(10)) },
      /^MatMul "y": contracts 9 elements with 5$/,
    ],
    [
      "a permutation of three axes",
      node("Transpose", ["x"], ["y"], { perm: ints([0, 1, 2]) }),
      {},
      /^Transpose "y": permutes 3 axes of a tensor of rank 4$/,
    ],
    [
      "elements that do not regroup",
      node("Reshape", ["x", "s"], ["y"]),
      { s: int64Tensor([-1, 5]) },
      /^Reshape "y": cannot regroup 756 elements/,
    ],
    [
      "an index beyond the axis",
      node("Gather", ["s", "i"], ["y"]),
      { s: int64Tensor([1, 2]), i: int64Tensor([2]) },
      /^Gather "y": index 2 is outside an axis of 2$/,
    ],
    [
      "an unknown auto_pad",
      node("MaxPool", ["x"], ["y"], { kernel_shape: ints([2, 2]), auto_pad: str("FULL") }),
      {},
      /^MaxPool "y": auto_pad is "FULL"/,
    ],
  ] satisfies [string, Node, Record<string, Tensor>, RegExp][])("%s", (_, wrong, initializers, message) => {
    const graph = graphOf([wrong], { inputs: [value("x", [2, 6, 7, 9])], initializers });
    let error: unknown;
    try {
      inferTypes(graph);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(AcsconvError);
    expect((error as AcsconvError).kind).toBe("graph");
    expect((error as AcsconvError).message).toMatch(message);
  });
});
