/**
 * @file Elementwise operators: of one operand, of several that broadcast, and
 * those that turn one element into a number of another type.
 *
 * @see https://onnx.ai/onnx/repo-docs/Broadcasting.html
 */

import {
  type Dim,
  floorDim,
  modDims,
  mulDims,
  sameDim,
  signOfDim,
  subDims,
  truncDivDims,
} from "../graph/dim.ts";
import { intAttr } from "../graph/graph.ts";
import { mapNd, type NdArray, zipNd } from "../graph/nd-array.ts";
import { type DType, dtypeFromOnnx } from "../graph/tensor.ts";
import { alignedDepth, broadcastShapes, dtypeOf, liftSame, shapeOf } from "./common.ts";
import { castGradient, whereGradient } from "./elementwise-gradient.ts";
import type { GradientRule } from "./gradient.ts";
import { atom, type Axes, type Axis, hasRole, isSpatial, showAxes } from "./roles.ts";
import type { InferContext, LiftContext, LiftRule, OpRule } from "./rule.ts";

type OnNumber = (x: number) => number;
type OnDims = (x: Dim, y: Dim, c: InferContext) => Dim | undefined;

/** y = f(x), element by element. */
export const unary = (gradient: GradientRule | null, f?: OnNumber, dtype?: DType): OpRule => ({
  infer: (c) => [{ dtype: dtype ?? dtypeOf(c, 0), shape: shapeOf(c, 0) }],
  ...(f && { value: valueOf((element) => (typeof element === "number" ? f(element) : undefined)) }),
  lift: liftSame,
  gradient,
  traits: { pointwise: true },
});

const valueOf =
  (f: (x: Dim) => Dim | undefined): NonNullable<OpRule["value"]> =>
  (c) => {
    const x = c.inputs[0]?.value;
    return x && [mapNd(x, f)];
  };

/** Like {@link unary}, for rules that also work on symbolic sizes. */
export const unaryOnDims = (gradient: GradientRule, f: (x: Dim) => Dim | undefined): OpRule => ({
  ...unary(gradient),
  value: valueOf(f),
});

/** y = f(a, b, …) over broadcast operands. */
export const broadcast = (gradient: GradientRule | null, f?: OnDims, dtype?: DType): OpRule => ({
  required: "all",
  infer: (c) => [{ dtype: dtype ?? dtypeOf(c, 0), shape: broadcastShape(c) }],
  ...(f && { value: (c) => broadcastValue(c, f) }),
  lift: liftBroadcast,
  gradient,
  traits: { pointwise: true },
});

function broadcastShape(c: InferContext): Dim[] | undefined {
  const shapes = c.inputs.map((input) => input?.shape);
  return broadcastShapes(c, shapes);
}

function broadcastValue(c: InferContext, f: OnDims): [NdArray] | undefined {
  let out = c.inputs[0]?.value;
  for (let i = 1; out && i < c.inputs.length; i++) {
    const next = c.inputs[i]?.value;
    out = next && zipNd(out, next, (x, y) => f(x, y, c));
  }
  return out && [out];
}

/** Where(condition, x, y): the type is x's. */
export const Where: OpRule = {
  required: 3,
  infer: (c) => [{ dtype: dtypeOf(c, 1), shape: broadcastShape(c) }],
  value(c) {
    const [condition, x, y] = c.inputs.map((input) => input?.value);
    if (!condition || !x || !y) return undefined;
    const kept = zipNd(condition, x, (use, value) =>
      typeof use === "number" ? (use ? value : NaN) : undefined,
    );
    const other = kept && zipNd(condition, y, (use, value) => (use ? NaN : value));
    return (
      kept && other && [zipNd(kept, other, (a, b) => (typeof a === "number" && Number.isNaN(a) ? b : a))]
    );
  },
  lift: liftBroadcast,
  gradient: whereGradient,
  traits: { pointwise: true },
};

export const IsInf: OpRule = {
  ...unary(null, undefined, "bool"),
  value(c) {
    const x = c.inputs[0]?.value;
    const detected = (e: number): boolean =>
      (e === Infinity && intAttr(c.node, "detect_positive", 1) === 1) ||
      (e === -Infinity && intAttr(c.node, "detect_negative", 1) === 1);
    return x && [mapNd(x, (e) => (typeof e === "number" ? Number(detected(e)) : undefined))];
  },
};

export const Mod: OpRule = broadcast(null, (a, b, c) => {
  if (intAttr(c.node, "fmod", 0) === 0) return modDims(a, b);
  return typeof a === "number" && typeof b === "number" ? a % b : undefined;
});

const INTEGER = /^u?int/;

/** Integer division truncates; sizes in floating point divide exactly. */
export const divide: OnDims = (a, b, c) => {
  if (INTEGER.test(dtypeOf(c, 0) ?? "")) return sameDim(b, 0) ? undefined : truncDivDims(a, b);
  if (typeof b !== "number") return sameDim(a, b) ? 1 : undefined;
  return typeof a === "number" ? a / b : mulDims(a, 1 / b);
};

