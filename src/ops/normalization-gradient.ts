/**
 * @file Gradients of normalisations. All of them bring x to mean 0 and
 * deviation 1 over some axes, and differ in which:
 *
 *   z = x − mean(x)      r = 1 / √(mean(z²) + ε)      y = s·r·z + b
 *
 * With g = s·dy, all means over the same axes,
 *
 *   dx = r·(g − mean(g) − z·r²·mean(g·z))      ds = Σ dy·r·z      db = Σ dy
 *
 * Where s is the same all along the axes, it stands before the bracket, and the
 * two means serve dx, ds and db: dy and z are read once for both, and once for dx.
 *
 * @see Ioffe, Szegedy: Batch Normalization, 2015, section 3
 */

import { floatAttr, intAttr, intsAttr } from "../graph/graph.ts";
import { normAxis } from "./common.ts";
import type { Algebra, GradientContext, GradientRule } from "./gradient.ts";
import { quotientOrZero } from "./reduce-gradient.ts";
import { countAlong, meanProductOver } from "./statistics.ts";

/** What the forward half computed on the way, or what is computed again from x. */
interface Standardised {
  /** x less its mean. */
  readonly z: string;
  /** 1 / deviation, with sizes of 1 along `axes`. */
  readonly r: string;
  readonly axes: readonly number[];
}

/** 1 / √(variance + ε). */
const inverseDeviation = (c: Algebra, variance: string, epsilon: number): string =>
  c.op("Reciprocal", [c.sqrt(c.add(variance, epsilon))]);

function standardise(
  c: GradientContext,
  { sizes, axes }: Pick<View, "sizes" | "axes">,
  epsilon = epsilonOf(c),
): Standardised {
  const x = c.reshape(c.x(), sizes);
  const z = c.sub(x, c.mean(x, axes, true));
  return { z, r: inverseDeviation(c, meanProductOver(c, z, z, axes), epsilon), axes };
}

/**
 * dx, ds and db as above, ds and db still per place that s and b may have.
 *
 * @param scale - s, aligned with z; undefined for 1
 */
function standardGradient(
  c: Algebra,
  { z, r, axes }: Standardised,
  dy: string,
  scale?: string,
): { dx: string; ds: string; db: string } {
  const uniform = scale === undefined || axes.every((axis) => c.shape(scale)[axis] === 1);
  const g = uniform ? dy : c.mul(dy, scale);
  const meanG = c.mean(g, axes, true);
  const meanGZ = meanProductOver(c, g, z, axes);
  const slope = c.mul(c.mul(r, r), meanGZ);
  const bracket = c.sub(g, c.add(c.mul(z, slope), meanG));
  const dx = c.mul(bracket, uniform && scale !== undefined ? c.mul(r, scale) : r);
  if (!uniform) return { dx, ds: c.mul(dy, c.mul(z, r)), db: dy };
  const count = countAlong(c, z, axes);
  return { dx, ds: c.mul(c.mul(meanGZ, r), count), db: c.mul(meanG, count) };
}

/** How a normalisation looks at x, in which arrangement its axes are those of {@link Standardised}. */
interface View {
  readonly sizes: readonly number[];
  readonly axes: readonly number[];
  /** Sizes of s and b, aligned with `sizes`. */
  readonly parameters: readonly number[];
}

/** A normalisation with scale and bias; its statistics are computed again, unless it hands them out. */
const normalization =
  (
    viewOf: (c: GradientContext, sizes: readonly number[]) => View,
    statisticsOf: (c: GradientContext, view: View) => Standardised = standardise,
  ): GradientRule =>
  (c) => {
    if (c.node.outputs.some((_, i) => i > 0 && c.reaches(i))) {
      return c.refuse("the loss depends on the statistics that it hands out");
    }
    const view = viewOf(c, c.shape(c.x()));
    const { sizes, parameters } = view;
    const scale = c.reshape(c.x(1), parameters);
    const { dx, ds, db } = standardGradient(c, statisticsOf(c, view), c.reshape(c.dy(), sizes), scale);
    const asParameter = (i: number, gradient: string): string | undefined =>
      c.needs(i) ? c.reshape(c.unbroadcast(gradient, parameters), c.shape(c.x(i))) : undefined;
    return [c.reshape(dx, c.shape(c.x())), asParameter(1, ds), asParameter(2, db)];
  };

const epsilonOf = (c: GradientContext): number => floatAttr(c.node, "epsilon", 1e-5);

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** [1, C, 1, …]: where a number per feature stands in x [N, C, …]. */
const perFeature = (sizes: readonly number[]): number[] => sizes.map((n, axis) => (axis === 1 ? n : 1));
/** The axes of x [N, C, …] but that of features. */
const butFeatures = (sizes: readonly number[]): number[] => [0, ...range(2, sizes.length)];

