/** @file Sizes as expressions: whatever is computed with them agrees with the numbers they stand for. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addDims,
  ceilDivDims,
  evaluateDim,
  exactQuotient,
  floorDim,
  floorDivDims,
  maxDims,
  minDims,
  modDims,
  mulDims,
  productOfDims,
  sameDim,
  sameDims,
  subDims,
  substituteDim,
  symbol,
  symbolsOf,
  truncDivDims,
  type Dim,
} from "./dim.ts";

/** An expression both ways: over sizes, and over the numbers that stand for its symbols. */
interface Both {
  readonly dim: Dim;
  readonly of: (sizes: Sizes) => number;
}
type Sizes = ReadonlyMap<string, number>;

const floorMod = (a: number, b: number): number => a - Math.floor(a / b) * b;

const NAMES = ["H", "W", "N"];
const leaf: fc.Arbitrary<Both> = fc.oneof(
  fc.constantFrom(...NAMES).map((name) => ({ dim: symbol(name), of: (sizes: Sizes) => sizes.get(name)! })),
  fc.integer({ min: -5, max: 9 }).map((n) => ({ dim: n, of: () => n })),
);

type Join = (a: Both, b: Both) => Both;
const join =
  (dims: (a: Dim, b: Dim) => Dim, numbers: (a: number, b: number) => number): Join =>
  (a, b) => ({ dim: dims(a.dim, b.dim), of: (sizes) => numbers(a.of(sizes), b.of(sizes)) });
const JOINS: Join[] = [
  join(addDims, (a, b) => a + b),
  join(subDims, (a, b) => a - b),
  join(mulDims, (a, b) => a * b),
  join(minDims, Math.min),
  join(maxDims, Math.max),
];
type Divide = (a: Both, b: number) => Both;
const divide =
  (dims: (a: Dim, b: number) => Dim, numbers: (a: number, b: number) => number): Divide =>
  (a, b) => ({ dim: dims(a.dim, b), of: (sizes) => numbers(a.of(sizes), b) });
const DIVISIONS: Divide[] = [
  divide(floorDivDims, (a, b) => Math.floor(a / b)),
  divide(ceilDivDims, (a, b) => Math.ceil(a / b)),
  divide(modDims, floorMod),
  divide(truncDivDims, (a, b) => Math.trunc(a / b)),
];

const { expression } = fc.letrec<{ expression: Both }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.tuple(fc.constantFrom(...JOINS), tie("expression"), tie("expression")).map(([f, a, b]) => f(a, b)),
    fc
      .tuple(fc.constantFrom(...DIVISIONS), tie("expression"), fc.integer({ min: 1, max: 6 }))
      .map(([f, a, b]) => f(a, b)),
  ),
}));
const anySizes: fc.Arbitrary<Sizes> = fc
  .tuple(fc.nat(40), fc.nat(40), fc.nat(40))
  .map((sizes) => new Map(NAMES.map((name, i) => [name, sizes[i]!])));

/** −0 is 0. */
const plain = (n: number | undefined): number | undefined => (n === undefined ? n : n + 0);

describe("any expression", () => {
  const expectAlways = (property: (a: Both, sizes: Sizes, b: Both) => void): void =>
    fc.assert(
      fc.property(expression, anySizes, expression, (a, sizes, b) => {
        property(a, sizes, b);
      }),
      { numRuns: 2000 },
    );

  test("evaluates to the number that its parts come to", () => {
    expectAlways((a, sizes) => expect(plain(evaluateDim(a.dim, sizes))).toBe(plain(a.of(sizes))));
  });

  test("is the same however it is written", () => {
    expectAlways((a, _, b) => {
      expect(sameDim(addDims(a.dim, b.dim), addDims(b.dim, a.dim))).toBe(true);
      expect(sameDim(mulDims(a.dim, b.dim), mulDims(b.dim, a.dim))).toBe(true);
      expect(sameDim(subDims(addDims(a.dim, b.dim), b.dim), a.dim)).toBe(true);
      expect(sameDim(mulDims(addDims(a.dim, 1), b.dim), addDims(mulDims(a.dim, b.dim), b.dim))).toBe(true);
      expect(sameDim(subDims(a.dim, a.dim), 0)).toBe(true);
    });
  });

  test("that is the same as another has the same numbers", () => {
    expectAlways((a, sizes, b) => {
      if (sameDim(a.dim, b.dim)) expect(plain(a.of(sizes))).toBe(plain(b.of(sizes)));
    });
  });

  test("may get its sizes one at a time, and as expressions", () => {
    expectAlways((a, sizes, b) => {
      const first = substituteDim(a.dim, new Map([["H", sizes.get("H")!]]));
      expect(symbolsOf(first)).not.toContain("H");
      expect(plain(evaluateDim(first, sizes))).toBe(plain(a.of(sizes)));
      fc.pre(b.of(sizes) >= 0); // as sizes are
      const moved = substituteDim(a.dim, new Map([["W", b.dim]]));
      const expected = a.of(new Map([...sizes, ["W", b.of(sizes)]]));
      expect(plain(evaluateDim(moved, sizes))).toBe(plain(expected));
    });
  });

  test("divides exactly, or says that it does not", () => {
    expectAlways((a, sizes, b) => {
      const quotient = exactQuotient(a.dim, b.dim);
      fc.pre(quotient !== undefined && !sameDim(b.dim, 0));
      expect(plain(evaluateDim(mulDims(quotient, b.dim), sizes))).toBe(plain(a.of(sizes)));
    });
  });
});