export const power: OnDims = (a, b) => {
  if (typeof a === "number" && typeof b === "number") return a ** b;
  return b === 2 ? mulDims(a, a) : b === 1 ? a : undefined;
};

/** Comparisons of sizes have an answer only where it is the same for every input. */
export const comparison = (test: (sign: number) => boolean): OpRule =>
  broadcast(
    null,
    (a, b) => {
      const sign = signOfDim(subDims(a, b));
      return sign === undefined ? undefined : Number(test(sign));
    },
    "bool",
  );

export const logical = (f: (a: boolean, b: boolean) => boolean): OpRule =>
  broadcast(
    null,
    (a, b) => (typeof a === "number" && typeof b === "number" ? Number(f(a !== 0, b !== 0)) : undefined),
    "bool",
  );

const cast = (typeOf: (c: InferContext) => DType | undefined): OpRule => ({
  infer: (c) => [{ dtype: typeOf(c), shape: shapeOf(c, 0) }],
  value: (c) => castTo(c, typeOf(c)),
  lift: liftSame,
  gradient: castGradient,
  traits: { casts: true, pointwise: true },
});

export const Cast = cast((c) => dtypeFromOnnx(intAttr(c.node, "to", 1)));
/** The type is that of the second operand. */
export const CastLike: OpRule = { ...cast((c) => dtypeOf(c, 1)), required: 2 };

function castTo(c: InferContext, to: DType | undefined): (NdArray | undefined)[] | undefined {
  const x = c.inputs[0]?.value;
  if (!x || !to) return undefined;
  if (to === "bool") return [mapNd(x, (e) => (typeof e === "number" ? Number(e !== 0) : undefined))];
  if (!INTEGER.test(to)) return [x];
  return [mapNd(x, (e) => (typeof e === "number" ? Math.trunc(e) : floorDim(e)))];
}

/**
 * Broadcasting in 3D. Operands are aligned at the right, axis by axis; where
 * any of them has height, every other one that reaches further left gets an
 * axis of size 1 for depth.
 *
 *   x [N][C][H][W] + b [C,1,1]    →  x [N][C][D][H][W] + b [C,1,1,1]
 *   x [N][H][W][C] + b [C]        →  unchanged
 */
function liftBroadcast(c: LiftContext): ReturnType<LiftRule> {
  const operands = c.inputs.map((_, i) => c.input(i));
  const rank = Math.max(...operands.map(({ known }) => known.shape?.length ?? 0));
  const roles = operands.map(({ axes }) => axes);
  const axes: Axis[] = Array.from({ length: rank }, (_, i) => alignedAxis(c, roles, rank, i));
  const names = operands.map((operand, k) => {
    warnSharedAlongDepth(c, operand.known.shape ?? [], axes, k);
    return alignedDepth(c, k, axes);
  });
  c.requireSameDepth(roles);
  c.emit(names);
  const sizes = c.outputs[0]!.shape ?? [];
  const out = axes.map((axis, i) => (axis.length === 0 && sizes[i] !== 1 ? atom("C", sizes[i]!) : axis));
  return c.outputs.map(() => out);
}

/** The role of an output axis: of the operand that is not broadcast there. */
function alignedAxis(c: LiftContext, operands: readonly Axes[], rank: number, i: number): Axis {
  let out: Axis = [];
  for (const axes of operands) {
    const own = axes[i - (rank - axes.length)];
    if (!own || own.length === 0) continue;
    if (out.length === 0 || (isUnit(out) && !isUnit(own))) {
      out = own;
    } else if (isSpatial(own) && isSpatial(out) && !isUnit(own) && hasRole(own, "H") !== hasRole(out, "H")) {
      c.refuse(
        "E_ROLE_MIX",
        `combines ${operands.map(showAxes).join(" with ")}: height of one lies on another axis of the other`,
      );
    }
  }
  return out;
}

const isUnit = (axis: Axis): boolean => axis.every((a) => a.size === 1);

function warnSharedAlongDepth(c: LiftContext, shape: readonly Dim[], axes: Axes, k: number): void {
  const operand = c.input(k);
  if (!operand.constant) return;
  const lead = axes.length - shape.length;
  const varied = axes.filter((_, i) => i >= lead && shape[i - lead] !== 1);
  if (varied.some((axis) => axis.length > 1 && hasRole(axis, "H"))) {
    c.refuse(
      "E_CONST_TOKENS",
      `adds a constant per position of ${showAxes(axes)} (a position embedding), which has no values for depth`,
    );
  }
  if (varied.some((axis) => axis.length === 1 && isSpatial(axis))) {
    c.warn(`its constant "${operand.name}" varies over the image plane; it is repeated along depth`);
    c.pin(`${operand.name} is given per pixel`);
  }
}
