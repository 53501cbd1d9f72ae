/**
 * @file Weights by name, from the files that the field keeps them in. Public as `acsconv/weights`.
 *
 * @module
 */

export { loadWeights, type LoadReport, type LoadWeightsOptions, type Mismatch } from "./load.ts";
export type { NameMap, NameMapName } from "./name-maps.ts";
export { pull, type PullOptions } from "./pull.ts";
export { readWeights, type WeightFile, type WeightFormat, type WeightSource } from "./read.ts";
export { type NamePattern, type Transfer, transferred } from "./selection.ts";
