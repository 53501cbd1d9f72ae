/**
 * @file Training on plain ONNX Runtime. Public as `acsconv/train`.
 *
 * @module
 */

export { type EvaluateOptions, type Metrics, evaluate } from "../model/evaluate.ts";
export type { Best, TrainEvent } from "./events.ts";
export { replaceHead } from "./head.ts";
export { readLog, trainLog } from "./log.ts";
export {
  type ClassOptions,
  type CrossEntropyOptions,
  type DiceOptions,
  type FocalOptions,
  type Loss,
  binaryCrossEntropy,
  crossEntropy,
  dice,
  diceCrossEntropy,
  focal,
  meanSquaredError,
} from "./losses.ts";
export { type AdamOptions, type Optimiser, type SgdOptions, adam, adamW, sgd } from "./optimisers.ts";
export { type Parameter, type ParameterGroup, parametersOf } from "./parameters.ts";
export type { RunConfig } from "./runs/config-fields.ts";
export type { RunFolder } from "./runs/folder.ts";
export { type PlanOptions, planTraining, type TrainPlan } from "./runs/plan.ts";
export type { CaseSet, CaseSets } from "./runs/run-data.ts";
export { train, type TrainOptions, type TrainResult } from "./runs/train.ts";
export { type Schedule, learningRateFactor } from "./schedules.ts";
export { type StepResult, type StepSettings, type TrainingBatch, TrainingSession } from "./session.ts";
export { type Feed, type StepOptions, type TrainingStep, trainingStep } from "./step.ts";
export { type FitOptions, type FitResult, Trainer } from "./trainer.ts";
export type { TrainerOptions } from "./trainer-options.ts";
