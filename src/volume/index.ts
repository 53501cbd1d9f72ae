/**
 * @file Volumes: medical scans with their geometry. Public as `acsconv/volume`.
 *
 * @module
 */

export { readChannels } from "./channels.ts";
export { cropTo, padTo } from "./crop.ts";
export { gridWithSpacing, indexOf, pointOf, rasAffine, sameGrid, subgrid } from "./geometry.ts";
export { type ZScoreOptions, countNonFinite, window, zscore } from "./intensity.ts";
export { encodeNifti } from "./nifti.ts";
export { encodeNpz, readNpz } from "../formats/npz.ts";
export { readNpy } from "../formats/npy.ts";
export { encodeNrrd } from "./nrrd.ts";
export { type ReadOptions, canReadVolume, readVolume } from "./read.ts";
export { orientationOf, reorient } from "./reorient.ts";
export type { Segment } from "./segmentation/segment.ts";
export {
  type ReadSegment,
  type ReadSegmentationOptions,
  type SegmentedVolume,
  isSegmentation,
  readSegmentation,
} from "./segmentation/read.ts";
export { type SegmentationOptions, encodeSegmentation, writeSegmentation } from "./segmentation/write.ts";
export { type Interpolation, resample, resampleLike } from "./resample.ts";
export type { Mat3, Vec3 } from "./vec3.ts";
export {
  type Grid,
  type Volume,
  type VoxelType,
  type Voxels,
  checkVolume,
  plainGrid,
  withData,
} from "./volume.ts";
export { canWriteVolume, writeVolume } from "./write.ts";
