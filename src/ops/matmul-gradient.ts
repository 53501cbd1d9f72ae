/**
 * @file Gradients of matrix products: with Y = A·B,
 *
 *   ∂A = ∂Y·Bᵀ        ∂B = Aᵀ·∂Y
 *
 * Nothing is transposed in memory: Gemm, and FusedMatMul for stacks of
 * matrices, read their operands as if it were.
 *
 * @see Giles: Collected matrix derivative results for forward and reverse mode, 2008
 */

import { float, floatAttr, int, intAttr } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import type { Algebra, GradientRule } from "./gradient.ts";
import { MICROSOFT_DOMAIN } from "./lifted.ts";

/** A matrix, or a stack of them [..., rows, columns]; to be read transposed or not. */
interface Factor {
  readonly name: string;
  readonly transposed: boolean;
}

const plain = (name: string): Factor => ({ name, transposed: false });
const flipped = ({ name, transposed }: Factor): Factor => ({ name, transposed: !transposed });

/** α·a·b. */
function product(c: Algebra, a: Factor, b: Factor, alpha = 1): string {
  const flat = [a, b].every(({ name }) => c.shape(name).length === 2);
  return c.op(flat ? "Gemm" : `${MICROSOFT_DOMAIN}:FusedMatMul`, [a.name, b.name], {
    alpha: float(alpha),
    transA: int(Number(a.transposed)),
    transB: int(Number(b.transposed)),
  });
}

/** ∂factor of Y = … where `factor` may be stored transposed: then its gradient is, too. */
const oriented = (c: Algebra, { transposed }: Factor, left: Factor, right: Factor, alpha?: number): string =>
  transposed ? product(c, flipped(right), flipped(left), alpha) : product(c, left, right, alpha);

/** Y = α·A′·B′ + β·C, A′ and B′ being A and B or their transposes. */
export const gemm: GradientRule = (c) => {
  const side = (i: number, attr: string): Factor => ({
    name: c.x(i),
    transposed: intAttr(c.node, attr, 0) === 1,
  });
  const [a, b] = [side(0, "transA"), side(1, "transB")];
  const alpha = floatAttr(c.node, "alpha", 1);
  const beta = floatAttr(c.node, "beta", 1);
  const dy = c.dy();
  return [
    c.needs(0) ? oriented(c, a, plain(dy), flipped(b), alpha) : undefined,
    c.needs(1) ? oriented(c, b, flipped(a), plain(dy), alpha) : undefined,
    c.needs(2) ? (beta === 1 ? dy : c.mul(dy, beta)) : undefined,
  ];
};

/**
 * MatMul broadcasts leading axes; a vector on the left is a row, one on the
 * right a column. Against a single matrix on the right, the rows of all
 * matrices on the left are rows of one.
 */
export const matMul: GradientRule = (c) => {
  const [x, w] = [c.shape(c.x(0)), c.shape(c.x(1))];
  const [rows, columns] = [x.length === 1 ? 1 : x.at(-2)!, w.length === 1 ? 1 : w.at(-1)!];
  const inner = x.at(-1)!;
  const y = c.shape(c.dy());
  const lead = y.slice(0, y.length - Number(x.length > 1) - Number(w.length > 1));
  const joined = w.length <= 2;
  const stack = joined ? [elementCount(lead) * rows] : [...lead, rows];
  const a = plain(c.reshape(c.x(0), joined ? [...stack, inner] : x.length === 1 ? [1, inner] : x));
  const b = plain(c.reshape(c.x(1), w.length === 1 ? [inner, 1] : w));
  const dy = plain(c.reshape(c.dy(), [...stack, columns]));
  return [
    c.needs(0) ? asInput(product(c, dy, flipped(b)), x, [...lead, rows, inner]) : undefined,
    c.needs(1)
      ? asInput(product(c, flipped(a), dy), w, [...(joined ? [] : lead), inner, columns])
      : undefined,
  ];

  /** With the vector's axis of size 1 gone; leading axes are summed by the engine. */
  function asInput(gradient: string, sizes: readonly number[], full: readonly number[]): string {
    if (sizes.length > 1) return c.reshape(gradient, full);
    const vectors = c.reshape(gradient, [elementCount(full) / inner, inner]);
    return c.sum(vectors, [0]);
  }
};
