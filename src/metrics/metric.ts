/**
 * @file What every metric sees and gives. Metrics are fed one example at a time, so that a data set never has to be
 * held; they add up counts (or keep scores) and can be asked for their value at any time.
 *
 * Values have names. `dice` is a metric's mean, the one number to watch; `dice.liver` is what one class contributes.
 */

/** Predicted and true classes of one example: a case with its voxels, or an image with one class. */
export interface Prediction {
  /** Whose it is, for messages. */
  readonly name: string;
  /** The predicted class of each voxel, or of the whole example (length 1). */
  readonly classes: Uint8Array;
  /** The true class of each voxel or of the whole example; as long as `classes`. */
  readonly truth: Uint8Array;
  /** For metrics that rank by them. */
  readonly scores?: Scores;
}

/** Logits or probabilities `[classes, voxels]`, voxels fastest. */
export interface Scores {
  readonly data: Float32Array;
  readonly classes: number;
  /** Which of both they are, where whoever predicts knows; it goes before what a metric was told. */
  readonly kind?: "logits" | "probabilities";
}

/** A measure of all examples that were added. Higher is better. */
export interface Metric {
  /**
   * @throws {@link AcsconvError} `input` for a class that there is not, lengths that differ or
   *   scores that are missing; the example then counts nowhere
   */
  add(prediction: Prediction): void;
  /** Values by name; NaN where no example says anything about one. */
  value(): Readonly<Record<string, number>>;
}

/** The mean of what is known: NaN entries are left out; NaN if nothing is left. */
function meanOfKnown(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** The mean of the classes' values under the metric's name, and each under its own. */
export const withMean = (
  metric: string,
  values: readonly (readonly [name: string, value: number])[],
): Record<string, number> => ({
  [metric]: meanOfKnown(values.map(([, value]) => value)),
  ...Object.fromEntries(values.map(([name, value]) => [`${metric}.${name}`, value])),
});
