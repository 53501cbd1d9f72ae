/**
 * @file Operators we know well enough to type but that have no 3D reading, each
 * with the reason.
 */

import type { Dim } from "../graph/dim.ts";
import { dtypeFromOnnx } from "../graph/tensor.ts";
import { intAttr } from "../graph/graph.ts";
import { dtypeOf, normAxis, numbersIn, refused, sameAsInput, shaped, shapeOf } from "./common.ts";
import type { InferContext, Known, OpRule } from "./rule.ts";

const int32 = (): Known[] => [{ dtype: "int32" }];
const likeIndices = (c: InferContext): Known[] => shaped(c, shapeOf(c, 1));

const positions = "picks or places elements by computed position in the image plane";
const boxes =
  "works with boxes or flow in the image plane, which have no third axis; cut the graph before it with `outputs`";

export const GatherElements = refused(positions, likeIndices, null, { moves: "pick" });
export const GatherND = refused(positions, (c) => {
  const [x, indices] = [shapeOf(c, 0), shapeOf(c, 1)];
  const last = indices?.at(-1);
  const batch = intAttr(c.node, "batch_dims", 0);
  if (!x || typeof last !== "number") return shaped(c);
  return shaped(c, [...indices!.slice(0, -1), ...x.slice(batch + last)]);
});
export const ScatterElements = refused(positions, sameAsInput);
export const ScatterND = refused(positions, sameAsInput);
export const OneHot = refused(positions, (c) => {
  const indices = shapeOf(c, 0);
  const depth = numbersIn(c, 1)?.[0];
  if (!indices) return [{ dtype: dtypeOf(c, 2) }];
  const axis = normAxis(c, intAttr(c.node, "axis", -1), indices.length + 1);
  return [
    { dtype: dtypeOf(c, 2), shape: [...indices.slice(0, axis), depth ?? c.fresh(), ...indices.slice(axis)] },
  ];
});
export const NonZero = refused(positions, (c) => {
  const rank = shapeOf(c, 0)?.length;
  return [{ dtype: "int64", shape: rank === undefined ? undefined : [rank, c.fresh()] }];
});
export const CumSum = refused("accumulates along an axis of the image", sameAsInput);
export const Trilu = refused("masks a triangle of a plane", sameAsInput);
export const TopK = refused("sorts along an axis of the image", (c) => {
  const x = shapeOf(c, 0);
  const axis = x && normAxis(c, intAttr(c.node, "axis", -1), x.length);
  const shape = x?.map((n, i) => (i === axis ? (numbersIn(c, 1)?.[0] ?? c.fresh()) : n));
  return [...shaped(c, shape), { dtype: "int64", shape }];
});
export const NonMaxSuppression = refused(boxes, (c) => [{ dtype: "int64", shape: [c.fresh(), 3] }]);
export const RoiAlign = refused(boxes, (c) => {
  const [x, rois] = [shapeOf(c, 0), shapeOf(c, 1)];
  if (!x || !rois) return shaped(c);
  const size: Dim[] = [intAttr(c.node, "output_height", 1), intAttr(c.node, "output_width", 1)];
  return shaped(c, [rois[0]!, x[1]!, ...size]);
});
export const GridSample = refused(boxes, (c) => {
  const [x, grid] = [shapeOf(c, 0), shapeOf(c, 1)];
  if (!x || !grid) return shaped(c);
  return shaped(c, [x[0]!, x[1]!, ...grid.slice(1, -1)]);
});
export const DeformConv = refused(
  "moves its taps by offsets in the image plane, which have no third component",
  (c) => shaped(c),
);
export const MaxUnpool = refused("unpools by indices into a slice", (c) => shaped(c, numbersIn(c, 2)));

/** Loops and branches that survive folding: types of what they yield, nothing more. */
export const If = refused("branches on data", (c) =>
  c.subgraph("then_branch").map(({ dtype }) => ({ dtype })),
);
export const EyeLike = refused("makes a diagonal of a plane", (c) => {
  const dtype = dtypeFromOnnx(intAttr(c.node, "dtype", 0)) ?? dtypeOf(c, 0);
  return [{ dtype, shape: shapeOf(c, 0) }];
});

const quantised = (infer: (c: InferContext) => readonly Known[] = (c) => shaped(c)): OpRule =>
  refused("computes with quantised numbers; lift the floating-point network that it was made from", infer);

export const ConvInteger = quantised(int32);
export const MatMulInteger = quantised(int32);
export const QLinearConv = quantised();
export const QLinearMatMul = quantised();
export const QuantizeLinear = quantised((c) => [{ dtype: dtypeOf(c, 2) ?? "uint8", shape: shapeOf(c, 0) }]);
export const DequantizeLinear = quantised((c) => [{ dtype: dtypeOf(c, 1), shape: shapeOf(c, 0) }]);
export const DynamicQuantizeLinear = quantised((c) => [
  { dtype: "uint8", shape: shapeOf(c, 0) },
  { dtype: "float32", shape: [] },
  { dtype: "uint8", shape: [] },
]);
