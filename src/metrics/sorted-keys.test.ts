/** @file Keys sort as the numbers do. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { sortedKeys } from "./sorted-keys.ts";

/** The numbers that keys stand for. */
const numbersOf = (keys: Uint32Array): Float32Array =>
  new Float32Array(keys.map((key) => (key >= 2 ** 31 ? key - 2 ** 31 : 2 ** 32 - key)).buffer);

const scores = fc.array(fc.oneof(fc.constantFrom(0, -0, 1, Infinity, -Infinity), fc.float({ noNaN: true })), {
  maxLength: 60,
});

test("any numbers, subnormal and infinite ones too", () => {
  fc.assert(
    fc.property(scores, (numbers) => {
      // −0 comes back as 0.
      const expected = Float32Array.from(numbers, (x) => x + 0).sort();
      expect(numbersOf(sortedKeys(Float32Array.from(numbers))!)).toEqual(expected);
    }),
    { numRuns: 500, seed: 11 },
  );
});

test("part of a buffer, whose rest stays", () => {
  const all = Float32Array.of(9, 3, -1, 2, 8);
  expect([...numbersOf(sortedKeys(all.subarray(1, 4))!)]).toEqual([-1, 2, 3]);
  expect([all[0], all[4]]).toEqual([9, 8]);
});

test("NaN of either sign has no place", () => {
  const [positive, negative] = new Float32Array(Uint32Array.of(0x7f80_0001, 0xff80_0001).buffer);
  for (const nan of [positive!, negative!]) {
    expect(sortedKeys(Float32Array.of(1, nan, -Infinity))).toBeUndefined();
    expect(sortedKeys(Float32Array.of(nan))).toBeUndefined();
  }
});
