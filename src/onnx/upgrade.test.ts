import { describe, expect, test } from "vitest";
import { graphOf, node, runInOrt, value } from "../../test/helpers/graphs.ts";
import { AcsconvError } from "../base/errors.ts";
import { float, floats, int, ints, opsetOf, str, type Graph, type Node } from "../graph/graph.ts";
import { floatTensor, int64Tensor, tensorOf, type Tensor } from "../graph/tensor.ts";
import { allNames } from "./upgrade/context.ts";
import { upgradeGraph } from "./upgrade.ts";

/** Both forms run the same kernels, but for Softmax, which may sum in another order. */
const CLOSE = { rtol: 1e-6, atol: 1e-7 };

const DIMS = [2, 3, 4, 6];
/** Numbers without pattern or ties, both signs. */
const data = Float32Array.from({ length: 144 }, (_, i) => 3 * Math.sin(1 + i * i * 0.37));

const opsOf = (graph: Graph): string => graph.nodes.map(({ op }) => op).join(" ");

interface Case {
  readonly name: string;
  /** The operator set of the old form; the input is x [2, 3, 4, 6] unless `flat`. */
  readonly opset: number;
  readonly nodes: Node[];
  readonly outputs?: string[];
  readonly initializers?: Record<string, Tensor>;
  /** The operators of the upgraded graph. */
  readonly ops: string;
  /** Do not declare the input's type. */
  readonly untyped?: boolean;
}

const statistics = {
  scale: floatTensor([3], [1, 2, 0.5]),
  b: floatTensor([3], [0, -1, 1]),
  mean: floatTensor([3], [0.1, -0.2, 0.3]),
  variance: floatTensor([3], [1, 2, 3]),
};
const one = (op: string, attrs: Node["attrs"] = {}, ...more: string[]): Node[] => [
  node(op, ["x", ...more], ["y"], attrs),
];
const scales = (...values: number[]): Record<string, Tensor> => ({ s: floatTensor([values.length], values) });
const branch = (op: string): Node["attrs"][string] => ({
  kind: "graph",
  value: {
    ...graphOf([node(op, ["x"], ["z"])], { inputs: [], outputs: [value("z", DIMS)] }),
    opsets: new Map(),
  },
});

