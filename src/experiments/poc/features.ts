/** @file How well features tell shapes from background (helper: replace this stub). */

/** Of all channels of a feature map: max(AUC, 1 − AUC) of each, and their mean. */
export interface MeanAuc {
  readonly mean: number;
  readonly channels: readonly number[];
}
