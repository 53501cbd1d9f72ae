/**
 * @file The table of operators: everything that inference, lifting and gradients know, by
 * ONNX name. An operator that is missing here is carried through files
 * untouched and refused by name when a rule for it is needed.
 */

import { maxDims, minDims, addDims, subDims, mulDims, floorDim } from "../graph/dim.ts";
import type { Node } from "../graph/graph.ts";
import * as activation from "./activation-gradient.ts";
import { DepthToSpace, SpaceToDepth } from "./blocks.ts";
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
import * as slots from "./slots.ts";
import type { Slot } from "./slots.ts";
import { clipRange, type Bounds, type Traits } from "./traits.ts";
import { Slice } from "./slice.ts";
import { Constant, ConstantOfShape, Dropout, Identity, Range, Shape, Size } from "./constant-ops.ts";

const alongAxis = (gradient: GradientRule | null): OpRule => ({
  infer: sameAsInput,
  lift: remapAxis(-1),
  gradient,
});

const having = (traits: Traits, rule: OpRule): OpRule => ({ ...rule, traits: { ...rule.traits, ...traits } });
const inPlace = (rule: OpRule): OpRule => having({ inPlace: true }, rule);
const bounded = (range: Bounds, rule: OpRule): OpRule => having({ range }, rule);
const withSlots = (own: readonly Slot[], rule: OpRule): OpRule => ({ ...rule, slots: own });

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
  InstanceNormalization: imageNormalization(instanceNormalization, slots.affineOfInstances),
  GroupNormalization: imageNormalization(groupNormalization, slots.affine),
  LayerNormalization,
  LpNormalization,
  MeanVarianceNormalization,
  LRN: imageNormalization(null),
  Dropout,
  // activation
  Relu: bounded([0, Infinity], inPlace(unary(activation.relu, (x) => Math.max(0, x)))),
  LeakyRelu: inPlace(unary(activation.leakyRelu)),
  Elu: inPlace(unary(activation.elu)),
  Selu: unary(activation.selu),
  Celu: unary(activation.celu),
  ThresholdedRelu: unary(activation.thresholdedRelu),
  Sigmoid: having(
    { activation: "sigmoid", range: [0, 1], inPlace: true },
    unary(activation.sigmoid, (x) => 1 / (1 + Math.exp(-x))),
  ),
  HardSigmoid: having({ activation: "sigmoid", range: [0, 1], inPlace: true }, unary(activation.hardSigmoid)),
  HardSwish: unary(activation.hardSwish),
  Swish: unary(activation.swish),
  Mish: unary(activation.mish),
  Gelu: unary(activation.gelu),
  Tanh: bounded([-1, 1], inPlace(unary(elementwise.tanh, Math.tanh))),
  Softplus: bounded([0, Infinity], inPlace(unary(activation.softplus))),
  Softsign: bounded([-1, 1], unary(activation.softsign)),
  Shrink: unary(activation.shrink),
  PRelu: withSlots(slots.slope, broadcast(activation.prelu)),
  Clip: having({ range: clipRange, inPlace: true }, unary(activation.clip)),
  Softmax: having({ activation: "softmax", range: [0, 1] }, alongAxis(activation.softmax)),
  LogSoftmax: having({ activation: "logSoftmax", range: [-Infinity, 0] }, alongAxis(activation.logSoftmax)),
  Hardmax: having({ activation: "hardmax", range: [0, 1] }, alongAxis(null)),
  // arithmetic
  Add: withSlots(slots.operands("addend"), inPlace(broadcast(elementwise.add, addDims))),
  Sub: inPlace(broadcast(elementwise.sub, subDims)),
  Mul: withSlots(slots.operands("factor"), inPlace(broadcast(elementwise.mul, mulDims))),
  Div: inPlace(broadcast(elementwise.div, divide)),
  Mod,
  Pow: broadcast(elementwise.pow, power),
  Max: broadcast(elementwise.extreme, maxDims),
  Min: broadcast(elementwise.extreme, minDims),
  Sum: inPlace(broadcast(elementwise.add, addDims)),
  Mean: broadcast(elementwise.mean),
  Abs: bounded([0, Infinity], inPlace(unary(elementwise.abs, Math.abs))),
  Neg: inPlace(unaryOnDims(elementwise.neg, (x) => mulDims(x, -1))),
  Sqrt: bounded([0, Infinity], inPlace(unary(elementwise.sqrt, Math.sqrt))),
  Exp: bounded([0, Infinity], inPlace(unary(elementwise.exp, Math.exp))),
  Log: inPlace(unary(elementwise.log, Math.log)),
  Reciprocal: inPlace(unary(elementwise.reciprocal, (x) => 1 / x)),
  Floor: unaryOnDims(elementwise.flat, floorDim),
  Ceil: unaryOnDims(elementwise.flat, (x) => mulDims(floorDim(mulDims(x, -1)), -1)),
  Round: unary(elementwise.flat, (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))),
  Sign: bounded([-1, 1], unary(elementwise.flat, Math.sign)),
  Erf: bounded([-1, 1], inPlace(unary(elementwise.erf))),
  Sin: bounded([-1, 1], unary(elementwise.sin, Math.sin)),
  Cos: bounded([-1, 1], unary(elementwise.cos, Math.cos)),
  Tan: unary(elementwise.tan, Math.tan),
  Asin: unary(elementwise.asin, Math.asin),
  Acos: unary(elementwise.acos, Math.acos),
  Atan: bounded([-Math.PI / 2, Math.PI / 2], unary(elementwise.atan, Math.atan)),
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
  ReduceMean: having({ averages: true }, reduce(reduction.reduceMean)),
  ReduceSum: reduce(reduction.reduceSum, "sum"),
  ReduceMax: having({ averages: true }, reduce(reduction.reduceExtreme, "max")),
  ReduceMin: having({ averages: true }, reduce(reduction.reduceExtreme, "min")),
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
  DepthToSpace,
  SpaceToDepth,
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

