/** @file Schedules at a few points, by hand. */

import { expect, test } from "vitest";
import { learningRateFactor, type Schedule } from "./schedules.ts";

const at = (schedule: Schedule, times: readonly number[], total = 10): number[] =>
  times.map((time) => learningRateFactor(schedule, time, total));

test.each<[Schedule, number[], number[]]>([
  [{ name: "constant" }, [0, 5, 10], [1, 1, 1]],
  [{ name: "multiStep", milestones: [3, 6] }, [0, 2, 3, 5, 6, 9], [1, 1, 0.1, 0.1, 0.01, 0.01]],
  [{ name: "multiStep", milestones: [2.5], gamma: 0.5 }, [2, 3], [1, 0.5]],
  [{ name: "cosine" }, [0, 5, 10, 12], [1, 0.5, 0, 0]],
  [{ name: "cosine", minimum: 0.2 }, [0, 5, 10], [1, 0.6, 0.2]],
  [{ name: "polynomial" }, [0, 5, 10], [1, 0.5 ** 0.9, 0]],
  [{ name: "polynomial", power: 2 }, [5], [0.25]],
  [{ name: "constant", warmup: 4 }, [0, 1, 3, 4, 9], [0.2, 0.4, 0.8, 1, 1]],
  [{ name: "cosine", warmup: 1 }, [0, 5], [0.5, 0.5]],
])("%j", (schedule, times, factors) => {
  at(schedule, times).forEach((factor, i) => expect(factor, `at ${times[i]}`).toBeCloseTo(factors[i]!, 12));
});

test("an unknown schedule is refused", () => {
  expect(() => learningRateFactor({ name: "step" } as unknown as Schedule, 0, 1)).toThrow(
    'Expected a schedule named constant, multiStep, cosine or polynomial, found "step".',
  );
});
