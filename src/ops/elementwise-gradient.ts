/**
 * @file Gradients of arithmetic and of functions of one number. Families come
 * first; each rule is then the derivative alone.
 *
 * Broadcasting is undone by the engine. Conventions at points without a
 * derivative are PyTorch's: 0 for Abs, and equal shares for tied extremes.
 *
 * @see Abramowitz, Stegun: Handbook of Mathematical Functions, 1964, chapters 3, 4 and 7
 */

import type { GradientContext, GradientRule, Operand } from "./gradient.ts";

/** y = f(x): dx = dy · f′, which is made of x and y. */
export const chain =
  (derivative: (c: GradientContext, x: string, y: string) => Operand): GradientRule =>
  (c) => [c.mul(c.dy(), derivative(c, c.x(), c.y()))];

/** As {@link chain}, where what divides dy is simpler: dx = dy / q. */
const chainOver =
  (quotient: (c: GradientContext, x: string, y: string) => Operand): GradientRule =>
  (c) => [c.div(c.dy(), quotient(c, c.x(), c.y()))];

/** Steps: flat wherever they have a derivative. */
export const flat: GradientRule = () => [];

/** y = Σ wᵢ·xᵢ: dxᵢ = wᵢ·dy, with w a function of i and of how many terms there are. */
const linear =
  (weight: (i: number, count: number) => number): GradientRule =>
  (c) =>
    c.node.inputs.map((_, i) => {
      const w = weight(i, c.node.inputs.length);
      if (!c.needs(i)) return undefined;
      return w === 1 ? c.dy() : w === -1 ? c.neg(c.dy()) : c.mul(c.dy(), w);
    });

export const add = linear(() => 1);
export const sub = linear((i) => (i === 0 ? 1 : -1));
export const mean = linear((_, count) => 1 / count);
export const neg = linear(() => -1);

/** y = a·b:  da = dy·b,  db = dy·a. */
export const mul: GradientRule = (c) =>
  [0, 1].map((i) => (c.needs(i) ? c.mul(c.dy(), c.x(1 - i)) : undefined));

/** y = a / b:  da = dy / b,  db = −da·y. */
export const div: GradientRule = (c) => {
  const da = c.div(c.dy(), c.x(1));
  return [da, c.needs(1) ? c.neg(c.mul(da, c.y())) : undefined];
};

/**
 * y = aᵇ:  da = dy·b·aᵇ⁻¹,  db = dy·y·ln a.
 *
 * a⁰ is constant and 0ᵇ is too (b ≥ 0), though the formulas say 0·∞ there.
 */
export const pow: GradientRule = (c) => {
  const [a, dy] = [c.x(0), c.dy()];
  const b = c.cast(c.x(1), c.dtype(a));
  const exponents = new Set(c.numbers(c.x(1)));
  const [only] = exponents;
  return [base(), c.needs(1) ? exponent() : undefined];

  function base(): string | undefined {
    if (!c.needs(0)) return undefined;
    if (exponents.size === 1 && only !== 0) {
      if (only === 1) return dy;
      return c.mul(dy, c.mul(only === 2 ? a : c.pow(a, only! - 1), only!));
    }
    const slope = c.mul(b, c.pow(a, c.sub(b, 1)));
    return c.mul(dy, c.where(c.equal(b, 0), 0, slope));
  }

  function exponent(): string {
    const fixed = c.op("And", [c.equal(a, 0), c.op("GreaterOrEqual", [b, 0])]);
    return c.mul(dy, c.where(fixed, 0, c.mul(c.y(), c.log(a))));
  }
};

/**
 * The share of dy that an element gets of an extreme that several may attain:
 *
 *   dxᵢ = [xᵢ = y] · dy / (how many are y)
 */
export const shareOfExtreme = (c: GradientContext, isExtreme: string, count: string, dy: string): string =>
  c.where(isExtreme, c.div(dy, count), 0);

/** Max and Min of several: {@link shareOfExtreme}. */
export const extreme: GradientRule = (c) => {
  const are = c.node.inputs.map((_, i) => c.equal(c.x(i), c.y()));
  const type = c.dtype(c.y());
  const count = are.map((mask) => c.cast(mask, type)).reduce((a, b) => c.add(a, b));
  return are.map((mask, i) => (c.needs(i) ? shareOfExtreme(c, mask, count, c.dy()) : undefined));
};

/** y = condition ? a : b. */
export const whereGradient: GradientRule = (c) => [
  undefined,
  c.needs(1) ? c.where(c.x(0), c.dy(), 0) : undefined,
  c.needs(2) ? c.where(c.x(0), 0, c.dy()) : undefined,
];

export const castGradient: GradientRule = (c) => [c.cast(c.dy(), c.dtype(c.x()))];

const square = (c: GradientContext, x: string): string => c.mul(x, x);

/** √x: 1 / 2y. */
export const sqrt = chainOver((c, _, y) => c.mul(y, 2));
/** eˣ: y. */
export const exp = chain((_c, _x, y) => y);
/** ln x: 1 / x. */
export const log = chainOver((_, x) => x);
/** 1 / x: −y². */
export const reciprocal = chain((c, _, y) => c.neg(square(c, y)));
/** |x|: sign x. */
export const abs = chain((c, x) => c.op("Sign", [x]));
/** erf x: 2/√π · e^−x². */
export const erf = chain((c, x) => c.mul(c.exp(c.neg(square(c, x))), 2 / Math.sqrt(Math.PI)));

export const sin = chain((c, x) => c.op("Cos", [x]));
export const cos = chain((c, x) => c.neg(c.op("Sin", [x])));
/** tan x: 1 + y². */
export const tan = chain((c, _, y) => c.add(square(c, y), 1));
/** arcsin x: 1 / √(1 − x²). */
export const asin = chainOver((c, x) => c.sqrt(c.sub(1, square(c, x))));
/** arccos x: −1 / √(1 − x²). */
export const acos = chainOver((c, x) => c.neg(c.sqrt(c.sub(1, square(c, x)))));
/** arctan x: 1 / (1 + x²). */
export const atan = chainOver((c, x) => c.add(square(c, x), 1));
export const sinh = chain((c, x) => c.op("Cosh", [x]));
export const cosh = chain((c, x) => c.op("Sinh", [x]));
/** tanh x: 1 − y². */
export const tanh = chain((c, _, y) => c.sub(1, square(c, y)));
/** arsinh x: 1 / √(x² + 1). */
export const asinh = chainOver((c, x) => c.sqrt(c.add(square(c, x), 1)));
/** arcosh x: 1 / √(x² − 1). */
export const acosh = chainOver((c, x) => c.sqrt(c.sub(square(c, x), 1)));
/** artanh x: 1 / (1 − x²). */
export const atanh = chainOver((c, x) => c.sub(1, square(c, x)));