/** Over the batch and its pixels; z and the variance are handed out. */
export const trainingBatchNorm = normalization(
  (_, sizes) => ({ sizes, axes: butFeatures(sizes), parameters: perFeature(sizes) }),
  (c, { axes, parameters }) => ({
    z: c.y(3),
    r: inverseDeviation(c, c.reshape(c.y(2), parameters), epsilonOf(c)),
    axes,
  }),
);

/** Over the pixels of a feature. */
export const instanceNormalization = normalization((_, sizes) => ({
  sizes,
  axes: range(2, sizes.length),
  parameters: perFeature(sizes),
}));

/** Over everything from `axis` on; s and b may have fewer axes than that. */
export const layerNormalization = normalization((c, sizes) => {
  const axis = normAxis(c, intAttr(c.node, "axis", -1), sizes.length);
  const own = c.shape(c.x(1));
  const parameters = [...range(own.length, sizes.length).map(() => 1), ...own];
  return { sizes, axes: range(axis, sizes.length), parameters };
});

/** Over the pixels of a group of features [N, groups, features, …]; s and b per group (set 18) or feature. */
export const groupNormalization = normalization((c, [n, features, ...pixels]) => {
  const groups = intAttr(c.node, "num_groups", 1);
  const sizes = [n!, groups, features! / groups, ...pixels];
  const given = c.shape(c.x(1))[0]!;
  const parameters = [1, groups, given / groups, ...pixels.map(() => 1)];
  return { sizes, axes: range(2, sizes.length), parameters };
});

/** ONNX divides by deviation + 10⁻⁹; as √(variance + 10⁻¹⁸) is, to first order where it matters. */
export const meanVarianceNormalization: GradientRule = (c) => {
  const sizes = c.shape(c.x());
  const axes = (intsAttr(c.node, "axes") ?? [0, 2, 3]).map((axis) => normAxis(c, axis, sizes.length));
  return [standardGradient(c, standardise(c, { sizes, axes }, 1e-18), c.dy()).dx];
};

/**
 * y = x / n, n = ‖x‖ of order 1 or 2 along an axis:  dx = (dy − n′·Σ y·dy) / n,
 * n′ being sign x or y. Where n is 0, so is y, and dx.
 */
export const lpNormalization: GradientRule = (c) => {
  const axes = [normAxis(c, intAttr(c.node, "axis", -1), c.shape(c.x()).length)];
  const first = intAttr(c.node, "p", 2) === 1;
  const norm = c.op(first ? "ReduceL1" : "ReduceL2", [c.x(), c.ints(axes)]);
  const slope = first ? c.op("Sign", [c.x()]) : c.y();
  const along = c.sum(c.mul(c.y(), c.dy()), axes, true);
  return [c.mul(c.sub(c.dy(), c.mul(slope, along)), quotientOrZero(c, 1, norm))];
};

/**
 * BatchNormalization with given mean μ and variance v, r = 1 / √(v + ε):
 *
 *   y = s·r·(x − μ) + b
 *   dx = s·r·dy    ds = r·Σ dy·(x − μ)    db = Σ dy    dμ = −s·r·Σ dy    dv = −½·s·r³·Σ dy·(x − μ)
 */
export const batchNormalization: GradientRule = (c) => {
  if (intAttr(c.node, "training_mode", 0) === 1) {
    return c.refuse("it was exported in training mode; export the network with eval()");
  }
  const sizes = c.shape(c.x());
  const [axes, wide] = [butFeatures(sizes), perFeature(sizes)];
  const [x, s, , mean, variance] = c.node.inputs as [string, string, string, string, string];
  const dy = c.dy();
  const r = inverseDeviation(c, variance, epsilonOf(c));
  const sr = c.mul(s, r);
  const total = (mean: string): string => c.mul(c.reshape(mean, [sizes[1]!]), countAlong(c, x, axes));
  const sum = (): string => total(c.mean(dy, axes, true));
  const moment = (): string => total(meanProductOver(c, dy, c.sub(x, c.reshape(mean, wide)), axes));
  return [
    c.needs(0) ? c.mul(dy, c.reshape(sr, wide)) : undefined,
    c.needs(1) ? c.mul(moment(), r) : undefined,
    c.needs(2) ? sum() : undefined,
    c.needs(3) ? c.neg(c.mul(sum(), sr)) : undefined,
    c.needs(4) ? c.mul(c.mul(moment(), c.mul(sr, c.mul(r, r))), -0.5) : undefined,
  ];
};
