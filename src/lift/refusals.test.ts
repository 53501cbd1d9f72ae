/**
 * @file Every refusal of lifting, by its code: one sentence that names the node,
 * and nothing else is thrown. What has no 3D reading must never lift to
 * something plausible.
 */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { graphOf } from "../../test/helpers/graphs.ts";
import { random } from "../../test/helpers/networks.ts";
import { ERROR_CODES } from "../base/error-codes.ts";
import { AcsconvError } from "../base/errors.ts";
import { symbol } from "../graph/dim.ts";
import type { Attrs, Graph, Node } from "../graph/graph.ts";
import { int, ints, str } from "../graph/graph.ts";
import { floatTensor, int64Tensor, type Tensor } from "../graph/tensor.ts";
import { liftGraph } from "./index.ts";
import type { LiftOptions } from "./options.ts";

const named = (op: string, inputs: string[], outputs: string[], attrs: Attrs = {}, domain = ""): Node => ({
  op,
  domain,
  name: `the ${op}`,
  inputs,
  outputs,
  attrs,
});
const weight = (...dims: number[]): Tensor => floatTensor(dims, random(dims).data);

/** Of x [1, 4, 8, 8]; `taken` is an int64 [1] computed from it. */
function graph(
  nodes: Node[],
  initializers: Record<string, Tensor> = {},
  size: "fixed" | "dynamic" = "fixed",
): Graph {
  const taken = [
    named("ReduceMax", ["x"], ["largest"], { keepdims: int(0) }),
    named("Reshape", ["largest", "one"], ["flat"]),
    named("Cast", ["flat"], ["taken"], { to: int(7) }),
  ];
  const shape = size === "fixed" ? [1, 4, 8, 8] : [symbol("N"), 4, symbol("H"), symbol("W")];
  return graphOf([...taken, ...nodes], {
    inputs: [{ name: "x", dtype: "float32", shape }],
    initializers: { one: int64Tensor([1]), ...initializers },
  });
}

interface Case {
  readonly code: string;
  readonly what: string;
  readonly graph: Graph;
  readonly options?: LiftOptions;
}

