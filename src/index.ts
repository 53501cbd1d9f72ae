/**
 * @file acsconv: take a pretrained 2D CNN (ONNX), turn it into a natively 3D one
 * that keeps every 2D weight, and run it wherever ONNX Runtime runs.
 *
 * @module
 */

export { AcsconvError, type ErrorKind } from "./base/errors.ts";
export { ERROR_CODES, type ErrorCode } from "./base/error-codes.ts";
export { LIFT_KINDS, type LiftOptions } from "./lift/options.ts";
export type { NodeReport } from "./lift/walk.ts";
export type { Classification, ClassifyOptions } from "./model/classify.ts";
export type { CaseResult, CasesOptions, CasesResult, LabelledCase } from "./model/evaluate.ts";
export { lift, load, type LoadOptions, Model, unlift } from "./model/model.ts";
export type { Task, TaskClasses } from "./model/task.ts";
export type { Scores } from "./run/sinks.ts";
export { pretrained, type PretrainedName } from "./models/pretrained.ts";
export type { ModelSource } from "./onnx/model-file.ts";
export type { LiftKind } from "./ops/kinds/index.ts";
export type { View } from "./ops/rule.ts";
export type { Normalization } from "./model/intensity.ts";
export { predictVolume } from "./model/predict-volume.ts";
export type { PredictionKind, PredictOptions } from "./model/settle.ts";
export type { Device } from "./compile/targets/index.ts";
export { createSession, type RunOptions, type Session, type SessionOptions } from "./run/session.ts";
export type { RunTensor, RunTensors } from "./run/tensor.ts";
export { defineConfig, type TrainConfig } from "./train/runs/config.ts";
