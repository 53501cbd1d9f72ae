/** @file What depends on constants alone is computed ahead, as ONNX Runtime would; branches that are known are taken. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate, graphOf, node, value } from "../../test/helpers/graphs.ts";
import { random } from "../../test/helpers/networks.ts";
import { symbol } from "../graph/dim.ts";
import type { Attrs, Graph, Node } from "../graph/graph.ts";
import { float, floats, int, ints, tensorAttr } from "../graph/graph.ts";
import { floatTensor, int64Tensor, numbersOf, tensorOf, type DType, type Tensor } from "../graph/tensor.ts";
import { foldConstants } from "./fold-constants.ts";
import { dropUnused } from "./tidy.ts";

const folded = (graph: Graph): Graph => dropUnused(foldConstants(graph));

/** Reads a value in a way that the graph cannot fold: added to x, as float32. */
const used = (name: string): Node[] => [
  node("Cast", [name], ["as float"], { to: int(1) }),
  node("Add", ["x", "as float"], ["y"]),
];

/** The graph gives the same numbers with everything but the last Add folded. */
async function expectFoldedAway(
  nodes: Node[],
  initializers: Record<string, Tensor>,
  shape: readonly number[] = [1],
): Promise<void> {
  const graph = graphOf([...nodes, ...used("result")], { inputs: [value("x", [...shape])], initializers });
  const short = folded(graph);
  expect(short.nodes.map(({ op }) => op)).toEqual(["Add"]);
  const x = { dims: shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) };
  expect(await evaluate(short, { x })).toEqual(await evaluate(graph, { x }));
}

const DTYPES: [DType, readonly number[]][] = [
  ["int64", [-7, 0, 3, 1000]],
  ["int32", [-7, 0, 3, 1000]],
  ["float32", [-2.5, 0.5, 1.1, 1e7]],
];

