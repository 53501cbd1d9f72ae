/** @file Prediction on volumes: intensities, windows, and the way back onto the scan's grid. */

export type { Normalization } from "./intensity.ts";
export { type PredictionKind, type PredictOptions, predictVolume } from "./predict-volume.ts";
