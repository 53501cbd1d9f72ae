/** @file Losses, optimisers, schedules, augmentation and metrics by name, as configurations hold them. */

import type { Jitter, Range } from "../data/augment.ts";
import { randomFlip, randomIntensity, randomNoise, randomRot90, randomScale } from "../data/augment.ts";
import { type Transform, sometimes } from "../data/transform.ts";
import { inputError } from "../base/errors.ts";
import type { AdamOptions, Optimiser, SgdOptions } from "./optimisers.ts";
import { adam, adamW, sgd } from "./optimisers.ts";
import type { ClassOptions, CrossEntropyOptions, DiceOptions, FocalOptions, Loss } from "./losses.ts";
import { binaryCrossEntropy, crossEntropy, dice, diceCrossEntropy, focal } from "./losses.ts";
import { IGNORED, type LabelTable } from "../data/labels.ts";
import type { Metric } from "../metrics/metric.ts";
import { METRIC_NAMES, SCAN_METRIC_NAMES, createMetric } from "../metrics/registry.ts";
import { type Choice, type Fields, type Named, choice, choose, nameOf } from "../base/fields.ts";
import { anyNumber, fraction, listOf, notNegative, part, positive, trueOrFalse } from "../base/fields.ts";
import type { Schedule } from "./schedules.ts";

/** Losses of classes; which voxels are left out is the data set's to say. */
const LOSSES = {
  dice: choice<Loss, DiceOptions, "ignore">(dice, { epsilon: positive }),
  crossEntropy: choice<Loss, CrossEntropyOptions, "ignore">(crossEntropy, { weights: listOf(notNegative) }),
  diceCrossEntropy: choice<Loss, DiceOptions & CrossEntropyOptions, "ignore">(diceCrossEntropy, {
    epsilon: positive,
    weights: listOf(notNegative),
  }),
  binaryCrossEntropy: choice<Loss, ClassOptions, "ignore">(binaryCrossEntropy, {}),
  focal: choice<Loss, FocalOptions, "ignore">(focal, { gamma: notNegative }),
};

const ADAM = { betas: listOf(fraction, 2), epsilon: positive, weightDecay: notNegative };
const OPTIMISERS = {
  sgd: choice<Optimiser, SgdOptions>(sgd, {
    momentum: part,
    nesterov: trueOrFalse,
    weightDecay: notNegative,
  }),
  adam: choice<Optimiser, AdamOptions>(adam, ADAM),
  adamW: choice<Optimiser, AdamOptions>(adamW, ADAM),
};

/** Schedules are data; times are in epochs. */
type ScheduleOptions<N extends Schedule["name"]> = Omit<Extract<Schedule, { name: N }>, "name">;
const scheduled = <N extends Schedule["name"]>(
  name: N,
  fields: Parameters<typeof choice<Schedule, ScheduleOptions<N>>>[1],
): Choice<Schedule> =>
  choice<Schedule, ScheduleOptions<N>>((options) => ({ name, ...options }) as unknown as Schedule, fields);
const SCHEDULES = {
  constant: scheduled("constant", { warmup: notNegative }),
  multiStep: scheduled("multiStep", {
    milestones: listOf(notNegative),
    gamma: positive,
    warmup: notNegative,
  }),
  cosine: scheduled("cosine", { minimum: part, warmup: notNegative }),
  polynomial: scheduled("polynomial", { power: positive, warmup: notNegative }),
} satisfies Record<Schedule["name"], Choice<Schedule>>;

/** Of every augmentation: the part of the examples that it is applied to, all unless given. */
interface Share {
  readonly share?: number;
}
const shared = <O extends object>(
  make: (options: O) => Transform,
  fields: Fields<Omit<O & Share, "share">>,
): Choice<Transform> => ({
  make: ({ share = 1, ...options }: Share & Readonly<Record<string, unknown>>) =>
    share === 1 ? make(options as O) : sometimes(share, make(options as O)),
  fields: { ...fields, share: part },
});
const range = listOf(anyNumber, 2);
const factors = listOf(positive, 2);
/** Where a name stands without options: the ranges that nnU-Net draws from, rounded. */
const AUGMENTATIONS = {
  flip: shared<object>(() => randomFlip, {}),
  rot90: shared<object>(() => randomRot90, {}),
  scale: shared<{ factors?: Range }>(({ factors = [0.7, 1.4] }) => randomScale(factors), { factors }),
  intensity: shared<Jitter>(
    (jitter) =>
      randomIntensity(
        Object.keys(jitter).length > 0
          ? jitter
          : { gain: [0.75, 1.25], offset: [-0.1, 0.1], gamma: [0.7, 1.5] },
      ),
    { gain: factors, offset: range, gamma: factors },
  ),
  noise: shared<{ deviations?: Range }>(({ deviations = [0, 0.1] }) => randomNoise(deviations), {
    deviations: listOf(notNegative, 2),
  }),
};

export const LOSS_NAMES = Object.keys(LOSSES);
export const OPTIMISER_NAMES = Object.keys(OPTIMISERS);
export const SCHEDULE_NAMES = Object.keys(SCHEDULES);
export const AUGMENTATION_NAMES = Object.keys(AUGMENTATIONS);

/** @param ignore - the class of voxels that count for nothing */
export const createLoss = (loss: Named, ignore?: number): Loss =>
  choose("loss", LOSSES, loss, ignore === undefined ? {} : { ignore });

export const createOptimiser = (optimiser: Named): Optimiser => choose("optimiser", OPTIMISERS, optimiser);

export const createAugmentation = (augmentation: Named): Transform =>
  choose<Transform>("augmentation", AUGMENTATIONS, augmentation);

/** Times (milestones, warm-up) are in epochs. */
export function createSchedule(schedule: Named): Schedule {
  const made = choose("schedule", SCHEDULES, schedule);
  if (made.name === "multiStep" && made.milestones === undefined)
    throw inputError(
      'The schedule "multiStep" needs "milestones": the epochs from which the learning rate is lower, such as [50, 75].',
    );
  return made;
}

/**
 * Metrics for the classes of a data set.
 *
 * @throws {@link AcsconvError} `input` for a name that there is not, or a metric of voxels where scans have one class each
 */
export const createMetrics = (
  metrics: readonly Named[],
  { kind, classes }: { readonly kind: "segmentation" | "classification"; readonly classes: LabelTable },
): Metric[] =>
  metrics.map((metric) => {
    const { name, ...options } = typeof metric === "string" ? { name: metric } : metric;
    if (kind === "classification" && METRIC_NAMES.includes(name) && !SCAN_METRIC_NAMES.includes(name))
      throw inputError(
        `"${name}" measures labels of voxels, and these data have one class for each scan: choose among ${SCAN_METRIC_NAMES.join(", ")} (--metrics).`,
      );
    return createMetric(name, {
      classes: classes.names,
      ...(classes.ignore !== undefined && { ignoreIndex: IGNORED }),
      ...options,
    });
  });

/** Whether one of these metrics ranks by scores. */
export const needsScores = (metrics: readonly Named[]): boolean =>
  metrics.some((metric) => nameOf(metric) === "rocAuc");
