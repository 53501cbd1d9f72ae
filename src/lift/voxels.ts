/** @file Numbers that count pixels, such as a divisor H·W, read as counts of voxels. */

import {
  addDims,
  type Dim,
  exactQuotient,
  mulDims,
  sameDim,
  subDims,
  SymbolicDim,
  symbolsOf,
} from "../graph/dim.ts";

/**
 * A number that counts pixels, of volumes: what is a product of height and width
 * gains depth. Undefined where height stands alone.
 *
 *   H·W − 1   seen along depth  D·W − 1   →   D·H·W − 1
 */
export function countVoxels(pixels: Dim, twin: Dim): Dim | undefined {
  if (typeof pixels === "number" || !symbolsOf(pixels).has("H")) return pixels;
  const own = (dim: Dim, other: Dim): Dim => subDims(dim, sharedTerms(dim, other));
  const [area, seen] = [own(pixels, twin), own(twin, pixels)];
  if (typeof area === "number" || typeof seen === "number" || area.terms.length !== 1) return undefined;
  const { coefficient, atoms } = area.terms[0]!;
  const across = atoms.filter(
    (atom) => !symbolsOf(new SymbolicDim([{ coefficient: 1, atoms: [atom] }])).has("H"),
  );
  const width = new SymbolicDim([{ coefficient, atoms: across }]);
  if (!symbolsOf(width).has("W")) return undefined;
  const depth = exactQuotient(seen, width);
  return depth === undefined ? undefined : addDims(subDims(pixels, area), mulDims(area, depth));
}

function sharedTerms(a: Dim, b: Dim): Dim {
  const termsOf = (dim: Dim): Dim[] =>
    typeof dim === "number"
      ? [dim]
      : dim.terms.map((t) => (t.atoms.length === 0 ? t.coefficient : new SymbolicDim([t])));
  const others = termsOf(b);
  return termsOf(a)
    .filter((term) => others.some((other) => sameDim(term, other)))
    .reduce(addDims, 0);
}
