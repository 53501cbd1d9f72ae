/** @file Every kind of lifting with every ending of a network: the same numbers on every road. */

import { test } from "vitest";
import { LIFT_KINDS } from "../src/index.ts";
import { type Ending, ENDINGS, expectOneAnswer } from "./helpers/one-answer.ts";

test.each(
  LIFT_KINDS.flatMap((kind) => Object.keys(ENDINGS).map((ending) => [kind, ending as Ending] as const)),
)("%s, %s", async (kind, ending) => {
  await expectOneAnswer(kind, ending);
});
