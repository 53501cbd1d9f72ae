/**
 * @file Element types and ranks without shape inference, which only knows the
 * newest form of each operator: what the file declares, what constants are, and
 * a few rules for the operators that old files put in front of a Softmax, a Pad
 * or a Clip. What is not known stays undefined; rules then take the longer way.
 */

import { indexOf } from "../../graph/graph-index.ts";
import { intAttr, intsAttr, type Graph, type Node, type ValueType } from "../../graph/graph.ts";
import { dtypeFromOnnx, type DType, type Tensor } from "../../graph/tensor.ts";

/** Operators whose first output has the element type and rank of their first input. */
const LIKE_INPUT = new Set(
  (
    "Abs AveragePool BatchNormalization Ceil Clip Concat Conv ConvTranspose CumSum DepthToSpace Dropout Elu Erf " +
    "Exp Floor GlobalAveragePool GlobalLpPool GlobalMaxPool HardSigmoid HardSwish Hardmax Identity " +
    "InstanceNormalization LRN LeakyRelu Log LogSoftmax LpNormalization LpPool MaxPool MeanVarianceNormalization " +
    "Neg PRelu Pad Pow Reciprocal Relu Resize Round ScatterElements Selu Sigmoid Sign Slice Softmax Softplus " +
    "Softsign SpaceToDepth Split Sqrt Tanh ThresholdedRelu Transpose Upsample"
  ).split(" "),
);
/** Operators whose output is as their inputs broadcast together. */
const BROADCAST = new Set(["Add", "Sub", "Mul", "Div", "Sum", "Mean", "Max", "Min", "MatMul"]);
/** Operators with outputs of the input's element type, whose rank {@link rankOfOutput} knows. */
const OTHER_RANK = ["Flatten", "Gemm", "Reshape", "Squeeze", "Unsqueeze"];
const LIKE_INPUT_TYPE = new Set([...LIKE_INPUT, ...BROADCAST, ...OTHER_RANK]);

/** How far back a type is looked for; chains are as long as the file likes, and the stack is not. */
const MAX_STEPS = 1000;

/** What is known of a value by that name. */
export type Known<T> = (name: string | undefined) => T | undefined;

export interface Types {
  /** Element type and rank of a value, as far as they show without running shape inference. */
  readonly dtypeOf: Known<DType>;
  readonly rankOf: Known<number>;
  /** The sizes that the file declares for a value. */
  readonly shapeOf: Known<NonNullable<ValueType["shape"]>>;
}

export function createTypes(graph: Graph, constantOf: Known<Tensor>, outer?: Types): Types {
  const declared = new Map<string, ValueType>(graph.valueInfos);
  for (const info of [...graph.inputs, ...graph.outputs]) declared.set(info.name, info);
  const index = indexOf(graph);

  /** The node whose rules hold for a value: other outputs than the first are indices, masks, states. */
  const makerOf = (name: string): Node | undefined => {
    const node = index.producer(name);
    return node?.domain === "" && (node.outputs[0] === name || node.op === "Split") ? node : undefined;
  };

  /** Found once per value: as the file says it, as its node makes it, or as the graph around knows it. */
  const lookUp = <T>(
    stated: (name: string) => T | undefined,
    made: (maker: Node, of: Known<T>) => T | undefined,
    around: Known<T> | undefined,
  ): Known<T> => {
    const known = new Map<string, T | undefined>();
    const find = (name: string | undefined, steps: number): T | undefined => {
      if (!name || steps > MAX_STEPS) return undefined;
      if (known.has(name)) return known.get(name);
      const maker = makerOf(name);
      const found =
        stated(name) ??
        (maker && made(maker, (input) => find(input, steps + 1))) ??
        (index.producer(name) ? undefined : around?.(name));
      known.set(name, found);
      return found;
    };
    return (name) => find(name, 0);
  };

  return {
    dtypeOf: lookUp(
      (name) => declared.get(name)?.dtype ?? constantOf(name)?.dtype,
      dtypeOfOutput,
      outer?.dtypeOf,
    ),
    rankOf: lookUp(
      (name) => declared.get(name)?.shape?.length ?? constantOf(name)?.dims.length,
      (maker, of) => rankOfOutput(maker, of, constantOf),
      outer?.rankOf,
    ),
    shapeOf: (name) =>
      name ? (declared.get(name)?.shape ?? constantOf(name)?.dims ?? outer?.shapeOf(name)) : undefined,
  };
}

function dtypeOfOutput(node: Node, dtypeOf: Known<DType>): DType | undefined {
  if (node.op === "Cast") return dtypeFromOnnx(intAttr(node, "to", 0));
  return LIKE_INPUT_TYPE.has(node.op) ? dtypeOf(node.inputs[0]) : undefined;
}

function rankOfOutput(node: Node, rankOf: Known<number>, constantOf: Known<Tensor>): number | undefined {
  const { op, inputs } = node;
  if (op === "Transpose") return intsAttr(node, "perm")?.length ?? rankOf(inputs[0]);
  if (op === "Cast" || LIKE_INPUT.has(op)) return rankOf(inputs[0]);
  if (op === "Flatten" || op === "Gemm") return 2;
  if (op === "Reshape") return intsAttr(node, "shape")?.length ?? constantOf(inputs[1])?.dims[0];
  if (op === "Squeeze" || op === "Unsqueeze") {
    const rank = rankOf(inputs[0]);
    const axes = intsAttr(node, "axes")?.length ?? constantOf(inputs[1])?.dims[0];
    if (rank === undefined || axes === undefined) return undefined;
    return op === "Squeeze" ? rank - axes : rank + axes;
  }
  if (BROADCAST.has(op)) {
    const all = inputs.map((name) => rankOf(name));
    if (op === "MatMul" && all.includes(1)) return undefined;
    return all.reduce((a, b) => (a === undefined || b === undefined ? undefined : Math.max(a, b)));
  }
  return undefined;
}
