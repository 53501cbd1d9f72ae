/**
 * @file Networks: built from their layers, with fresh weights or pretrained ones. Public as `acsconv/models`.
 *
 * @module
 */

export { convnextBase, convnextLarge, convnextSmall, convnextTiny } from "./convnext.ts";
export { densenet121, densenet161, densenet169, densenet201, type DensenetOptions } from "./densenet.ts";
export { efficientnetB0 } from "./efficientnet.ts";
export {
  type DenseDesign,
  denseunet2d,
  type DenseUnet2dOptions,
  hDenseunet,
  type HDenseunetOptions,
} from "./h-denseunet.ts";
export {
  classificationHead,
  type ClassificationHeadOptions,
  densenet121Fcn,
  type FcnOptions,
  resnet18Fcn,
  vgg16BnFcn,
} from "./heads.ts";
export { initialise, type Initialisation, type InitialiseOptions } from "./initialise.ts";
export type { Interpolation } from "./layers.ts";
export { mobilenetV2 } from "./mobilenet.ts";
export { modelsGenesis, type ModelsGenesisOptions } from "./models-genesis.ts";
export type { ClassifierOptions, NetworkOptions, Stem } from "./options.ts";
export { pretrained, type PretrainedName } from "./pretrained.ts";
export { architecture, type Architecture, type ArchitectureOptions, ARCHITECTURES } from "./registry.ts";
export type { ResnetStrides } from "./residual.ts";
export {
  resnet101,
  resnet152,
  resnet18,
  resnet34,
  resnet50,
  type ResnetOptions,
  resnext101_32x8d,
  resnext50_32x4d,
  wideResnet101_2,
  wideResnet50_2,
} from "./resnet.ts";
export {
  med3d10,
  med3d101,
  med3d152,
  med3d18,
  med3d200,
  med3d34,
  med3d50,
  type Med3dOptions,
  videoResnet101,
  videoResnet152,
  videoResnet18,
  videoResnet200,
  videoResnet34,
  videoResnet50,
  type VideoResnetOptions,
} from "./resnet3d.ts";
export {
  deeplabV3PlusResnet101,
  deeplabV3PlusResnet50,
  deeplabV3Resnet101,
  deeplabV3Resnet50,
  fcnResnet101,
  fcnResnet50,
  type SegmenterOptions,
} from "./segmentation.ts";
export { segmentationHead, type SegmentationHeadOptions, tapsOf } from "./segmentation-head.ts";
export { pocUnet, type PocUnetOptions, unet, type UnetOptions } from "./unet.ts";
export { vgg11, vgg11Bn, vgg13, vgg13Bn, vgg16, vgg16Bn, vgg19, vgg19Bn, type VggOptions } from "./vgg.ts";
