/**
 * @file Networks: built from their layers, with fresh weights or pretrained ones. Public as `acsconv/models`.
 *
 * @module
 */

export * from "./convnext.ts";
export * from "./densenet.ts";
export * from "./efficientnet.ts";
export * from "./h-denseunet.ts";
export * from "./heads.ts";
export { initialise, type Initialisation, type InitialiseOptions } from "./initialise.ts";
export type { Interpolation } from "./layers.ts";
export * from "./mobilenet.ts";
export * from "./models-genesis.ts";
export type { ClassifierOptions, NetworkOptions, Stem } from "./options.ts";
export { pretrained, type PretrainedName } from "./pretrained.ts";
export { architecture, type Architecture, type ArchitectureOptions, ARCHITECTURES } from "./registry.ts";
export type { ResnetStrides } from "./residual.ts";
export * from "./resnet.ts";
export * from "./resnet3d.ts";
export * from "./segmentation.ts";
export { segmentationHead, type SegmentationHeadOptions, tapsOf } from "./segmentation-head.ts";
export * from "./unet.ts";
export * from "./vgg.ts";