const NONE: Traits = {};

/** What passes may ask of a node's operator; nothing holds for operators we do not know. */
export const traitsOf = (node: Node | undefined): Traits => (node && ruleFor(node)?.traits) ?? NONE;

/** The inputs of a node that hold parameters or running statistics, by its operator. */
export function slotsOfNode(node: Node): readonly Slot[] {
  const { slots: own = [] } = ruleFor(node) ?? {};
  return typeof own === "function" ? own(node) : own;
}

/** Whether outputs lie within the range of the first input: its elements, in whatever place, or means and maxima of them. */
export function keepsRange(node: Node): boolean {
  const { averages, moves, alias, trainingOnly } = traitsOf(node);
  const isMean = typeof averages === "function" ? averages(node) : averages === true;
  return isMean || moves !== undefined || alias !== undefined || trainingOnly === true;
}

/**
 * Bounds of a node's outputs, whatever its inputs; undefined where there are none.
 *
 * @param constant - elements of a value, where they are known
 */
export function rangeOf(
  node: Node,
  constant: (name: string) => readonly number[] | undefined,
): Bounds | undefined {
  const { range } = traitsOf(node);
  return typeof range === "function" ? range(node, (i) => constant(node.inputs[i] ?? "")) : range;
}

/**
 * Multiply-adds of a node; undefined where a size is not known.
 *
 * @param sizes - of a value, where all of them are numbers
 */
export function costOf(
  node: Node,
  sizes: (name: string) => readonly number[] | undefined,
): number | undefined {
  const { cost } = ruleFor(node) ?? {};
  if (!cost) return 0;
  const of = (name = ""): readonly number[] | undefined => sizes(name);
  return cost({ node, input: (i) => of(node.inputs[i]), output: of(node.outputs[0]) });
}
