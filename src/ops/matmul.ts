/**
 * @file Matrix products: Gemm and MatMul contract features with a weight, or
 * two activations with each other (attention, non-local blocks).
 *
 * @see https://onnx.ai/onnx/operators/onnx__Gemm.html
 */

import { int, intAttr } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { broadcastShapes, fail, shaped, shapeOf } from "./common.ts";
import { type Dim, sameDim } from "../graph/dim.ts";
import { atom, type Axes, type Axis, hasHeight, isHeight, isSpatial, showAxes } from "./roles.ts";
import { productCost } from "./cost.ts";
import { gemm, matMul } from "./matmul-gradient.ts";
import type { InferContext, LiftContext, OpRule } from "./rule.ts";
import { fullyConnected, matrixProduct } from "./slots.ts";
import { dealChannels } from "./views.ts";

const transposed = (c: { readonly node: LiftContext["node"] }, name: string): boolean =>
  intAttr(c.node, name, 0) === 1;

export const Gemm: OpRule = {
  required: 2,
  infer(c) {
    const [a, b] = [shapeOf(c, 0), shapeOf(c, 1)];
    if (!a || !b) return shaped(c);
    const [m, k] = transposed(c, "transA") ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
    const [l, n] = transposed(c, "transB") ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
    if (typeof k === "number" && typeof l === "number" && k !== l) {
      fail(c, `contracts ${k} features with a weight of ${l}`);
    }
    return shaped(c, [m, n]);
  },

  lift(c) {
    const { axes } = c.input(0);
    const output = c.outputs[0]!.shape![1]!;
    if (!hasHeight(axes)) {
      c.emit(c.names());
      return [[axes[transposed(c, "transA") ? 1 : 0] ?? [], atom("C", output)]];
    }
    if (transposed(c, "transA") || !c.input(1).constant) {
      return c.refuse("E_MATMUL_PLANE", `multiplies over the image plane (${showAxes(axes)})`);
    }
    const features = axes[1]!;
    if (!isSpatial(features)) {
      c.emit(c.names());
      return [[axes[0]!, atom("C", output)]];
    }
    return flattenedHead(c, features, output);
  },

  gradient: gemm,
  slots: fullyConnected((node) => transposed({ node }, "transB")),
  cost: productCost((node, sizes) => sizes.at(transposed({ node }, "transA") ? 0 : -1)),
};

/**
 * A fully connected layer that reads a flattened map, C·H·W features tied to
 * their pixels (VGG, AlexNet; H·W·C in networks from Keras). In 3D the features
 * are C·D·H·W:
 *
 *   mean  the mean over depth, then the layer as it is: any D, every weight kept
 *   acs   thirds of the outputs read (H,W), (D,W), (D,H), the mean over the axis they omit
 */
function flattenedHead(c: LiftContext, features: Axis, output: Dim): readonly Axes[] {
  const refuse = (why: string): never => c.refuse("E_FC_SPATIAL", why);
  const order = features.map((a) => a.role).join("");
  const at = order.indexOf("H");
  const sizes = features.map((a) => c.probe(a.size));
  const total = elementCount(sizes);
  const weight = c.input(1).known.shape?.[transposed(c, "transB") ? 1 : 0];
  if (typeof weight === "number" && weight !== total) {
    return refuse(
      `takes ${weight} inputs, one per position of a flattened map, so the network works at one image size only; say which with size: [depth, height, width]`,
    );
  }
  const what = `reads a flattened ${sizes.join("×")} map; its ${total} inputs are tied to positions in the image`;
  if (c.fc === "error") return refuse(`${what}; choose fc: "mean", "acs" or "cut"`);
  if (c.fc === "cut") {
    c.cut(0);
    return [[]];
  }
  c.pin(what);
  const out: Axes = [c.input(0).axes[0]!, atom("C", output)];
  if (at < 0) {
    c.emit(c.names());
    return [out];
  }
  const unflatten = (sizes: readonly number[]): string => c.add("Reshape", [c.name(0), c.ints(sizes)]);
  const meanOver = (x: string, axis: number): string => {
    const mean = c.add("ReduceMean", [x, c.ints([axis])], { keepdims: int(0) });
    return c.add("Reshape", [mean, c.ints([0, total])]);
  };
  const before = elementCount(sizes.slice(0, at));
  const pixel = features.every(({ role, size }) => role === "C" || c.probe(size) === 1);
  if (c.fc === "mean" || pixel) {
    c.warn(`${what}; it reads the mean over depth (fc: "mean")`);
    c.emit([meanOver(unflatten([0, before, -1, total / before]), 2), ...c.names().slice(1)]);
    return [out];
  }
  const d = features[at]!.depth ?? 1;
  const [C, h, w] = sizes as [number, number, number];
  if (order !== "CHW") {
    return refuse(
      `${what}, in the order ${showAxes([features])}; fc: "acs" needs C·H·W, so choose fc: "mean"`,
    );
  }
  if (!sameDim(d, h) || h !== w) {
    return refuse(
      `${what}; fc: "acs" needs a cubic map, but its depth is ${d.toString()}: fix the size, or choose fc: "mean"`,
    );
  }
  if (!transposed(c, "transB")) return refuse(`${what}; fc: "acs" needs a weight of [outputs, inputs]`);
  const rows = dealChannels(c.probe(output), 1, c.split);
  const volume = unflatten([0, C, h, h, w]);
  const parts: string[] = [];
  let start = 0;
  rows.forEach((count, view) => {
    if (count === 0) return;
    const rowsOf = (i: number): string =>
      c.add("Slice", [c.name(i), c.ints([start]), c.ints([start + count]), c.ints([0])]);
    const inputs = [meanOver(volume, 2 + view), rowsOf(1), ...(c.node.inputs[2] ? [rowsOf(2)] : [])];
    parts.push(c.add("Gemm", inputs, c.node.attrs));
    start += count;
  });
  c.finish("Concat", parts, { axis: int(1) });
  return [out];
}

