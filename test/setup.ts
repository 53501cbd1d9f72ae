/** @file Matchers that every test may use. */

import { expect } from "vitest";

/** Both are required: a test that does not say how close proves little. */
interface Tolerances {
  readonly rtol: number;
  readonly atol: number;
}

declare module "vitest" {
  // The type parameter is vitest's own; interfaces merge only under equal ones.
  interface Matchers<T> {
    /** Same length, and |actual − expected| ≤ atol + rtol·|expected| everywhere. NaN equals nothing. */
    toBeAllClose(expected: ArrayLike<number>, tolerances: Tolerances): void;
  }
}

expect.extend({
  toBeAllClose(actual: ArrayLike<number>, expected: ArrayLike<number>, { rtol, atol }: Tolerances) {
    if (actual.length !== expected.length) {
      return {
        pass: false,
        message: () => `expected ${expected.length} numbers, got ${actual.length}`,
      };
    }
    let failures = 0;
    let worst = { excess: -1, at: -1 };
    for (let i = 0; i < actual.length; i++) {
      const a = actual[i]!;
      const e = expected[i]!;
      const difference = a === e ? 0 : Math.abs(a - e);
      const allowed = Number.isFinite(e) ? atol + rtol * Math.abs(e) : 0;
      if (difference <= allowed) continue;
      failures += 1;
      const excess = Number.isNaN(difference) ? Infinity : difference - allowed;
      if (excess > worst.excess) worst = { excess, at: i };
    }
    const { at } = worst;
    return {
      pass: failures === 0,
      message: () =>
        failures === 0
          ? `expected some number to differ by more than rtol ${rtol}, atol ${atol}`
          : `${failures} of ${actual.length} numbers differ by more than rtol ${rtol}, atol ${atol}; ` +
            `worst at [${at}]: got ${actual[at]}, expected ${expected[at]} (off by ${Math.abs(actual[at]! - expected[at]!)})`,
    };
  },
});
