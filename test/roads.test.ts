/** @file Every kind of lifting and every ending of a network gives the same numbers on every road. */

import { expect, test } from "vitest";
import { LIFT_KINDS } from "../src/index.ts";
import { THOROUGH } from "./helpers/networks.ts";
import { type Ending, ENDINGS, expectOneAnswer } from "./helpers/one-answer.ts";

const endings = Object.keys(ENDINGS) as Ending[];
const some = [
  ["3d", "softmax, channels last"],
  ["acs", "a piecewise linear sigmoid"],
] as const;

test.each(THOROUGH ? LIFT_KINDS.flatMap((kind) => endings.map((ending) => [kind, ending] as const)) : some)(
  "%s, %s",
  async (kind, ending) => {
    await expectOneAnswer(kind, ending);
  },
);

test("there are endings of one score and of several", () => {
  expect(new Set(endings.map((name) => ENDINGS[name].scores))).toEqual(new Set([1, 3]));
});
