/**
 * @file Learning-rate schedules: by which factor the learning rate is multiplied
 * after a part of the run. Plain data, so that a checkpoint can hold one.
 *
 * Time `t` is counted in whatever unit `at` is asked in, epochs or steps.
 *
 *   constant     1
 *   multiStep    γ^(how many milestones are ≤ t)
 *   cosine       m + (1 − m) (1 + cos πt/T) / 2
 *   polynomial   (1 − t/T)^power
 *   warm-up      × (t + 1) / (warmup + 1) before `warmup`; the schedule itself does not wait
 *
 * @see https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
 * @see Loshchilov, Hutter: SGDR, arXiv:1608.03983 (cosine); Isensee et al., nnU-Net (polynomial, power 0.9)
 */

import { inputError } from "../base/errors.ts";

/** A schedule as it stands in configurations and checkpoints. Times in the unit that {@link learningRateFactor} is asked in. */
export type Schedule = (
  | { readonly name: "constant" }
  | {
      readonly name: "multiStep";
      readonly milestones: readonly number[];
      readonly gamma?: number | undefined;
    }
  | { readonly name: "cosine"; readonly minimum?: number | undefined }
  | { readonly name: "polynomial"; readonly power?: number | undefined }
) & { readonly warmup?: number | undefined };

/**
 * The factor of the learning rate at `time` of `total`, both in epochs or both in steps.
 *
 * @throws {@link AcsconvError} ("input") for a schedule that does not exist
 */
export function learningRateFactor(schedule: Schedule, time: number, total: number): number {
  const warm = schedule.warmup ? Math.min(1, (time + 1) / (schedule.warmup + 1)) : 1;
  return warm * factor(schedule, time, total);
}

function factor(schedule: Schedule, time: number, total: number): number {
  const part = total > 0 ? Math.min(1, time / total) : 0;
  switch (schedule.name) {
    case "constant":
      return 1;
    case "multiStep":
      return (schedule.gamma ?? 0.1) ** schedule.milestones.filter((milestone) => milestone <= time).length;
    case "cosine": {
      const minimum = schedule.minimum ?? 0;
      return minimum + ((1 - minimum) * (1 + Math.cos(Math.PI * part))) / 2;
    }
    case "polynomial":
      return (1 - part) ** (schedule.power ?? 0.9);
    default:
      throw inputError(
        `Expected a schedule named constant, multiStep, cosine or polynomial, found ${JSON.stringify((schedule as { name?: unknown }).name)}.`,
      );
  }
}
