/**
 * @file Concat and Split: join and part tensors along one axis.
 *
 *   x_i [N, C_i, ...n]  →  y [N, ΣC_i, ...n]        (axis = 1)
 *
 * @see https://onnx.ai/onnx/operators/onnx__Concat.html
 */

import { addDims, ceilDivDims, type Dim, subDims } from "../graph/dim.ts";
import { int, intAttr, type Node, nodeOf } from "../graph/graph.ts";
import { concatNd, type NdArray, sliceNd } from "../graph/nd-array.ts";
import { elementCount, numbersOf, type Tensor } from "../graph/tensor.ts";
import { dtypeOf, fail, normAxis, numbersIn, shaped, shapeOf } from "./common.ts";
import { atom, depthAxes, hasHeight, isSpatial, liftedAxis, liftedShape, showAxes } from "./roles.ts";
import type { InferContext, Lifted, LiftContext, OpRule } from "./rule.ts";

/** A node that joins values along an axis. */
export const joined = (inputs: readonly string[], output: string, axis: number): Node =>
  nodeOf("Concat", inputs, output, { axis: int(axis) });

export const Concat: OpRule = {
  required: "all",
  infer(c) {
    const shapes = c.inputs.map((input) => input?.shape);
    const known = shapes.find((shape) => shape !== undefined);
    if (!known) return shaped(c);
    const axis = normAxis(c, intAttr(c.node, "axis", 1), known.length);
    for (const shape of shapes) {
      const agrees =
        !shape ||
        (shape.length === known.length &&
          shape.every(
            (n, i) => i === axis || n === known[i] || typeof n !== "number" || typeof known[i] !== "number",
          ));
      if (!agrees)
        fail(c, `inputs must agree off axis ${axis}, got [${known.join(", ")}] and [${shape.join(", ")}]`);
    }
    const total = shapes.every((shape) => shape)
      ? shapes.reduce<Dim>((sum, s) => addDims(sum, s![axis]!), 0)
      : c.fresh();
    const shape = known.map((n, i) =>
      i === axis ? total : (shapes.map((s) => s?.[i]).find((m) => typeof m === "number") ?? n),
    );
    return shaped(c, shape);
  },

  value(c) {
    const parts = c.inputs.map((input) => input?.value);
    if (!parts.every((part): part is NdArray => part !== undefined)) return undefined;
    return [concatNd(parts, normAxis(c, intAttr(c.node, "axis", 1), parts[0]!.dims.length))];
  },

  lift(c) {
    const operands = c.inputs.map((_, i) => c.input(i));
    const image = operands.find(({ axes }) => hasHeight(axes)) ?? operands[0]!;
    const axis = normAxis(c, intAttr(c.node, "axis", 1), image.axes.length);
    if (operands.some(({ axes }) => isSpatial(axes[axis]))) {
      const constant = operands.some((operand) => operand.constant || !hasHeight(operand.axes));
      return c.refuse(
        constant ? "E_CONST_CONCAT" : "E_CONCAT_SPATIAL",
        constant
          ? `joins a constant (a class token?) to the positions of ${showAxes(image.axes)}; attention networks have no convolutional 3D reading`
          : `joins tensors along a spatial axis of ${showAxes(image.axes)}`,
      );
    }
    const flat = hasHeight(image.axes) && operands.find((o) => !o.constant && !hasHeight(o.axes));
    if (flat) {
      return c.refuse(
        "E_CONST_CONCAT",
        `joins "${flat.name}", a map of one size, to the image ${showAxes(image.axes)} of any size; export at a fixed size`,
      );
    }
    c.requireSameDepth(operands.map(({ axes }) => axes));
    const names = operands.map(({ constant }, i) =>
      constant && hasHeight(image.axes) ? alongImage(c, i, image, axis) : c.name(i),
    );
    c.emit(names, { attrs: { axis: int(liftedAxis(image.axes, axis)) } });
    const total = operands.reduce<Dim>((sum, { known }) => addDims(sum, known.shape![axis]!), 0);
    const role = image.axes[axis]![0]?.role === "N" ? "N" : "C";
    return [image.axes.map((a, i) => (i === axis ? atom(role, total) : a))];
  },

  gradient(c) {
    const axis = normAxis(c, intAttr(c.node, "axis", 1), c.shape(c.y()).length);
    let start = 0;
    return c.node.inputs.map((name, i) => {
      const end = start + c.shape(name)[axis]!;
      const part = c.needs(i) ? c.slice(c.dy(), [axis], [start], [end]) : undefined;
      start = end;
      return part;
    });
  },
  traits: { moves: "join" },
};

/**
 * A constant map that is joined to the image's features, repeated along depth:
 * one value for every pixel fits any size, others pin the exported one.
 */
