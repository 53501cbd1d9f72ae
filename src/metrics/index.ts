/**
 * @file Metrics: how good predictions are, case by case. Public as `acsconv/metrics`.
 *
 * @module
 */

export type { ClassOptions, ForegroundOptions } from "./classes.ts";
export { accuracy, confusionMatrix, recall } from "./confusion.ts";
export type { Metric, Prediction, Scores } from "./metric.ts";
export { type DicePerCaseOptions, dice, dicePerCase, iou } from "./overlap.ts";
export { METRIC_NAMES, createMetric } from "./registry.ts";
export { type RocAucOptions, areaUnderCurve, rocAuc } from "./roc-auc.ts";