describe("forms that real networks depend on", () => {
  const [H, W, N] = [symbol("H"), symbol("W"), symbol("N")];

  test("halving twice is quartering, whatever is padded in between", () => {
    // Two convolutions 3×3, stride 2, padding 1: ⌊(n − 1)/2⌋ + 1.
    const half = (n: Dim): Dim => addDims(floorDivDims(subDims(n, 1), 2), 1);
    expect(half(half(H)).toString()).toBe("floor((H + 3) / 4)");
    expect(sameDim(half(half(half(H))), ceilDivDims(H, 8))).toBe(true);
  });

  test("what divides exactly leaves the floor", () => {
    expect(floorDivDims(mulDims(6, H), 3)).toEqual(mulDims(2, H));
    expect(floorDivDims(addDims(mulDims(4, H), 7), 4)).toEqual(addDims(H, 1));
    expect(floorDivDims(productOfDims([N, H, W]), W)).toEqual(mulDims(N, H));
    expect(exactQuotient(productOfDims([N, 116, H, W]), productOfDims([58, H]))).toEqual(
      productOfDims([N, 2, W]),
    );
    expect(exactQuotient(mulDims(3, H), 2)).toBeUndefined();
    expect(exactQuotient(addDims(H, 1), H)).toBeUndefined();
  });

  test("extremes of what differs by a number are decided", () => {
    expect(minDims(addDims(H, 2), H)).toEqual(H);
    expect(maxDims(addDims(H, 2), H)).toEqual(addDims(H, 2));
    expect(
      evaluateDim(
        minDims(H, W),
        new Map([
          ["H", 3],
          ["W", 2],
        ]),
      ),
    ).toBe(2);
    expect(evaluateDim(minDims(H, W), new Map([["H", 3]]))).toBeUndefined();
  });

  test("shapes are compared size by size", () => {
    expect(sameDims([N, 3, H], [N, 3, H])).toBe(true);
    expect(sameDims([N, 3, H], [N, 3, W])).toBe(false);
    expect(sameDims([N, 3], [N, 3, H])).toBe(false);
  });

  test.each([
    [0.5, "floor(H / 2)"],
    [1.5, "floor(3*H / 2)"],
    [0.7, "floor(7*H / 10)"],
    [1 / 3, "floor(H / 3)"],
    [2.3, "floor(23*H / 10)"],
    [0.29, "floor(29*H / 100)"],
  ])("a scale of %f, as float32 has it, is a fraction", (scale, expected) => {
    expect(String(floorDim(mulDims(H, Math.fround(scale))))).toBe(expected);
  });

  test("⌊scale·n⌋ is what float32 gives, within its precision", () => {
    fc.assert(
      fc.property(
        fc.float({ min: Math.fround(0.05), max: 8, noNaN: true }),
        fc.integer({ min: 1, max: 2000 }),
        (scale, n) => {
          const size = evaluateDim(floorDim(mulDims(H, scale)), new Map([["H", n]]))!;
          expect(size).toBeGreaterThanOrEqual(Math.floor(n * scale * (1 - 2 ** -22)));
          expect(size).toBeLessThanOrEqual(Math.floor(n * scale * (1 + 2 ** -22)));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