describe("operators over constants", () => {
  const binary = ["Add", "Sub", "Mul", "Max", "Min"];
  test.each(binary.flatMap((op) => DTYPES.map(([dtype, values]) => [op, dtype, values] as const)))(
    "%s of %s",
    async (op, dtype, values) => {
      const initializers = { a: tensorOf(dtype, [4, 1], values), b: tensorOf(dtype, [3], [3, -2, 5]) };
      await expectFoldedAway([node(op, ["a", "b"], ["result"])], initializers, [4, 3]);
    },
  );

  test.each([
    ["int64", [7, -7, 7, -7], [2, 2, -2, -2]],
    ["float32", [7, -7, 1, 0.5], [2, 3, 3, -7]],
  ] satisfies [DType, number[], number[]][])("Div of %s: integers truncate", async (dtype, a, b) => {
    await expectFoldedAway(
      [node("Div", ["a", "b"], ["result"])],
      { a: tensorOf(dtype, [4], a), b: tensorOf(dtype, [4], b) },
      [4],
    );
  });

  test("Mod of either sign", async () => {
    const initializers = { a: int64Tensor([7, -7, 7, -7]), b: int64Tensor([3, 3, -3, -3]) };
    await expectFoldedAway([node("Mod", ["a", "b"], ["result"])], initializers, [4]);
    await expectFoldedAway([node("Mod", ["a", "b"], ["result"], { fmod: int(1) })], initializers, [4]);
  });

  test.each(["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"])("%s", async (op) => {
    await expectFoldedAway(
      [node(op, ["a", "b"], ["result"])],
      { a: floatTensor([3], [1, 2, 3]), b: floatTensor([1], [2]) },
      [3],
    );
  });

  test.each(["And", "Or", "Xor"])("%s, and Not", async (op) => {
    const initializers = { a: tensorOf("bool", [2, 1], [0, 1]), b: tensorOf("bool", [2], [0, 1]) };
    await expectFoldedAway(
      [node(op, ["a", "b"], ["c"]), node("Not", ["c"], ["result"])],
      initializers,
      [2, 2],
    );
  });

  test.each(["Abs", "Neg", "Floor", "Ceil", "Round", "Sign", "Relu", "Exp", "Tanh", "Sigmoid"])(
    "%s",
    async (op) => {
      // Halves round to even.
      const initializers = { a: floatTensor([7], [-2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.25]) };
      const graph = graphOf([node(op, ["a"], ["result"]), ...used("result")], {
        inputs: [value("x", [7])],
        initializers,
      });
      const short = folded(graph);
      expect(short.nodes.map((n) => n.op)).toEqual(["Add"]);
      const x = { dims: [7], data: new Float32Array(7) };
      const [ours, theirs] = [(await evaluate(short, { x })).y!, (await evaluate(graph, { x })).y!];
      expect(ours.data).toBeAllClose(theirs.data, { rtol: 1e-6, atol: 1e-7 });
    },
  );

  test.each(["Sqrt", "Reciprocal", "Log"])("%s of positive numbers", async (op) => {
    const graph = graphOf([node(op, ["a"], ["result"]), ...used("result")], {
      inputs: [value("x", [3])],
      initializers: { a: floatTensor([3], [0.1, 2, 30]) },
    });
    const x = { dims: [3], data: new Float32Array(3) };
    const [ours, theirs] = [(await evaluate(folded(graph), { x })).y!, (await evaluate(graph, { x })).y!];
    expect(ours.data).toBeAllClose(theirs.data, { rtol: 1e-6, atol: 1e-7 });
  });

  const a234 = {
    a: int64Tensor(
      Array.from({ length: 24 }, (_, i) => i * i - 50),
      [2, 3, 4],
    ),
  };
  const unary: [string, string[], Attrs, Record<string, Tensor>, number[]][] = [
    ["Transpose", [], { perm: ints([2, 0, 1]) }, {}, [4, 2, 3]],
    ["Transpose", [], {}, {}, [4, 3, 2]],
    ["Reshape", ["s"], {}, { s: int64Tensor([0, -1]) }, [2, 12]],
    ["Flatten", [], { axis: int(2) }, {}, [6, 4]],
    ["Unsqueeze", ["s"], {}, { s: int64Tensor([0, -1]) }, [1, 2, 3, 4, 1]],
    [
      "Slice",
      ["s", "e", "ax", "st"],
      {},
      {
        s: int64Tensor([-1, 3]),
        e: int64Tensor([-9, 0]),
        ax: int64Tensor([1, -1]),
        st: int64Tensor([-2, -1]),
      },
      [2, 2, 3],
    ],
    ["Slice", ["s", "e"], {}, { s: int64Tensor([1, -2]), e: int64Tensor([2 ** 40, -1]) }, [1, 1, 4]],
    ["Gather", ["i"], { axis: int(1) }, { i: int64Tensor([-1, 0, 0, 2], [2, 2]) }, [2, 2, 2, 4]],
    ["Gather", ["i"], { axis: int(-1) }, { i: int64Tensor([1], []) }, [2, 3]],
    ["Expand", ["s"], {}, { s: int64Tensor([2, 1, 1, 1]) }, [2, 2, 3, 4]],
    ["Concat", ["a"], { axis: int(-2) }, {}, [2, 6, 4]],
    ["ReduceSum", [], { keepdims: int(0) }, {}, []],
    ["ReduceMax", [], {}, {}, [1, 1, 1]],
    ["ReduceMin", [], {}, {}, [1, 1, 1]],
  ];
  test.each(
    unary.map(
      ([op, more, attrs, initializers, shape], i) => [op, i, { more, attrs, initializers, shape }] as const,
    ),
  )("%s (case %i)", async (op, _, c) => {
    await expectFoldedAway(
      [node(op, ["a", ...c.more], ["result"], c.attrs)],
      { ...a234, ...c.initializers },
      c.shape,
    );
  });

  test("Where", async () => {
    const initializers = {
      c: tensorOf("bool", [2, 1], [1, 0]),
      a: int64Tensor([1, 2, 3]),
      b: int64Tensor([9], []),
    };
    await expectFoldedAway([node("Where", ["c", "a", "b"], ["result"])], initializers, [2, 3]);
  });

  test("Range up and down, ConstantOfShape, Size, Shape of part", async () => {
    await expectFoldedAway(
      [node("Range", ["s", "l", "d"], ["result"])],
      { s: int64Tensor([9], []), l: int64Tensor([0], []), d: int64Tensor([-4], []) },
      [3],
    );
    await expectFoldedAway(
      [node("ConstantOfShape", ["s"], ["result"], { value: tensorAttr(int64Tensor([7])) })],
      { s: int64Tensor([2, 3]) },
      [2, 3],
    );
    await expectFoldedAway([node("Size", ["a"], ["result"])], a234, []);
    await expectFoldedAway([node("Shape", ["a"], ["result"], { start: int(-2), end: int(3) })], a234, [2]);
  });

  test("Cast truncates", async () => {
    await expectFoldedAway(
      [node("Cast", ["a"], ["result"], { to: int(7) })],
      { a: floatTensor([4], [-1.9, -0.5, 1.5, 2.999]) },
      [4],
    );
    await expectFoldedAway(
      [node("Cast", ["a"], ["result"], { to: int(9) })],
      { a: floatTensor([3], [0, 0.5, -3]) },
      [3],
    );
  });

  test("float arithmetic is done in float32, not better", async () => {
    // 10 · 0.7 is 6.9999998 in between; float32 rounds it to 7.
    const nodes = [node("Mul", ["a", "b"], ["m"]), node("Floor", ["m"], ["result"])];
    await expectFoldedAway(nodes, { a: floatTensor([1], [10]), b: floatTensor([1], [0.7]) });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 600 }),
        fc.float({ min: Math.fround(0.1), max: 4, noNaN: true }),
        (n, scale) => expectFoldedAway(nodes, { a: floatTensor([1], [n]), b: floatTensor([1], [scale]) }),
      ),
      { numRuns: 50 },
    );
  });
});

