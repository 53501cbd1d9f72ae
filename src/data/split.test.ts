import { expect, test } from "vitest";
import { splitCases } from "./split.ts";

const cases = Array.from({ length: 10 }, (_, i) => ({ name: `case${i}` }));
const names = (part: readonly { name: string }[]): string[] => part.map(({ name }) => name);

test("every case goes to one part, by seed and not by order", () => {
  const { training, validation } = splitCases(cases, 0.3, 7);
  expect(training).toHaveLength(7);
  expect(validation).toHaveLength(3);
  expect([...names(training), ...names(validation)].sort()).toEqual(names(cases));
  expect(splitCases([...cases].reverse(), 0.3, 7)).toEqual({ training, validation });
  const others = [1, 2, 3, 4].map((seed) => names(splitCases(cases, 0.3, seed).validation).join());
  expect(new Set(others).size).toBeGreaterThan(1);
});

test("neither part is ever empty", () => {
  expect(splitCases(cases, 0.01, 0).validation).toHaveLength(1);
  expect(splitCases(cases, 0.99, 0).training).toHaveLength(1);
});

test.each([
  [cases, 0, /lies between 0 and 1, not at 0\.$/],
  [cases, 1, /lies between 0 and 1, not at 1\.$/],
  [cases.slice(0, 1), 0.5, /takes two at least, and there is 1/],
])("refuses what leaves a part empty", (some, fraction, message) => {
  expect(() => splitCases(some, fraction, 0)).toThrow(message);
});
