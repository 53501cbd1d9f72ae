import { describe, expect, test } from "vitest";
import { between, integer, normal, shuffled, uniform } from "./random.ts";

/** What is left of a mean of `count` draws: five standard errors, so that no seed should fail. */
const fiveErrors = (deviation: number, count: number): number => (5 * deviation) / Math.sqrt(count);

describe("normal", () => {
  test("has the moments of a standard normal distribution", () => {
    const draw = normal(uniform(1));
    const count = 100_000;
    const values = Array.from({ length: count }, draw);
    const moment = (k: number): number => values.reduce((sum, x) => sum + x ** k, 0) / count;
    // Deviations of x, x², x³ and x⁴: 1, √2, √15, √96.
    expect(Math.abs(moment(1))).toBeLessThan(fiveErrors(1, count));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(fiveErrors(Math.sqrt(2), count));
    expect(Math.abs(moment(3))).toBeLessThan(fiveErrors(Math.sqrt(15), count));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(fiveErrors(Math.sqrt(96), count));
  });

  test("stays finite at both ends of its source", () => {
    for (const end of [0, 1 - 2 ** -32]) {
      const draw = normal(() => end);
      expect([draw(), draw()].every(Number.isFinite)).toBe(true);
    }
  });
});

test("integer reaches both ends, evenly", () => {
  const random = uniform(2);
  const counts = new Map<number, number>();
  for (let i = 0; i < 30_000; i++) {
    const value = integer(random, -1, 1);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-1, 0, 1]);
  for (const count of counts.values())
    expect(Math.abs(count / 30_000 - 1 / 3)).toBeLessThan(fiveErrors(0.472, 30_000));
});

test("between stays between", () => {
  const random = uniform(3);
  for (let i = 0; i < 1000; i++) {
    const value = between(random, -2, 3);
    expect(value).toBeGreaterThanOrEqual(-2);
    expect(value).toBeLessThan(3);
  }
});

test("shuffled gives every order, evenly, and leaves its values alone", () => {
  const random = uniform(4);
  const values = ["a", "b", "c"];
  const counts = new Map<string, number>();
  for (let i = 0; i < 60_000; i++) {
    const order = shuffled(random, values).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(values).toEqual(["a", "b", "c"]);
  expect(counts.size).toBe(6);
  for (const count of counts.values())
    expect(Math.abs(count / 60_000 - 1 / 6)).toBeLessThan(fiveErrors(0.373, 60_000));
});
