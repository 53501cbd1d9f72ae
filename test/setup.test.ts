import { describe, expect, test } from "vitest";

const exact = { rtol: 0, atol: 0 };

describe("toBeAllClose", () => {
  test("accepts what lies within atol + rtol·|expected|", () => {
    expect([1.05, -100.5]).toBeAllClose([1, -100], { rtol: 0.005, atol: 0.05 });
    expect(Float32Array.of(Infinity)).toBeAllClose([Infinity], exact);
  });

  test.each([
    ["a difference", [1, 2], [1, 2.1], { rtol: 0, atol: 0.09 }, /worst at \[1\]: got 2, expected 2.1/],
    ["NaN, even beside NaN", [NaN], [NaN], { rtol: 1, atol: 1 }, /1 of 1 numbers differ/],
    ["NaN for a number", [NaN], [1], { rtol: 1, atol: 1 }, /got NaN/],
    ["another infinity", [-Infinity], [Infinity], { rtol: 1, atol: 1 }, /1 of 1/],
    ["a number for infinity", [5], [Infinity], { rtol: 1, atol: 1 }, /got 5/],
    ["another length", [1], [1, 2], exact, /expected 2 numbers, got 1/],
  ])("refuses %s", (_name, actual, expected, tolerances, message) => {
    expect(() => expect(actual).toBeAllClose(expected, tolerances)).toThrow(message);
  });
});
