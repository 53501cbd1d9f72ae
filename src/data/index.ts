/**
 * @file Data: labelled scans from folders, patches of them, augmentation. Public as `acsconv/data`.
 *
 * @module
 */

export {
  type Jitter,
  type Range,
  randomCentreCrop,
  randomFlip,
  randomIntensity,
  randomNoise,
  randomRot90,
  randomScale,
} from "./augment.ts";
export { integer, normal, seedFor, shuffled } from "../base/random.ts";
export { uniform } from "../base/uniform.js";
export { CACHE_BYTES } from "./kept.ts";
export { type CaseOptions, CaseStore, type LabelledScan, readCase } from "./cases.ts";
export type { Dataset, Example, Random } from "../model/dataset.ts";
export {
  type ClassificationSet,
  type ClassifiedScan,
  scansOf,
  type SplitName,
} from "./classification/data-set.ts";
export { type LabelledData, openData } from "./open.ts";
export { type ArrayNames, type CaseFiles, type DataFolder, openFolder } from "./folders.ts";
export { IGNORED, type LabelTable } from "./labels.ts";
export { type PatchOptions, patches, wholeScans } from "./patches.ts";
export { HALVES, type Region, cropToRegion } from "./region.ts";
export { type Split, splitCases } from "./split.ts";
export { type Transform, inTurn, mapDataset, sometimes } from "./transform.ts";