describe("Constant nodes, in every form", () => {
  test.each([
    ["value", tensorAttr(floatTensor([2], [1, 2])), [1, 2]],
    ["value_float", float(1.5), [1.5]],
    ["value_floats", floats([1, 2.5]), [1, 2.5]],
    ["value_int", int(3), [3]],
    ["value_ints", ints([3, 4]), [3, 4]],
  ] as const)("%s", (attribute, attr, expected) => {
    const graph = folded(graphOf([node("Constant", [], ["y"], { [attribute]: attr })], { inputs: [] }));
    expect(graph.nodes).toEqual([]);
    expect(Array.from(numbersOf(graph.initializers.get("y")!))).toEqual(expected);
  });
});

describe("shape arithmetic", () => {
  const arithmetic = [
    node("Shape", ["x"], ["s"]),
    node("Gather", ["s", "two"], ["h"]),
    node("Mul", ["h", "h"], ["result"]),
    ...used("result"),
  ];
  const initializers = { two: int64Tensor([2], []) };

  test("of a known size is a number", () => {
    const graph = folded(graphOf(arithmetic, { inputs: [value("x", [1, 2, 5, 7])], initializers }));
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Add"]);
    expect(numbersOf(graph.initializers.get("as float")!)[0]).toBe(25);
  });

  test("of an open size stays, but for the parts that are known", () => {
    const open = { name: "x", dtype: "float32" as const, shape: [symbol("N"), 2, symbol("H"), 7] };
    const channels = [...arithmetic, node("Gather", ["s", "one"], ["c"])];
    const graph = foldConstants({
      ...graphOf(channels, { initializers: { ...initializers, one: int64Tensor([1], []) } }),
      inputs: [open],
    });
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Shape", "Gather", "Mul", "Cast", "Add"]);
    expect(numbersOf(graph.initializers.get("c")!)[0]).toBe(2);
  });
});

describe("left alone", () => {
  test("operators without a value rule, and those of other domains", () => {
    const initializers = { a: floatTensor([1, 1, 4, 4], random([1, 1, 4, 4]).data) };
    const nodes = [
      node("MaxPool", ["a"], ["p"], { kernel_shape: ints([2, 2]) }),
      { ...node("Relu", ["a"], ["q"]), domain: "com.example" },
      node("RandomNormal", [], ["r"], { shape: ints([2]) }),
    ];
    const graph = graphOf(nodes, {
      inputs: [],
      outputs: ["p", "q", "r"].map((name) => value(name)),
      initializers,
    });
    expect(foldConstants(graph).nodes).toEqual(nodes);
  });
});

