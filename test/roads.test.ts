/** @file Every kind of lifting and every ending of a network gives the same numbers on every road; all pairs are a slow test. */

import { expect, test } from "vitest";
import { type Ending, ENDINGS, expectOneAnswer } from "./helpers/one-answer.ts";

test.each([
  ["3d", "softmax, channels last"],
  ["acs", "a piecewise linear sigmoid"],
] as const)("%s, %s", async (kind, ending) => {
  await expectOneAnswer(kind, ending);
});

test("there are endings of one score and of several", () => {
  const scores = Object.keys(ENDINGS).map((name) => ENDINGS[name as Ending].scores);
  expect(new Set(scores)).toEqual(new Set([1, 3]));
});
