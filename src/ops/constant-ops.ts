/**
 * @file Operators that make values rather than transform them (constants,
 * ranges, the sizes of others), and those that hand their input on.
 */

import { type Dim, productOfDims } from "../graph/dim.ts";
import { intAttr, type Node, nodeOf } from "../graph/graph.ts";
import { mapNd, ndArray, vector } from "../graph/nd-array.ts";
import { DTYPES, elementCount, floatTensor, int64Tensor, numbersOf, type Tensor } from "../graph/tensor.ts";
import {
  axisOfSize,
  freshSizes,
  liftSame,
  numbersIn,
  sameAsInput,
  shaped,
  shapeOf,
  unknown,
} from "./common.ts";
import { liftedShape } from "./roles.ts";
import type { InferContext, Known, OpRule } from "./rule.ts";

/** Arrays up to this many elements are followed element by element; shape arithmetic is far smaller. */
export const VALUE_LIMIT = 4096;

const COMPUTABLE = /^(u?int(8|16|32|64)|bool|float(16|32|64)|bfloat16)$/;

/** What is known of a constant. Its elements are read only up to `limit`. */
export function knownOf(tensor: Tensor, limit = VALUE_LIMIT): Known {
  const { dtype, dims } = tensor;
  const readable = COMPUTABLE.test(dtype) && DTYPES[dtype].bits > 0 && elementCount(dims) <= limit;
  return { dtype, shape: dims, ...(readable && { value: ndArray(dims, numbersOf(tensor)) }) };
}

/** The tensor that a Constant node holds, in any of the forms ONNX allows; undefined for other nodes. */
export function constantOf(node: Node): Tensor | undefined {
  if (node.op !== "Constant" || node.domain !== "") return undefined;
  const { value, value_float, value_floats, value_int, value_ints } = node.attrs;
  if (value?.kind === "tensor") return value.value;
  if (value_float?.kind === "float") return floatTensor([], [value_float.value]);
  if (value_floats?.kind === "floats") return floatTensor([value_floats.value.length], value_floats.value);
  if (value_int?.kind === "int") return int64Tensor([value_int.value], []);
  if (value_ints?.kind === "ints") return int64Tensor(value_ints.value);
  return undefined;
}

// What makes values has nothing before it to learn, and sizes do not change with what they are sizes of: null.

const notFollowed = (what: string) => ({ refuse: `${what} depends on the data` });

export const Constant: OpRule = {
  required: 0,
  infer(c) {
    const tensor = constantOf(c.node);
    return [tensor ? knownOf(tensor) : unknown];
  },
  value(c) {
    const tensor = constantOf(c.node);
    return [tensor && knownOf(tensor).value];
  },
  lift: { refuse: "its constant has a form (sparse, strings) that cannot be lifted" },
  gradient: null,
};

export const ConstantOfShape: OpRule = {
  infer(c) {
    const value = c.node.attrs["value"];
    const sizes = c.inputs[0]?.value;
    const shape = sizes ? Array.from(sizes.data) : freshSizes(c, 0);
    return [{ dtype: value?.kind === "tensor" ? value.value.dtype : "float32", shape }];
  },
  value(c) {
    const sizes = numbersIn(c, 0);
    if (!sizes || elementCount(sizes) > VALUE_LIMIT) return undefined;
    const value = c.node.attrs["value"];
    const fill = value?.kind === "tensor" ? numbersOf(value.value)[0]! : 0;
    return [ndArray(sizes, new Array<number>(elementCount(sizes)).fill(fill))];
  },
  lift(c) {
    const [sizes, twin] = [c.input(0).known.value, c.input(0).twin.value];
    if (!sizes || !twin) return c.refuse("E_SHAPE", "takes its sizes from the data");
    const axes = Array.from(sizes.data, (size, i) =>
      axisOfSize(c, size, twin.data[i]!, i, sizes.data.length),
    );
    c.emit([c.shape(liftedShape(axes))]);
    return [axes];
  },
  gradient: null,
};

function progression(c: InferContext): { start: number; delta: number; length: number } | undefined {
  const [start, limit, delta] = [0, 1, 2].map((i) => numbersIn(c, i)?.[0]);
  if (start === undefined || limit === undefined || delta === undefined) return undefined;
  return { start, delta, length: Math.max(0, Math.ceil((limit - start) / delta)) };
}

export const Range: OpRule = {
  required: 3,
  infer: (c) => shaped(c, [progression(c)?.length ?? c.fresh()]),
  value(c) {
    const found = progression(c);
    if (!found || found.length > VALUE_LIMIT) return undefined;
    return [vector(Array.from({ length: found.length }, (_, i) => found.start + i * found.delta))];
  },
  lift: {
    refuse: "makes coordinates along a spatial axis (E_COORD_RAMP); a coordinate along depth has no weights",
  },
  gradient: null,
};

/** The sizes that Shape hands out: `start` to `end`. */
function shapeElements(shape: readonly Dim[] | undefined, node: Node): Dim[] | undefined {
  return shape?.slice(intAttr(node, "start", 0), intAttr(node, "end", shape.length));
}

export const Shape: OpRule = {
  infer(c) {
    const sizes = shapeElements(shapeOf(c, 0), c.node);
    return [{ dtype: "int64", shape: [sizes ? sizes.length : c.fresh()] }];
  },
  value(c) {
    const sizes = shapeElements(shapeOf(c, 0), c.node);
    return sizes && [vector(sizes)];
  },
  lift: notFollowed("the shape it reads"),
  gradient: null,
};

export const Size: OpRule = {
  infer: () => [{ dtype: "int64", shape: [] }],
  value(c) {
    const shape = shapeOf(c, 0);
    return shape && [ndArray([], [productOfDims(shape)])];
  },
  lift: notFollowed("the size it reads"),
  gradient: null,
};

/** A node that hands a value on under another name. */
export const identityNode = (from: string, to: string, name = ""): Node => ({
  ...nodeOf("Identity", [from], to),
  name,
});

export const Identity: OpRule = {
  infer: sameAsInput,
  value: (c) => [c.inputs[0]?.value],
  lift: liftSame,
  gradient: (c) => [c.dy()],
  traits: { alias: "same" },
};

/** Outside training, the identity; the second output is the mask. */
export const Dropout: OpRule = {
  infer: (c) => [...sameAsInput(c), { dtype: "bool", shape: shapeOf(c, 0) }],
  value(c) {
    const x = c.inputs[0]?.value;
    return x && [x, mapNd(x, () => 1)];
  },
  lift: liftSame,
  gradient(c) {
    const drawing = c.x(2) && c.numbers(c.x(2))?.[0] !== 0;
    // The backward half could not know what was dropped.
    return drawing
      ? c.refuse("it draws its own random numbers; multiply by a mask that is fed instead")
      : [c.dy()];
  },
  traits: { trainingOnly: true },
};