export const MatMul: OpRule = {
  required: 2,
  infer: (c) => shaped(c, productShape(c, shapeOf(c, 0), shapeOf(c, 1))),

  lift(c) {
    const refuse = (why: string): never => c.refuse("E_MATMUL_PLANE", why);
    const [a, b] = [c.input(0), c.input(1)];
    const shape = c.outputs[0]!.shape!;
    const contracted = a.axes.at(-1) ?? [];
    const against = b.constant ? [] : (b.axes.at(-2) ?? []);
    if (a.constant && !b.constant && hasHeight(b.axes)) {
      return refuse(`multiplies the image plane ${showAxes(b.axes)} by a constant from the left`);
    }
    if (b.constant && isSpatial(contracted)) {
      if (a.axes.length === 2 && contracted.length > 1) return liftHeadAsGemm(c, contracted);
      return refuse(`contracts ${showAxes([contracted])} with a constant, which has no values for depth`);
    }
    if (!b.constant && spatialKey(contracted) !== spatialKey(against)) {
      return refuse(`contracts ${showAxes([contracted])} with ${showAxes([against])}`);
    }
    if (!rowsStandAlone(a.axes, b.constant ? [] : b.axes)) {
      return refuse(`multiplies planes of the image (${showAxes(a.axes)} × ${showAxes(b.axes)})`);
    }
    c.emit(c.names());
    const lead = a.axes.slice(0, -1);
    const last: Axis = b.constant ? atom("C", shape.at(-1)!) : b.axes.length === 1 ? [] : b.axes.at(-1)!;
    if (b.constant && (b.known.shape?.length ?? 2) === 1) return [lead];
    const longer = b.axes.length > a.axes.length ? b.axes.slice(0, b.axes.length - a.axes.length) : [];
    return [[...longer, ...lead, last]];
  },

  gradient: matMul,
  slots: matrixProduct,
  traits: { fusesTranspose: true },
  cost: productCost((_, sizes) => sizes.at(-1)),
};

/** Sizes of a·b, stacks of matrices or vectors. */
function productShape(c: InferContext, a?: readonly Dim[], b?: readonly Dim[]): readonly Dim[] | undefined {
  if (!a || !b) return undefined;
  const [x, y] = [a.length === 1 ? [1, ...a] : a, b.length === 1 ? [...b, 1] : b];
  const [k, l] = [x.at(-1)!, y.at(-2)!];
  if (typeof k === "number" && typeof l === "number" && k !== l) {
    fail(c, `contracts ${k} elements with ${l}`);
  }
  const lead = broadcastShapes(c, [x.slice(0, -2), y.slice(0, -2)])!;
  const rows = a.length === 1 ? [] : [x.at(-2)!];
  const columns = b.length === 1 ? [] : [y.at(-1)!];
  return [...lead, ...rows, ...columns];
}

/** α·A′·B′: ONNX Runtime's own MatMul, of operands that are read transposed where `transA`, `transB` say so. */
export const FusedMatMul: OpRule = {
  required: 2,
  infer(c) {
    const side = (i: number, attr: string): readonly Dim[] | undefined => {
      const shape = shapeOf(c, i);
      return shape && transposed(c, attr) ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;
    };
    return shaped(c, productShape(c, side(0, "transA"), side(1, "transB")));
  },
  lift: { refuse: "is written by gradients, which are taken of networks that are 3D already" },
  gradient: null,
  cost: productCost((node, sizes) => sizes.at(transposed({ node }, "transA") ? -2 : -1)),
};

const spatialKey = (axis: Axis): string =>
  axis.map((a) => (a.role === "H" || a.role === "W" ? a.role : "·")).join("");

/**
 * Whether height only ever counts matrices: among batch axes, in the same place
 * of both operands, or as the rows of the first beside a weight. Then so may depth.
 */
function rowsStandAlone(a: Axes, b: Axes): boolean {
  if (b.length === 0) return !isHeight(a.at(-1));
  const heights = (axes: Axes): string =>
    axes.flatMap((axis, i) => (isHeight(axis) ? [i - axes.length] : [])).join();
  return heights(a) === heights(b) && !a.slice(-2).some(isHeight);
}

/** x [N, C·H·W] × w [C·H·W, O]: the same head as Gemm's, written without a bias. */
function liftHeadAsGemm(c: LiftContext, features: Axis): readonly Axes[] {
  if (c.fc === "acs") return c.refuse("E_FC_SPATIAL", 'fc: "acs" needs a Gemm head; choose fc: "mean"');
  return flattenedHead(c, features, c.outputs[0]!.shape![1]!);
}
