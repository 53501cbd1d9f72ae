/**
 * @file The table of operators: everything that inference, lifting and gradients know, by
 * ONNX name. An operator that is missing here is carried through files
 * untouched and refused by name when a rule for it is needed.
 */

import { maxDims, minDims, addDims, subDims, mulDims, floorDim } from "../graph/dim.ts";
import type { Node } from "../graph/graph.ts";
import * as activation from "./activation-gradient.ts";
import { remapAxis, sameAsInput } from "./common.ts";
import { Concat, Split } from "./concat.ts";
import { ConvTranspose } from "./conv-transpose.ts";
import { Conv } from "./conv.ts";
import {
  broadcast,
  Cast,
  CastLike,
  comparison,
  divide,
  IsInf,
  logical,
  Mod,
  power,
  unary,
  unaryOnDims,
  Where,
} from "./elementwise.ts";
import { Einsum } from "./einsum.ts";
import * as elementwise from "./elementwise-gradient.ts";
import { Expand, Tile } from "./expand.ts";
import { Gather } from "./gather.ts";
import type { GradientRule } from "./gradient.ts";
import { LIFTED_DOMAIN, LiftedConv, LiftedConvTranspose, MICROSOFT_DOMAIN } from "./lifted.ts";
import { FusedMatMul, Gemm, MatMul } from "./matmul.ts";
import {
  BatchNormalization,
  imageNormalization,
  LayerNormalization,
  LpNormalization,
  MeanVarianceNormalization,
  TrainingBatchNorm,
} from "./normalization.ts";
import { groupNormalization, instanceNormalization } from "./normalization-gradient.ts";
import { Pad } from "./pad.ts";
import { AveragePool, GlobalAveragePool, GlobalLpPool, GlobalMaxPool, LpPool, MaxPool } from "./pool.ts";
import { argExtreme, reduce } from "./reduce.ts";
import * as reduction from "./reduce-gradient.ts";
import * as refused from "./refused.ts";
import { Flatten, Reshape, Squeeze, Transpose, Unsqueeze } from "./reshape.ts";
import { Resize } from "./resize.ts";
import type { OpRule } from "./rule.ts";
import { Slice } from "./slice.ts";
import { Constant, ConstantOfShape, Dropout, Identity, Range, Shape, Size } from "./source.ts";

const alongAxis = (gradient: GradientRule | null): OpRule => ({
  infer: sameAsInput,
  lift: remapAxis(-1),
  gradient,
});

