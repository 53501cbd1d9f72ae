/** @file Arithmetic, functions and activations against finite differences, and their slopes at kinks. */

import { describe, expect, test } from "vitest";
import { expectGradients, gradientsAt, randomFloats } from "../../test/helpers/gradients.ts";
import { type Floats, node } from "../../test/helpers/graphs.ts";
import type { Attrs } from "../graph/graph.ts";
import { float, int, str } from "../graph/graph.ts";
import { floatTensor, int64Tensor, tensorOf } from "../graph/tensor.ts";

interface Case {
  readonly op: string;
  readonly attrs?: Attrs;
  /** Range of the inputs. Default (−2, 2). */
  readonly low?: number;
  readonly high?: number;
  readonly opset?: number;
}

const named = ({ op, attrs = {}, opset }: Case): string =>
  [op, ...Object.entries(attrs).map(([name, attr]) => `${name}=${String(attr.value)}`), opset ?? ""].join(
    " ",
  );

/** A vector; a single number without axes. */
const numbers = (...data: number[]): Floats => ({
  dims: data.length === 1 ? [] : [data.length],
  data: Float32Array.from(data),
});

const FUNCTIONS: readonly Case[] = [
  { op: "Neg" },
  { op: "Abs" },
  { op: "Sqrt", low: 0.5 },
  { op: "Exp" },
  { op: "Log", low: 0.5 },
  { op: "Reciprocal", low: 0.7 },
  { op: "Erf" },
  { op: "Sin" },
  { op: "Cos" },
  { op: "Tan", low: -1, high: 1 },
  { op: "Asin", low: -0.7, high: 0.7 },
  { op: "Acos", low: -0.7, high: 0.7 },
  { op: "Atan" },
  { op: "Sinh" },
  { op: "Cosh" },
  { op: "Tanh" },
  { op: "Asinh" },
  { op: "Acosh", low: 1.5, high: 3 },
  { op: "Atanh", low: -0.7, high: 0.7 },
  { op: "Cast", attrs: { to: int(1) } },
];

const ACTIVATIONS: readonly Case[] = [
  { op: "Relu" },
  { op: "LeakyRelu" },
  { op: "LeakyRelu", attrs: { alpha: float(-0.3) } },
  { op: "LeakyRelu", attrs: { alpha: float(1.5) } },
  { op: "Elu" },
  { op: "Elu", attrs: { alpha: float(0.5) } },
  { op: "Selu" },
  { op: "Celu", attrs: { alpha: float(0.5) } },
  { op: "ThresholdedRelu", attrs: { alpha: float(0.7) } },
  { op: "Sigmoid" },
  { op: "HardSigmoid", attrs: { alpha: float(0.4), beta: float(0.6) } },
  { op: "HardSwish", low: -5, high: 5 },
  { op: "Swish", opset: 24 },
  { op: "Swish", attrs: { alpha: float(1.5) }, opset: 24 },
  { op: "Mish" },
  { op: "Gelu", opset: 20 },
  { op: "Gelu", attrs: { approximate: str("tanh") }, opset: 20 },
  { op: "Softplus" },
  { op: "Softsign" },
  { op: "Shrink", attrs: { lambd: float(0.4) } },
  { op: "Softmax" },
  { op: "Softmax", attrs: { axis: int(1) } },
  { op: "LogSoftmax", attrs: { axis: int(-2) } },
];

test.each([...FUNCTIONS, ...ACTIVATIONS].map((c) => [named(c), c] as const))(
  "%s",
  async (_, { op, attrs, low = -2, high = 2, opset = 18 }) => {
    const nodes = [node(op, ["x"], ["y"], attrs)];
    await expectGradients({ nodes, inputs: { x: randomFloats([2, 5, 4], 7, low, high) }, opset });
  },
);

