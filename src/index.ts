/**
 * @file acsconv: take a pretrained 2D CNN (ONNX), turn it into a natively 3D one
 * that keeps every 2D weight, and run it wherever ONNX Runtime runs.
 *
 * @module
 */

export { AcsconvError, type ErrorKind } from "./base/errors.ts";
export { LIFT_KINDS, type LiftOptions } from "./lift/options.ts";
export type { NodeReport } from "./lift/walk.ts";
export { lift, load, Model, unlift } from "./model/model.ts";
export { pretrained, type PretrainedName } from "./models/pretrained.ts";
export type { ModelSource } from "./onnx/files.ts";
export type { LiftKind, View } from "./ops/rule.ts";
export type { Normalization } from "./model/intensity.ts";
export { type PredictionKind, type PredictOptions, predictVolume } from "./model/predict-volume.ts";
export type { Device } from "./run/engine.ts";
export { createSession, type RunOptions, type Session, type SessionOptions } from "./run/session.ts";
export type { RunTensor, RunTensors } from "./run/tensor.ts";
export { defineConfig, type TrainConfig } from "./train/runs/config.ts";
