/** @file Metrics by name, for configuration files. */

import { accuracy, confusionMatrix, recall } from "./confusion.ts";
import type { ClassOptions } from "./classes.ts";
import type { Metric } from "./metric.ts";
import { unknownName } from "../base/names.ts";
import { dice, dicePerCase, iou } from "./overlap.ts";
import { rocAuc } from "./roc-auc.ts";

/** What makes a metric, and the options that it knows beside the classes. Factories check the values. */
const METRICS: Readonly<
  Record<
    string,
    {
      readonly make: (options: ClassOptions) => Metric;
      readonly options: readonly string[];
      /** Measures how regions overlap, of which whole scans have none. */
      readonly ofVoxels?: boolean;
    }
  >
> = {
  dice: { make: dice, options: ["background", "ignoreIndex"], ofVoxels: true },
  dicePerCase: { make: dicePerCase, options: ["background", "ignoreIndex", "empty"], ofVoxels: true },
  iou: { make: iou, options: ["background", "ignoreIndex"], ofVoxels: true },
  accuracy: { make: accuracy, options: ["ignoreIndex"] },
  recall: { make: recall, options: ["ignoreIndex"] },
  confusionMatrix: { make: confusionMatrix, options: ["ignoreIndex"] },
  rocAuc: { make: rocAuc, options: ["ignoreIndex", "scores"] },
};

/** What {@link createMetric} knows. */
export const METRIC_NAMES: readonly string[] = Object.keys(METRICS);
/** Those that fit classes of whole scans, where none is background. */
export const SCAN_METRIC_NAMES: readonly string[] = METRIC_NAMES.filter((name) => !METRICS[name]!.ofVoxels);

/**
 * A metric, empty.
 *
 * @param name - one of {@link METRIC_NAMES}
 * @param options - the classes, and options as the metric of that name takes them
 * @throws {@link AcsconvError} `input` for a name or an option that there is not, with the nearest there is
 *
 * @example
 * createMetric("dicePerCase", { classes: ["background", "liver", "tumour"], empty: "skip" });
 */
export function createMetric(
  name: string,
  options: ClassOptions & Readonly<Record<string, unknown>>,
): Metric {
  if (!Object.hasOwn(METRICS, name)) throw unknownName("metric", name, METRIC_NAMES);
  const metric = METRICS[name]!;
  const known = ["classes", ...metric.options];
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) throw unknownName(`option of ${name}`, option, known);
  }
  return metric.make(options);
}