describe("operands that broadcast", () => {
  const positive = { a: randomFloats([2, 1, 4], 1, 0.6, 2), b: randomFloats([3, 1], 2, 0.6, 2) };
  const signed = { a: randomFloats([2, 1, 4], 1, -2, 2), b: randomFloats([3, 1], 2, -2, 2) };
  test.each([
    ["Add", signed],
    ["Sub", signed],
    ["Mul", signed],
    ["Div", positive],
    ["Pow", positive],
    ["Max", signed],
    ["Min", signed],
    ["Sum", { ...signed, c: randomFloats([4], 3) }],
    ["Mean", { ...signed, c: randomFloats([4], 3) }],
    ["Max", { ...signed, c: randomFloats([2, 3, 4], 3) }],
  ])("%s", async (op, inputs) => {
    await expectGradients({ nodes: [node(op, Object.keys(inputs), ["y"])], inputs });
  });

  test("PRelu with a slope per feature", async () => {
    const inputs = { x: randomFloats([2, 3, 2, 2, 2], 1), s: randomFloats([3, 1, 1, 1], 2) };
    await expectGradients({ nodes: [node("PRelu", ["x", "s"], ["y"])], inputs });
  });

  test("Where, of a computed condition", async () => {
    const nodes = [
      node("Greater", ["a", "b"], ["c"]),
      node("Where", ["c", "b", "p"], ["y"]),
      node("Mul", ["a", "b"], ["p"]),
    ];
    await expectGradients({ nodes: [nodes[0]!, nodes[2]!, nodes[1]!], inputs: signed });
  });

  test.each([2, 0.5, -1, 1, 3])("Pow by the constant %d", async (exponent) => {
    await expectGradients({
      nodes: [node("Pow", ["x", "e"], ["y"])],
      inputs: { x: randomFloats([3, 4], 1, 0.5, 2) },
      constants: { e: floatTensor([], [exponent]) },
    });
  });

  test("Pow by integers, one per element", async () => {
    await expectGradients({
      nodes: [node("Pow", ["x", "e"], ["y"])],
      inputs: { x: randomFloats([3, 4], 1) },
      constants: { e: int64Tensor([0, 1, 2, 3]) },
    });
  });

  test("Clip between limits that are parameters", async () => {
    await expectGradients({
      nodes: [node("Clip", ["x", "low", "high"], ["y"])],
      inputs: { x: numbers(-0.9, -0.7, 0.1, 0.7, 0.9), low: numbers(-0.5), high: numbers(0.5) },
    });
  });

  test("Clip with one limit", async () => {
    await expectGradients({
      nodes: [node("Clip", ["x", "", "high"], ["y"])],
      inputs: { x: randomFloats([5, 5]) },
      constants: { high: floatTensor([], [0.3]) },
    });
  });
});

describe("where there is no derivative, or more than one", () => {
  const scalar = (value: number) => tensorOf("float32", [], [value]);
  const slopes = async (
    op: string,
    inputs: Record<string, Floats>,
    {
      attrs = {},
      constants = {},
    }: { attrs?: Attrs; constants?: Record<string, ReturnType<typeof scalar>> } = {},
  ) => {
    const names = [...Object.keys(inputs), ...Object.keys(constants)];
    return await gradientsAt({ nodes: [node(op, names, ["y"], attrs)], inputs, constants });
  };

  test.each(["Floor", "Ceil", "Round", "Sign"])("%s is flat", async (op) => {
    expect(await slopes(op, { x: numbers(0.3, 1, -0.5) })).toEqual({});
  });

  test.each([
    ["Relu", {}, 0],
    ["LeakyRelu", { alpha: float(0.25) }, 0.25],
    ["Abs", {}, 0],
    ["HardSigmoid", { alpha: float(0.5), beta: float(0) }, 0],
  ] as const)("%s at 0", async (op, attrs, slope) => {
    expect(await slopes(op, { x: numbers(0) }, { attrs })).toEqual({ x: [slope] });
  });

  test("Clip passes at its limits", async () => {
    const constants = { low: scalar(0), high: scalar(6) };
    expect(await slopes("Clip", { x: numbers(-1, 0, 3, 6, 7) }, { constants })).toEqual({
      x: [0, 1, 1, 1, 0],
    });
  });

  test("tied extremes share", async () => {
    const inputs = { a: numbers(1, 2, 3), b: numbers(1, 2, 4), c: numbers(1, 0, 4) };
    expect(await slopes("Max", inputs)).toEqual({
      a: [Math.fround(1 / 3), 0.5, 0],
      b: [Math.fround(1 / 3), 0.5, 0.5],
      c: [Math.fround(1 / 3), 0, 0.5],
    });
    expect(await slopes("ReduceMax", { x: numbers(1, 5, 5, 2) })).toEqual({ x: [0, 0.5, 0.5, 0] });
    expect(await slopes("ReduceMin", { x: numbers(1, 5, 1, 1) })).toEqual({
      x: [1, 0, 1, 1].map((n) => Math.fround(n / 3)),
    });
  });

  test("norms at 0", async () => {
    expect(await slopes("ReduceL2", { x: numbers(0, 0) })).toEqual({ x: [0, 0] });
    expect(await slopes("LpNormalization", { x: numbers(0, 0) })).toEqual({ x: [0, 0] });
  });

  test("0 and negative numbers to a power", async () => {
    const e = int64Tensor([0, 1, 2, 2]);
    expect(await slopes("Pow", { x: numbers(0, 0, 0, -3) }, { constants: { e } })).toEqual({
      x: [0, 1, 0, -6],
    });
    expect(await slopes("Pow", { x: numbers(0, 2), e: numbers(1, 3) })).toEqual({
      x: [1, 12],
      e: [0, Math.fround(8 * Math.log(2))],
    });
  });
});