/** ONNX's own operators. */
export const onnxOps = {
  // convolution and pooling
  Conv,
  ConvTranspose,
  MaxPool,
  AveragePool,
  LpPool,
  GlobalAveragePool,
  GlobalMaxPool,
  GlobalLpPool,
  // normalisation
  BatchNormalization,
  InstanceNormalization: imageNormalization(instanceNormalization),
  GroupNormalization: imageNormalization(groupNormalization),
  LayerNormalization,
  LpNormalization,
  MeanVarianceNormalization,
  LRN: imageNormalization(null),
  Dropout,
  // activation
  Relu: unary(activation.relu, (x) => Math.max(0, x)),
  LeakyRelu: unary(activation.leakyRelu),
  Elu: unary(activation.elu),
  Selu: unary(activation.selu),
  Celu: unary(activation.celu),
  ThresholdedRelu: unary(activation.thresholdedRelu),
  Sigmoid: unary(activation.sigmoid, (x) => 1 / (1 + Math.exp(-x))),
  HardSigmoid: unary(activation.hardSigmoid),
  HardSwish: unary(activation.hardSwish),
  Swish: unary(activation.swish),
  Mish: unary(activation.mish),
  Gelu: unary(activation.gelu),
  Tanh: unary(elementwise.tanh, Math.tanh),
  Softplus: unary(activation.softplus),
  Softsign: unary(activation.softsign),
  Shrink: unary(activation.shrink),
  PRelu: broadcast(activation.prelu),
  Clip: unary(activation.clip),
  Softmax: alongAxis(activation.softmax),
  LogSoftmax: alongAxis(activation.logSoftmax),
  Hardmax: alongAxis(null),
  // arithmetic
  Add: broadcast(elementwise.add, addDims),
  Sub: broadcast(elementwise.sub, subDims),
  Mul: broadcast(elementwise.mul, mulDims),
  Div: broadcast(elementwise.div, divide),
  Mod,
  Pow: broadcast(elementwise.pow, power),
  Max: broadcast(elementwise.extreme, maxDims),
  Min: broadcast(elementwise.extreme, minDims),
  Sum: broadcast(elementwise.add, addDims),
  Mean: broadcast(elementwise.mean),
  Abs: unary(elementwise.abs, Math.abs),
  Neg: unaryOnDims(elementwise.neg, (x) => mulDims(x, -1)),
  Sqrt: unary(elementwise.sqrt, Math.sqrt),
  Exp: unary(elementwise.exp, Math.exp),
  Log: unary(elementwise.log, Math.log),
  Reciprocal: unary(elementwise.reciprocal, (x) => 1 / x),
  Floor: unaryOnDims(elementwise.flat, floorDim),
  Ceil: unaryOnDims(elementwise.flat, (x) => mulDims(floorDim(mulDims(x, -1)), -1)),
  Round: unary(elementwise.flat, (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))),
  Sign: unary(elementwise.flat, Math.sign),
  Erf: unary(elementwise.erf),
  Sin: unary(elementwise.sin, Math.sin),
  Cos: unary(elementwise.cos, Math.cos),
  Tan: unary(elementwise.tan, Math.tan),
  Asin: unary(elementwise.asin, Math.asin),
  Acos: unary(elementwise.acos, Math.acos),
  Atan: unary(elementwise.atan, Math.atan),
  Sinh: unary(elementwise.sinh, Math.sinh),
  Cosh: unary(elementwise.cosh, Math.cosh),
  Asinh: unary(elementwise.asinh, Math.asinh),
  Acosh: unary(elementwise.acosh, Math.acosh),
  Atanh: unary(elementwise.atanh, Math.atanh),
  Cast,
  CastLike,
  // logic
  Equal: comparison((d) => d === 0),
  Less: comparison((d) => d < 0),
  LessOrEqual: comparison((d) => d <= 0),
  Greater: comparison((d) => d > 0),
  GreaterOrEqual: comparison((d) => d >= 0),
  And: logical((a, b) => a && b),
  Or: logical((a, b) => a || b),
  Xor: logical((a, b) => a !== b),
  Not: unary(null, (x) => Number(!x), "bool"),
  IsNaN: unary(null, (x) => Number(Number.isNaN(x)), "bool"),
  IsInf,
  Where,
  // reduction
  ReduceMean: reduce(reduction.reduceMean),
  ReduceSum: reduce(reduction.reduceSum, "sum"),
  ReduceMax: reduce(reduction.reduceExtreme, "max"),
  ReduceMin: reduce(reduction.reduceExtreme, "min"),
  ReduceProd: reduce(null, "product"),
  ReduceL1: reduce(reduction.reduceL1),
  ReduceL2: reduce(reduction.reduceL2),
  ReduceLogSum: reduce(reduction.reduceLogSum),
  ReduceLogSumExp: reduce(reduction.reduceLogSumExp),
  ReduceSumSquare: reduce(reduction.reduceSumSquare),
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
export const liftedOps = { LiftedConv, LiftedConvTranspose, TrainingBatchNorm } satisfies Record<
  string,
  OpRule
>;

const table: ReadonlyMap<string, ReadonlyMap<string, OpRule>> = new Map([
  ["", new Map<string, OpRule>(Object.entries(onnxOps))],
  [LIFTED_DOMAIN, new Map<string, OpRule>(Object.entries(liftedOps))],
  [MICROSOFT_DOMAIN, new Map<string, OpRule>([["FusedMatMul", FusedMatMul]])],
]);

/** What we know of a node's operator, if anything. */
export const ruleFor = (node: Node): OpRule | undefined =>
  table.get(node.domain === "ai.onnx" ? "" : node.domain)?.get(node.op);
