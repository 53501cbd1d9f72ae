/** @file Prediction on volumes: intensities, windows, and the way back onto the scan's grid. */

export type { Normalization } from "./intensity.ts";
export { predictVolume } from "./predict-volume.ts";
export type { PredictionKind, PredictOptions } from "./settle.ts";
