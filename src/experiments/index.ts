/**
 * @file The experiments of the paper: their data and their measures. Public as `acsconv/experiments`.
 *
 * @module
 */

export { datasetOf, type Part, type Samples, samples2d, samples3d, type ShapesOptions } from "./poc/data.ts";
export { type MeanAuc, meanAuc } from "./poc/features.ts";
export { CANVAS, CLASSES_2D, CLASSES_3D, type Rotation, type Sample } from "./poc/shapes.ts";