function alongImage(
  c: LiftContext,
  i: number,
  { name: imageName, axes: image }: Lifted,
  joined: number,
): string {
  const { name, known } = c.input(i);
  const dims = known.shape!.map((n) => c.probe(n));
  const tensor = c.tensor(i);
  const spatial = image.flatMap((axis, k) => (isSpatial(axis) && dims[k] !== 1 ? [k] : []));
  if (spatial.some((k) => image[k]!.length > 1)) {
    c.refuse(
      "E_CONST_CONCAT",
      `joins a constant per position to ${showAxes(image)}, which has no values for depth`,
    );
  }
  let map = c.name(i);
  if (spatial.length > 0 && tensor && isUniform(tensor, spatial)) {
    const bounds = (at: number): string => c.ints(spatial.map(() => at));
    map = c.add("Slice", [map, bounds(0), bounds(1), c.ints(spatial)]);
  } else if (spatial.length > 0) {
    const sizes = c.liftedShape(imageName);
    if (!c.baked && spatial.some((k) => sizes[liftedAxis(image, k)] !== dims[k])) {
      c.refuse(
        "E_CONST_CONCAT",
        `joins a constant of ${spatial.map((k) => dims[k]).join("×")} pixels, so the network works at one image size only; say which with size: [depth, height, width]`,
      );
    }
    c.warn(`joins the constant "${name}", which varies over the image plane; it is repeated along depth`);
    c.pin(`joins ${name}, which is given per pixel`);
  }
  const sizes = liftedShape(image.map((axis, k) => (k === joined ? atom("C", dims[k]!) : axis)));
  return c.add("Expand", [c.add("Unsqueeze", [map, c.ints(depthAxes(image))]), c.shape(sizes)]);
}

/** Whether the elements do not depend on the position along these axes, the last ones of the tensor. */
function isUniform(tensor: Tensor, axes: readonly number[]): boolean {
  const first = Math.min(...axes);
  const values = numbersOf(tensor);
  const block = elementCount(tensor.dims.slice(first));
  return values.every((value, at) => value === values[at - (at % block)]);
}

/** Sizes of the parts: given, or equal with a smaller last one. */
function partSizes(c: InferContext, axis: number): Dim[] | undefined {
  const given = numbersIn(c, 1);
  if (given) {
    const size = shapeOf(c, 0)?.[axis];
    const sum = given.reduce((total, part) => total + part, 0);
    if (typeof size === "number" && sum !== size)
      fail(c, `its parts of ${given.join(", ")} should make up the ${size} of axis ${axis}`);
    return given;
  }
  if (c.node.inputs[1]) return undefined;
  const n = shapeOf(c, 0)?.[axis];
  if (n === undefined) return undefined;
  const parts = intAttr(c.node, "num_outputs", c.node.outputs.length);
  const each = ceilDivDims(n, parts);
  let left = n;
  return Array.from({ length: parts }, (_, i) => {
    const size = i === parts - 1 ? left : each;
    left = subDims(left, each);
    return size;
  });
}

export const Split: OpRule = {
  infer(c) {
    const x = shapeOf(c, 0);
    const axis = x && normAxis(c, intAttr(c.node, "axis", 0), x.length);
    const sizes = x && partSizes(c, axis!);
    return c.node.outputs.map((_, i) => ({
      dtype: dtypeOf(c, 0),
      shape: x?.map((n, k) => (k === axis ? (sizes?.[i] ?? c.fresh()) : n)),
    }));
  },

  value(c) {
    const x = c.inputs[0]?.value;
    if (!x) return undefined;
    const axis = normAxis(c, intAttr(c.node, "axis", 0), x.dims.length);
    const sizes = partSizes(c, axis);
    let start = 0;
    return sizes?.map((size) => {
      if (typeof size !== "number") return undefined;
      const part = sliceNd(x, axis, start, 1, size);
      start += size;
      return part;
    });
  },

  lift(c) {
    const { axes } = c.input(0);
    const axis = normAxis(c, intAttr(c.node, "axis", 0), axes.length);
    if (isSpatial(axes[axis]))
      return c.refuse("E_SPLIT_SPATIAL", `parts ${showAxes(axes)} along a spatial axis`);
    c.emit(c.names(), { attrs: { ...c.node.attrs, axis: int(liftedAxis(axes, axis)) } });
    return c.outputs.map((output) => axes.map((a, i) => (i === axis ? atom("C", output.shape![axis]!) : a)));
  },

  gradient(c) {
    const axis = normAxis(c, intAttr(c.node, "axis", 0), c.shape(c.x()).length);
    const parts = c.node.outputs.map((_, i) => c.dy(i));
    return [c.concat(parts, axis)];
  },
  traits: { moves: "part" },
};