describe("If", () => {
  const branch = (
    nodes: Node[],
    output: string,
    initializers: Record<string, Tensor> = {},
  ): Attrs[string] => ({
    kind: "graph",
    value: { ...graphOf(nodes, { inputs: [], outputs: [value(output)], initializers }), opsets: new Map() },
  });
  const half = { half: floatTensor([1], [0.5]) };
  const branches = (then: Attrs[string], otherwise: Attrs[string]): Attrs => ({
    then_branch: then,
    else_branch: otherwise,
  });
  const x = random([1, 2, 4, 6]);

  async function expectTaken(graph: Graph, ops: string[]): Promise<void> {
    const taken = folded(graph);
    expect(taken.nodes.map(({ op }) => op)).toEqual(ops);
    expect(await evaluate(taken, { x })).toEqual(await evaluate(graph, { x }));
  }

  test.each([
    [1, ["Mul", "Neg"]],
    [0, ["Add"]],
  ] as const)(
    "condition %i: the branch is inlined, captured values and own constants with it",
    async (condition, ops) => {
      const attrs = branches(
        branch([node("Mul", ["x", "half"], ["m"]), node("Neg", ["m"], ["z"])], "z", half),
        branch([node("Add", ["x", "half"], ["z"])], "z", half),
      );
      await expectTaken(
        graphOf([node("If", ["c"], ["y"], attrs)], {
          inputs: [value("x", [1, 2, 4, 6])],
          initializers: { c: tensorOf("bool", [], [condition]) },
        }),
        [...ops],
      );
    },
  );

  test("two of them with the same names inside do not meet", async () => {
    const scaled = (op: string, factor: number): Attrs[string] =>
      branch([node("Mul", ["x", "half"], ["m"]), node(op, ["m"], ["z"])], "z", {
        half: floatTensor([1], [factor]),
      });
    const attrs = branches(scaled("Neg", 0.5), scaled("Abs", 3));
    const nodes = [
      node("If", ["c"], ["a"], attrs),
      node("If", ["d"], ["b"], attrs),
      node("Add", ["a", "b"], ["y"]),
    ];
    const initializers = { c: tensorOf("bool", [], [1]), d: tensorOf("bool", [], [0]) };
    const graph = graphOf(nodes, { inputs: [value("x", [1, 2, 4, 6])], initializers });
    await expectTaken(graph, ["Mul", "Neg", "Mul", "Abs", "Add"]);
  });

  test("a branch that hands a captured value on", () => {
    const attrs = branches(branch([], "x"), branch([node("Neg", ["x"], ["z"])], "z"));
    const nodes = [node("If", ["c"], ["i"], attrs), node("Relu", ["i"], ["y"])];
    const taken = folded(graphOf(nodes, { initializers: { c: tensorOf("bool", [], [1]) } }));
    expect(taken.nodes.map(({ op, inputs, outputs }) => [op, ...inputs, ...outputs])).toEqual([
      ["Identity", "x", "i"],
      ["Relu", "i", "y"],
    ]);
  });

  test("nested, and decided by the size of the input", async () => {
    const inner = node(
      "If",
      ["c"],
      ["z"],
      branches(branch([node("Abs", ["x"], ["q"])], "q"), branch([node("Neg", ["x"], ["q"])], "q")),
    );
    const nodes = [
      node("Shape", ["x"], ["s"]),
      node("Size", ["s"], ["rank"]),
      node("Equal", ["rank", "four"], ["c"]),
      node("If", ["c"], ["y"], branches(branch([inner], "z"), branch([node("Relu", ["x"], ["q"])], "q"))),
    ];
    await expectTaken(
      graphOf(nodes, { inputs: [value("x", [1, 2, 4, 6])], initializers: { four: int64Tensor([4], []) } }),
      ["Abs"],
    );
  });

  test("of a condition that the data decide it stays", () => {
    const attrs = branches(
      branch([node("Neg", ["x"], ["z"])], "z"),
      branch([node("Abs", ["x"], ["z"])], "z"),
    );
    const nodes = [
      node("ReduceMax", ["x"], ["m"], { keepdims: int(0) }),
      node("Cast", ["m"], ["c"], { to: int(9) }),
      node("If", ["c"], ["y"], attrs),
    ];
    expect(folded(graphOf(nodes)).nodes.map(({ op }) => op)).toEqual(["ReduceMax", "Cast", "If"]);
  });
});