const flat = named("Flatten", ["x"], ["f"]);
const CASES: readonly Case[] = [
  {
    code: "E_ARG_SPATIAL",
    what: "ArgMax over rows",
    graph: graph([named("ArgMax", ["x"], ["y"], { axis: int(2) })]),
  },
  {
    code: "E_AXES",
    what: "ReduceMean over computed axes",
    graph: graph([named("ReduceMean", ["x", "taken"], ["y"])]),
  },
  {
    code: "E_AXES",
    what: "Squeeze of computed axes",
    graph: graph([named("Squeeze", ["x", "taken"], ["y"])]),
  },
  {
    code: "E_AXES",
    what: "Unsqueeze of computed axes",
    graph: graph([named("Unsqueeze", ["x", "taken"], ["y"])]),
  },
  {
    code: "E_AXIS_H",
    what: "Softmax over rows",
    graph: graph([named("Softmax", ["x"], ["y"], { axis: int(2) })]),
  },
  {
    code: "E_AXIS_H",
    what: "LpNormalization over columns",
    graph: graph([named("LpNormalization", ["x"], ["y"], { axis: int(-1) })]),
  },
  {
    code: "E_CONCAT_SPATIAL",
    what: "Concat of rows",
    graph: graph([named("Concat", ["x", "x"], ["y"], { axis: int(2) })]),
  },
  {
    code: "E_CONST_CONCAT",
    what: "a class token",
    graph: graph(
      [named("Reshape", ["x", "s"], ["t"]), named("Concat", ["token", "t"], ["y"], { axis: int(2) })],
      {
        s: int64Tensor([1, 4, 64]),
        token: weight(1, 4, 1),
      },
    ),
  },
  {
    code: "E_CONST_CONCAT",
    what: "features given per position",
    graph: graph(
      [named("Reshape", ["x", "s"], ["t"]), named("Concat", ["t", "map"], ["y"], { axis: int(1) })],
      { s: int64Tensor([1, 4, 64]), map: weight(1, 2, 64) },
    ),
  },
  {
    code: "E_CONST_TOKENS",
    what: "a position embedding",
    graph: graph([named("Reshape", ["x", "s"], ["t"]), named("Add", ["t", "embedding"], ["y"])], {
      s: int64Tensor([1, 4, 64]),
      embedding: weight(1, 4, 64),
    }),
  },
  {
    code: "E_DYNAMIC_WEIGHT",
    what: "a computed kernel",
    graph: graph([named("Mul", ["largest", "w"], ["k"]), named("Conv", ["x", "k"], ["y"])], {
      w: weight(4, 4, 3, 3),
    }),
  },
  {
    code: "E_DYNAMIC_WEIGHT",
    what: "a computed transposed kernel",
    graph: graph([named("Mul", ["largest", "w"], ["k"]), named("ConvTranspose", ["x", "k"], ["y"])], {
      w: weight(4, 4, 3, 3),
    }),
  },
  {
    code: "E_EINSUM",
    what: "rows against rows",
    graph: graph([named("Einsum", ["x", "x"], ["y"], { equation: str("nchw,ncvw->nchv") })]),
  },
  {
    code: "E_EINSUM",
    what: "positions against a constant",
    graph: graph(
      [
        named("Reshape", ["x", "s"], ["t"]),
        named("Einsum", ["t", "w"], ["y"], { equation: str("ncp,pk->nck") }),
      ],
      { s: int64Tensor([1, 4, 64]), w: weight(64, 3) },
    ),
  },
  {
    code: "E_EINSUM",
    what: "an ellipsis",
    graph: graph([named("Einsum", ["x", "w"], ["y"], { equation: str("nc...,dc->nd...") })], {
      w: weight(5, 4),
    }),
  },
  {
    code: "E_EINSUM",
    what: "rows against a constant",
    graph: graph([named("Einsum", ["x", "w"], ["y"], { equation: str("nchw,hv->ncvw") })], {
      w: weight(8, 8),
    }),
  },
  {
    code: "E_EXPAND",
    what: "Expand to a computed size",
    graph: graph([named("Expand", ["x", "taken"], ["y"])]),
  },
  {
    code: "E_FC_SPATIAL",
    what: "a flattened head, fc: error",
    graph: graph([flat, named("Gemm", ["f", "w"], ["y"], { transB: int(1) })], { w: weight(5, 256) }),
    options: { fc: "error" },
  },
  {
    code: "E_FC_SPATIAL",
    what: "fc: acs on a head flattened as H·W·C",
    graph: graph(
      [
        named("Transpose", ["x"], ["t"], { perm: ints([0, 2, 3, 1]) }),
        named("Flatten", ["t"], ["f"]),
        named("Gemm", ["f", "w"], ["y"], { transB: int(1) }),
      ],
      { w: weight(5, 256) },
    ),
    options: { fc: "acs" },
  },
  {
    code: "E_FC_SPATIAL",
    what: "fc: acs on a map of unknown depth",
    graph: graph([flat, named("Gemm", ["f", "w"], ["y"], { transB: int(1) })], { w: weight(5, 256) }),
    options: { fc: "acs" },
  },
  {
    code: "E_FC_SPATIAL",
    what: "fc: acs on a MatMul head",
    graph: graph([flat, named("MatMul", ["f", "w"], ["y"])], { w: weight(256, 5) }),
    options: { fc: "acs" },
  },
  {
    code: "E_GATHER",
    what: "a look-up by data",
    graph: graph([named("Gather", ["table", "taken"], ["y"])], { table: weight(9, 4) }),
  },
  {
    code: "E_GATHER_SPATIAL",
    what: "one row",
    graph: graph([named("Gather", ["x", "i"], ["y"], { axis: int(2) })], { i: int64Tensor([3]) }),
  },
  { code: "E_INPUT", what: "an operand that is absent", graph: graph([named("Add", ["x", ""], ["y"])]) },
  {
    code: "E_LAYER_NORM",
    what: "LayerNormalization of a flattened map",
    graph: graph([flat, named("LayerNormalization", ["f", "scale"], ["y"])], { scale: weight(256) }),
  },
  {
    code: "E_LAYOUT",
    what: "a convolution that reads rows as features",
    graph: graph(
      [named("Transpose", ["x"], ["t"], { perm: ints([0, 2, 1, 3]) }), named("Conv", ["t", "w"], ["y"])],
      { w: weight(4, 8, 3, 3) },
    ),
  },
  {
    code: "E_LAYOUT",
    what: "InstanceNormalization with rows as features",
    graph: graph(
      [
        named("Transpose", ["x"], ["t"], { perm: ints([0, 2, 1, 3]) }),
        named("InstanceNormalization", ["t", "s", "s"], ["y"]),
      ],
      { s: weight(8) },
    ),
  },
  {
    code: "E_MATMUL_PLANE",
    what: "planes against planes",
    graph: graph([named("MatMul", ["x", "x"], ["y"])]),
  },
  {
    code: "E_MATMUL_PLANE",
    what: "a constant from the left",
    graph: graph([named("MatMul", ["w", "x"], ["y"])], { w: weight(8, 8) }),
  },
  {
    code: "E_MATMUL_PLANE",
    what: "columns against a constant",
    graph: graph([named("MatMul", ["x", "w"], ["y"])], { w: weight(8, 8) }),
  },
  {
    code: "E_PAD",
    what: "computed borders",
    graph: graph([
      named("Concat", ["taken", "taken", "taken", "taken", "taken", "taken", "taken", "taken"], ["p"], {
        axis: int(0),
      }),
      named("Pad", ["x", "p"], ["y"]),
    ]),
  },
  {
    code: "E_PAD_SPATIAL",
    what: "borders of a flattened map",
    graph: graph([flat, named("Pad", ["f", "p"], ["y"])], { p: int64Tensor([0, 1, 0, 1]) }),
  },
  {
    code: "E_POOL_INDICES",
    what: "indices for an unpooling",
    graph: graph([
      named("MaxPool", ["x"], ["y", "indices"], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }),
    ]),
  },
  { code: "E_RESHAPE", what: "computed sizes", graph: graph([named("Reshape", ["x", "taken"], ["y"])]) },
  {
    code: "E_RESIZE",
    what: "a computed size",
    graph: graph([
      named("Concat", ["taken", "taken", "taken", "taken"], ["s"], { axis: int(0) }),
      named("Resize", ["x", "", "", "s"], ["y"]),
    ]),
  },
  {
    code: "E_RESIZE",
    what: "a region of interest",
    graph: graph(
      [
        named("Resize", ["x", "roi", "scales"], ["y"], {
          coordinate_transformation_mode: str("tf_crop_and_resize"),
        }),
      ],
      {
        roi: weight(8),
        scales: floatTensor([4], [1, 1, 2, 2]),
      },
    ),
  },
  {
    code: "E_RESIZE",
    what: "a kept aspect ratio",
    graph: graph(
      [
        named("Resize", ["x", "", "", "sizes"], ["y"], {
          keep_aspect_ratio_policy: str("not_larger"),
          axes: ints([2, 3]),
        }),
      ],
      {
        sizes: int64Tensor([16, 12]),
      },
    ),
  },
  {
    code: "E_ROLE_MIX",
    what: "a map and its transpose",
    graph: graph([
      named("Transpose", ["x"], ["t"], { perm: ints([0, 1, 3, 2]) }),
      named("Add", ["x", "t"], ["y"]),
    ]),
  },
  {
    code: "E_SLICE",
    what: "a computed range",
    graph: graph([named("Slice", ["x", "taken", "end", "axis"], ["y"])], {
      end: int64Tensor([4]),
      axis: int64Tensor([1]),
    }),
  },
  {
    code: "E_SLICE_SPATIAL",
    what: "part of a flattened map",
    graph: graph([flat, named("Slice", ["f", "start", "end", "start"], ["y"])], {
      start: int64Tensor([1]),
      end: int64Tensor([9]),
    }),
  },
  {
    code: "E_SPATIAL_SPLIT",
    what: "windows",
    graph: graph([named("Reshape", ["x", "s"], ["y"])], { s: int64Tensor([1, 4, 2, 4, 2, 4]) }),
  },
  {
    code: "E_SPLIT_SPATIAL",
    what: "halves of a map",
    graph: graph([named("Split", ["x"], ["y", "z"], { axis: int(3), num_outputs: int(2) })]),
  },
  {
    code: "E_TILE",
    what: "rows repeated",
    graph: graph([named("Tile", ["x", "n"], ["y"])], { n: int64Tensor([1, 1, 2, 1]) }),
  },
  {
    code: "E_TILE",
    what: "a computed count",
    graph: graph([
      named("Concat", ["taken", "taken", "taken", "taken"], ["n"], { axis: int(0) }),
      named("Tile", ["x", "n"], ["y"]),
    ]),
  },
  {
    code: "E_TRAINING",
    what: "batch statistics",
    graph: graph(
      [
        named("BatchNormalization", ["x", "s", "s", "s", "s"], ["y", "mean", "variance"], {
          training_mode: int(1),
        }),
      ],
      { s: weight(4) },
    ),
  },
  {
    code: "E_TRAINING",
    what: "LayerNormalization that hands out its mean",
    graph: graph([named("LayerNormalization", ["x", "s"], ["y", "mean"], { axis: int(-1) })], {
      s: weight(8),
    }),
  },
  {
    code: "E_UNKNOWN_OP",
    what: "another domain's operator",
    graph: graph([named("Deform", ["x"], ["y"], {}, "com.example")]),
  },
  // Operators without any 3D reading are refused by their own name.
  {
    code: "E_GATHERELEMENTS",
    what: "elements by position",
    graph: graph([named("GatherElements", ["x", "i"], ["y"])], { i: int64Tensor([0], [1, 1, 1, 1]) }),
  },
  {
    code: "E_GRIDSAMPLE",
    what: "a flow field",
    graph: graph([named("GridSample", ["x", "grid"], ["y"])], { grid: weight(1, 8, 8, 2) }),
  },
  { code: "E_TOPK", what: "sorted columns", graph: graph([named("TopK", ["x", "one"], ["y", "i"])]) },
];

