/**
 * @file The table of operators: everything that inference and lifting know, by
 * ONNX name. An operator that is missing here is carried through files
 * untouched and refused by name when a rule for it is needed.
 */

import { maxDims, minDims, addDims, subDims, mulDims, floorDim } from "../graph/dim.ts";
import type { Node } from "../graph/graph.ts";
import { remapAxis, sameAsInput } from "./common.ts";
import { Concat, Split } from "./concat.ts";
import { ConvTranspose } from "./conv-transpose.ts";
import { Conv } from "./conv.ts";
import {
  broadcast,
  Cast,
  CastLike,
  compare,
  divide,
  IsInf,
  logical,
  Mod,
  power,
  unary,
  unaryOnDims,
  Where,
} from "./elementwise.ts";
import { Expand, Tile } from "./expand.ts";
import { LIFTED_DOMAIN, LiftedConv, LiftedConvTranspose } from "./lifted.ts";
import { Einsum, Gemm, MatMul } from "./matmul.ts";
import {
  BatchNormalization,
  imageNormalization,
  LayerNormalization,
  LpNormalization,
  MeanVarianceNormalization,
} from "./normalization.ts";
import { globalPool, MaxPool, pool } from "./pool.ts";
import { argExtreme, reduce } from "./reduce.ts";
import * as refused from "./refused.ts";
import { Flatten, Reshape, Squeeze, Transpose, Unsqueeze } from "./reshape.ts";
import { Resize } from "./resize.ts";
import type { OpRule } from "./rule.ts";
import { Gather, Pad, Slice } from "./slice.ts";
import { Constant, ConstantOfShape, Dropout, Identity, Range, Shape, Size } from "./source.ts";

const alongAxis: OpRule = { infer: sameAsInput, lift: remapAxis(-1) };
const same = unary();

/** ONNX's own operators. */
export const onnxOps = {
  // convolution and pooling
  Conv,
  ConvTranspose,
  MaxPool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  // normalisation
  BatchNormalization,
  InstanceNormalization: imageNormalization,
  GroupNormalization: imageNormalization,
  LayerNormalization,
  LpNormalization,
  MeanVarianceNormalization,
  LRN: imageNormalization,
  Dropout,
  // activation
  Relu: unary((x) => Math.max(0, x)),
  LeakyRelu: same,
  Elu: same,
  Selu: same,
  Celu: same,
  ThresholdedRelu: same,
  Sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  HardSigmoid: same,
  HardSwish: same,
  Swish: same,
  Mish: same,
  Gelu: same,
  Tanh: unary(Math.tanh),
  Softplus: same,
  Softsign: same,
  Shrink: same,
  PRelu: broadcast(),
  Clip: { ...same, lift: unary().lift },
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  Hardmax: alongAxis,
  // arithmetic
  Add: broadcast(addDims),
  Sub: broadcast(subDims),
  Mul: broadcast(mulDims),
  Div: broadcast(divide),
  Mod,
  Pow: broadcast(power),
  Max: broadcast(maxDims),
  Min: broadcast(minDims),
  Sum: broadcast(addDims),
  Mean: broadcast(),
  Abs: unary(Math.abs),
  Neg: unaryOnDims((x) => mulDims(x, -1)),
  Sqrt: unary(Math.sqrt),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Reciprocal: unary((x) => 1 / x),
  Floor: unaryOnDims(floorDim),
  Ceil: unaryOnDims((x) => mulDims(floorDim(mulDims(x, -1)), -1)),
  Round: unary((x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))),
  Sign: unary(Math.sign),
  Erf: same,
  Sin: unary(Math.sin),
  Cos: unary(Math.cos),
  Tan: unary(Math.tan),
  Asin: unary(Math.asin),
  Acos: unary(Math.acos),
  Atan: unary(Math.atan),
  Sinh: unary(Math.sinh),
  Cosh: unary(Math.cosh),
  Asinh: unary(Math.asinh),
  Acosh: unary(Math.acosh),
  Atanh: unary(Math.atanh),
  Cast,
  CastLike,
  // logic
  Equal: broadcast(
    compare((d) => d === 0),
    "bool",
  ),
  Less: broadcast(
    compare((d) => d < 0),
    "bool",
  ),
  LessOrEqual: broadcast(
    compare((d) => d <= 0),
    "bool",
  ),
  Greater: broadcast(
    compare((d) => d > 0),
    "bool",
  ),
  GreaterOrEqual: broadcast(
    compare((d) => d >= 0),
    "bool",
  ),
  And: broadcast(
    logical((a, b) => a && b),
    "bool",
  ),
  Or: broadcast(
    logical((a, b) => a || b),
    "bool",
  ),
  Xor: broadcast(
    logical((a, b) => a !== b),
    "bool",
  ),
  Not: unary((x) => Number(!x), "bool"),
  IsNaN: unary((x) => Number(Number.isNaN(x)), "bool"),
  IsInf,
  Where,
  // reduction
  ReduceMean: reduce(),
  ReduceSum: reduce("sum"),
  ReduceMax: reduce("max"),
  ReduceMin: reduce("min"),
  ReduceProd: reduce("product"),
  ReduceL1: reduce(),
  ReduceL2: reduce(),
  ReduceLogSum: reduce(),
  ReduceLogSumExp: reduce(),
  ReduceSumSquare: reduce(),
  ArgMax: argExtreme,
  ArgMin: argExtreme,
  // matrix products
  Gemm,
  MatMul,
  Einsum,
  // layout
  Concat,
  Split,
  Slice,
  Gather,
  Pad,
  Reshape,
  Flatten,
  Squeeze,
  Unsqueeze,
  Transpose,
  Expand,
  Tile,
  Resize,
  // values
  Constant,
  ConstantOfShape,
  Range,
  Shape,
  Size,
  Identity,
  // typed, not lifted
  ...refused,
} satisfies Record<string, OpRule>;

/** acsconv's internal operators. */
export const liftedOps = { LiftedConv, LiftedConvTranspose } satisfies Record<string, OpRule>;

const table: ReadonlyMap<string, ReadonlyMap<string, OpRule>> = new Map([
  ["", new Map<string, OpRule>(Object.entries(onnxOps))],
  [LIFTED_DOMAIN, new Map<string, OpRule>(Object.entries(liftedOps))],
]);

/** What we know of a node's operator, if anything. */
export const ruleFor = (node: Node): OpRule | undefined =>
  table.get(node.domain === "ai.onnx" ? "" : node.domain)?.get(node.op);