const cases: Case[] = [
  {
    name: "Upsample-7, nearest",
    opset: 7,
    nodes: one("Upsample", { scales: floats([1, 1, 2, 3]) }),
    ops: "Resize",
  },
  {
    name: "Upsample-7, linear",
    opset: 7,
    nodes: one("Upsample", { scales: floats([1, 1, 2, 3]), mode: str("linear") }),
    ops: "Resize",
  },
  {
    name: "Upsample-9",
    opset: 9,
    nodes: one("Upsample", {}, "s"),
    initializers: scales(1, 1, 1.5, 2),
    ops: "Resize",
  },
  {
    name: "Resize-10, enlarging",
    opset: 10,
    nodes: one("Resize", {}, "s"),
    initializers: scales(1, 1, 1.7, 2),
    ops: "Resize",
  },
  {
    name: "Resize-10, shrinking",
    opset: 10,
    nodes: one("Resize", {}, "s"),
    initializers: scales(1, 1, 0.6, 0.5),
    ops: "Resize",
  },
  {
    name: "Resize-10, both",
    opset: 10,
    nodes: one("Resize", {}, "s"),
    initializers: scales(1, 1, 0.6, 1.7),
    ops: "Resize Resize",
  },
  {
    name: "Resize-10, linear",
    opset: 10,
    nodes: one("Resize", { mode: str("linear") }, "s"),
    initializers: scales(1, 1, 0.6, 1.7),
    ops: "Resize",
  },
  ...["floor", "round_prefer_floor"].map((rounding) => ({
    name: `Resize-11, tf_half_pixel_for_nn, ${rounding}`,
    opset: 11,
    nodes: [
      node("Resize", ["x", "none", "s"], ["y"], {
        coordinate_transformation_mode: str("tf_half_pixel_for_nn"),
        nearest_mode: str(rounding),
      }),
    ],
    initializers: { ...scales(1, 1, 0.6, 1.7), none: floatTensor([0], []) },
    ops: "Resize",
  })),
  {
    name: "Pad-2, a constant",
    opset: 7,
    nodes: one("Pad", { pads: ints([0, 0, 1, 2, 0, 0, 0, 1]), value: float(1.5) }),
    ops: "Pad",
  },
  {
    name: "Pad-2, a constant of the unknown type of a value",
    opset: 9,
    nodes: [
      node("Where", ["condition", "x", "x"], ["w"]),
      node("Pad", ["w"], ["y"], { pads: ints([0, 0, 1, 2, 0, 0, 0, 1]), value: float(1.5) }),
    ],
    initializers: { condition: tensorOf("bool", [], [1]) },
    ops: "Where CastLike Pad",
  },
  {
    name: "Pad-2, reflected",
    opset: 7,
    nodes: one("Pad", { pads: ints([0, 0, 1, 2, 0, 0, 0, 1]), mode: str("reflect") }),
    ops: "Pad",
  },
  {
    name: "Slice-1",
    opset: 7,
    nodes: one("Slice", { starts: ints([1, -3]), ends: ints([2 ** 31, -1]), axes: ints([1, 3]) }),
    ops: "Slice",
  },
  {
    name: "Slice-1, no axes",
    opset: 7,
    nodes: one("Slice", { starts: ints([0, 1]), ends: ints([1, 3]) }),
    ops: "Slice",
  },
  { name: "Clip-6", opset: 7, nodes: one("Clip", { min: float(-1), max: float(1) }), ops: "Clip" },
  { name: "Clip-6, one bound", opset: 7, nodes: one("Clip", { max: float(1) }), ops: "Clip" },
  { name: "Clip-6, no bounds", opset: 7, nodes: one("Clip"), ops: "Clip" },
  { name: "Dropout-7", opset: 7, nodes: one("Dropout", { ratio: float(0.3) }), ops: "Dropout" },
  {
    name: "BatchNormalization-7",
    opset: 7,
    nodes: one("BatchNormalization", { spatial: int(1) }, "scale", "b", "mean", "variance"),
    initializers: statistics,
    ops: "BatchNormalization",
  },
  {
    name: "Unsqueeze, Squeeze",
    opset: 11,
    nodes: [
      node("Unsqueeze", ["x"], ["u"], { axes: ints([0, 2]) }),
      node("Squeeze", ["u"], ["y"], { axes: ints([2]) }),
    ],
    ops: "Unsqueeze Squeeze",
  },
  {
    name: "ReduceSum-11",
    opset: 11,
    nodes: one("ReduceSum", { axes: ints([1, -1]), keepdims: int(0) }),
    ops: "ReduceSum",
  },
  { name: "ReduceSum-11, all", opset: 11, nodes: one("ReduceSum"), ops: "ReduceSum" },
  ...["L1", "L2", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare"].map((kind) => ({
    name: `Reduce${kind}-13`,
    opset: 13,
    nodes: one(`Reduce${kind}`, { axes: ints([2, 3]) }),
    ops: `Reduce${kind}`,
  })),
  {
    name: "Split-2, sizes",
    opset: 11,
    nodes: [node("Split", ["x"], ["a", "b"], { axis: int(1), split: ints([1, 2]) })],
    outputs: ["a", "b"],
    ops: "Split",
  },
  {
    name: "Split-2, equal",
    opset: 11,
    nodes: [node("Split", ["x"], ["a", "b"], { axis: int(2) })],
    outputs: ["a", "b"],
    ops: "Split",
  },
  ...["Softmax", "LogSoftmax", "Hardmax"].flatMap((op) => [
    { name: `${op}-1, axis 1 of 4`, opset: 9, nodes: one(op), ops: `Shape Flatten ${op} Reshape` },
    {
      name: `${op}-1, axis 0 of 4`,
      opset: 9,
      nodes: one(op, { axis: int(0) }),
      ops: `Shape Flatten ${op} Reshape`,
    },
    {
      name: `${op}-11, axis -2`,
      opset: 11,
      nodes: one(op, { axis: int(-2) }),
      ops: `Shape Flatten ${op} Reshape`,
    },
    { name: `${op}-11, axis -1`, opset: 11, nodes: one(op, { axis: int(-1) }), ops: op },
    { name: `${op}-1, last axis`, opset: 9, nodes: one(op, { axis: int(3) }), ops: op },
    {
      name: `${op}-1, unknown rank`,
      opset: 9,
      nodes: one(op, { axis: int(2) }),
      ops: `Shape Flatten ${op} Reshape`,
      untyped: true,
    },
    {
      name: `${op}-1, rank by a Transpose before`,
      opset: 9,
      nodes: [
        node("Transpose", ["x"], ["t"], { perm: ints([0, 2, 3, 1]) }),
        node("Relu", ["t"], ["r"]),
        node(op, ["r"], ["y"], { axis: int(3) }),
      ],
      ops: `Transpose Relu ${op}`,
      untyped: true,
    },
  ]),
  {
    name: "TopK-1",
    opset: 9,
    nodes: [node("TopK", ["x"], ["y", "indices"], { k: int(3), axis: int(3) })],
    ops: "TopK",
  },
  {
    name: "Scatter-9",
    opset: 9,
    nodes: one("Scatter", { axis: int(3) }, "i", "u"),
    initializers: { i: int64Tensor([5], [1, 1, 1, 1]), u: floatTensor([1, 1, 1, 1], [9]) },
    ops: "ScatterElements",
  },
  {
    name: "RoiAlign-10",
    opset: 10,
    nodes: one("RoiAlign", { output_height: int(2), output_width: int(2) }, "rois", "i"),
    initializers: { rois: floatTensor([1, 4], [0.3, 0.4, 3.2, 2.9]), i: int64Tensor([1]) },
    ops: "RoiAlign",
  },
  {
    name: "in a subgraph",
    opset: 9,
    nodes: [node("If", ["condition"], ["y"], { then_branch: branch("Softmax"), else_branch: branch("Neg") })],
    initializers: { condition: tensorOf("bool", [], [1]) },
    ops: "If",
  },
];