/** Defences: with the image's size known or named, inference always has an answer. */
const UNREACHABLE = ["E_AUTO_PAD", "E_SHAPE"];

function refusal({ graph, options }: Case): unknown {
  try {
    liftGraph(graph, options);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("refusals", () => {
  test.each(CASES.map((c) => [c.code, c.what, c] as const))("%s: %s", (code, _, c) => {
    const error = refusal(c) as AcsconvError;
    expect(error).toBeInstanceOf(AcsconvError);
    // A node without an input is wrong in 2D already.
    expect(error.kind).toBe(code === "E_INPUT" ? "graph" : "lift");
    expect(error.code).toBe(Object.hasOwn(ERROR_CODES, code) ? code : "E_OPERATOR");
    const { op, domain } = c.graph.nodes.at(-1)!;
    expect(error.message).toMatch(
      new RegExp(`^${code}: ${domain ? `${domain}\\.` : ""}${op} "the ${op}" .*\\.$`),
    );
    expect(error.message.split(/\.\s/)).toHaveLength(1);
  });

  test("E_SHAPE_VALUE: arithmetic on the image by its own height", () => {
    const ops = [
      named("Shape", ["x"], ["shape"]),
      named("Gather", ["shape", "two"], ["h"]),
      named("Cast", ["h"], ["hf"], { to: int(1) }),
      named("Mul", ["x", "hf"], ["y"]),
    ];
    const error = refusal({
      code: "",
      what: "",
      graph: graph(ops, { two: int64Tensor([2], []) }, "dynamic"),
    });
    expect(error).toBeInstanceOf(AcsconvError);
    expect((error as AcsconvError).code).toBe("E_SHAPE_VALUE");
    expect((error as AcsconvError).message).toMatch(/^E_SHAPE_VALUE: "hf" .*\.$/);
  });

  test("a pooled head at a size other than the exported one", () => {
    const head = graph([flat, named("Gemm", ["f", "w"], ["y"], { transB: int(1) })], { w: weight(5, 256) });
    const error = refusal({
      code: "",
      what: "",
      graph: head,
      options: { size: [8, 16, 16] },
    }) as AcsconvError;
    expect(error.message).toMatch(
      /Gemm "the Gemm" .* got size 8×16×16: use height 8 and width 8 \(any depth\)\.$/,
    );
  });

  test.each([
    [
      "two images",
      { inputs: ["a", "b"].map((name) => ({ name, dtype: "float32" as const, shape: [1, 4, 8, 8] })) },
      /one image input, found 2 \("a", "b"\)/,
    ],
    ["none", { inputs: [] }, /one image input, found 0 \(none\)/],
    [
      "a volume",
      { inputs: [{ name: "v", dtype: "float32" as const, shape: [1, 4, 8, 8, 8] }] },
      /"v" to be a 4-D image .* found \[1, 4, 8, 8, 8\]\. It looks 3D already/,
    ],
    [
      "unknown channels",
      { inputs: [{ name: "x", dtype: "float32" as const, shape: [1, symbol("C"), 8, 8] }] },
      /"x" \[1, C, 8, 8\] does not say how many channels/,
    ],
  ])("a model of %s", (_, change, message) => {
    expect(() => liftGraph({ ...graph([named("Relu", ["x"], ["y"])]), ...change })).toThrow(message);
  });

  test.each([
    [{ kind: "4d" }, /kind must be one of acs, .*, got "4d"/],
    [{ view: "oblique" }, /view must be one of axial, coronal, sagittal, got "oblique"/],
    [{ split: [0, 0, 0] }, /split must be .* got \[0, 0, 0\]/],
    [{ split: [1, -1, 1] }, /split must be .* got \[1, -1, 1\]/],
    [{ size: [8, 8] }, /size must be three .* got \[8, 8\]/],
    [{ size: [8, 8, 0.5] }, /size must be three .* got \[8, 8, 0.5\]/],
    [{ channels: 2 }, /channels: 2 is not possible for a network of 4/],
    [{ channels: 0 }, /channels must be a positive whole number, got 0/],
    [{ outputs: ["nothing"] }, /No value "nothing" .* the last ones are .*"y"/],
    [{ outputs: [] }, /No value ""/],
    [{ fc: "maybe" }, /fc must be one of mean, acs, cut, error, got "maybe"/],
  ])("options %j", (options, message) => {
    const conv = graph([named("Conv", ["x", "w"], ["y"])], { w: weight(4, 4, 3, 3) });
    const error = refusal({
      code: "",
      what: "",
      graph: conv,
      options: options as unknown as LiftOptions,
    }) as AcsconvError;
    expect(error).toBeInstanceOf(AcsconvError);
    expect(error.kind).toBe("input");
    expect(error.message).toMatch(message);
  });

  test("every code in the source is tested here", () => {
    const sources = ["../ops/", "./"].flatMap((folder) =>
      readdirSync(new URL(folder, import.meta.url))
        .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
        .map((file) => readFileSync(new URL(folder + file, import.meta.url), "utf8")),
    );
    const codes = new Set(
      sources.flatMap((text) => text.match(/(?<!code: )"E_[A-Z_]+"/g) ?? []).map((code) => code.slice(1, -1)),
    );
    const tested = new Set([...CASES.map(({ code }) => code), "E_OPERATOR", "E_SHAPE_VALUE", ...UNREACHABLE]);
    // Of volumes, not of operators: model.test.ts.
    codes.delete("E_TOO_SMALL");
    expect(codes.size).toBeGreaterThan(25);
    expect([...codes].filter((code) => !tested.has(code))).toEqual([]);
  });
});