describe("each form computes what the old one did", () => {
  test.each(cases)("$name", async ({ opset, nodes, outputs = ["y"], initializers = {}, ops, untyped }) => {
    const old = graphOf(nodes, {
      inputs: [value("x", untyped ? undefined : DIMS)],
      outputs: outputs.map((name) => value(name)),
      initializers,
      opset,
    });
    const upgraded = upgradeGraph(old);
    expect(opsOf(upgraded)).toBe(ops);
    expect(opsetOf(upgraded)).toBe(18);
    for (const name of allNames(old)) expect(allNames(upgraded)).toContain(name);

    const feeds = { x: { dims: DIMS, data } };
    const [expected, actual] = [await runInOrt(old, feeds), await runInOrt(upgraded, feeds)];
    for (const name of outputs) expect(actual[name]).toBeAllClose(expected[name]!, CLOSE);
  });
});

test("the mask of an old Dropout keeps the type of its data", () => {
  const outputs = [value("y"), value("mask")];
  const graph = upgradeGraph(graphOf([node("Dropout", ["x"], ["y", "mask"])], { outputs, opset: 7 }));
  expect(graph.nodes.map(({ op, outputs }) => [op, outputs])).toEqual([
    ["Dropout", ["y", "mask_bool"]],
    ["Cast", ["mask"]],
  ]);
});

test("BatchNormalization with several outputs is training", () => {
  const outputs = ["y", "m", "v", "sm", "sv"];
  const graph = upgradeGraph(
    graphOf([node("BatchNormalization", ["x", "s", "b", "m0", "v0"], outputs)], { opset: 9 }),
  );
  expect(graph.nodes[0]).toMatchObject({ outputs: ["y", "m", "v"], attrs: { training_mode: int(1) } });
});

test("names that are taken stay, and what is new gets others", () => {
  const graph = upgradeGraph(
    graphOf([node("Squeeze", ["y_axes"], ["y"], { axes: ints([0]) })], {
      inputs: [value("y_axes")],
      opset: 9,
    }),
  );
  expect(graph.nodes[0]?.inputs).toEqual(["y_axes", "y_axes_1"]);
});

test("operators of other domains, unknown ones and new files stay as they are", () => {
  const foreign: Node = { ...node("Pad", ["x"], ["y"], { pads: ints([1]) }), domain: "com.example" };
  expect(upgradeGraph(graphOf([foreign], { opset: 7 })).nodes).toEqual([foreign]);
  const unknown = node("constructor", ["x"], ["y"]);
  expect(upgradeGraph(graphOf([unknown], { opset: 7 })).nodes).toEqual([unknown]);
  const recent = graphOf([node("Relu", ["x"], ["y"])], { opset: 21 });
  expect(upgradeGraph(recent)).toBe(recent);
});

test.each<[string, Graph, RegExp]>([
  [
    "statistics per activation",
    graphOf([node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], { spatial: int(0) })], {
      opset: 8,
    }),
    /BatchNormalization "y" .*spatial/,
  ],
  [
    "Scan with a batch axis",
    graphOf([node("Scan", ["", "x"], ["y"])], { opset: 8 }),
    /Scan "y" .*batch axis/,
  ],
  [
    "a removed operator",
    graphOf([node("ImageScaler", ["x"], ["y"])], { opset: 9 }),
    /ImageScaler "y" .*removed/,
  ],
  [
    "broadcasting at an axis of what is unknown",
    graphOf([node("Add", ["x", "b"], ["y"], { broadcast: int(1), axis: int(1) })], { opset: 6 }),
    /Add "y" .*ranks/,
  ],
  ["no input", graphOf([node("Pad", [], ["y"])], { opset: 7 }), /Pad "y" needs/],
])("%s is refused", (_, graph, message) => {
  const upgrade = (): Graph => upgradeGraph(graph);
  expect(upgrade).toThrow(AcsconvError);
  expect(upgrade).toThrow(message);
});
