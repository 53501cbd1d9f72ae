/** @file Networks by name: what commands and configurations choose from. */

import { AcsconvError } from "../base/errors.ts";
import type { Model } from "../model/model.ts";
import { nearestName, unknownName } from "../base/names.ts";
import * as convnext from "./convnext.ts";
import * as densenet from "./densenet.ts";
import { efficientnetB0 } from "./efficientnet.ts";
import { denseunet2d, type DenseUnet2dOptions, hDenseunet, type HDenseunetOptions } from "./h-denseunet.ts";
import { densenet121Fcn, type FcnOptions, resnet18Fcn, vgg16BnFcn } from "./heads.ts";
import { mobilenetV2 } from "./mobilenet.ts";
import { modelsGenesis, type ModelsGenesisOptions } from "./models-genesis.ts";
import type { ClassifierOptions } from "./options.ts";
import * as resnet from "./resnet.ts";
import * as resnet3d from "./resnet3d.ts";
import * as segmentation from "./segmentation.ts";
import { pocUnet, type PocUnetOptions, unet, type UnetOptions } from "./unet.ts";
import * as vgg from "./vgg.ts";

/** What networks by name are told: the options of all, of which each takes its own. */
export type ArchitectureOptions = Partial<
  Omit<UnetOptions & FcnOptions & PocUnetOptions, "outputs"> &
    resnet.ResnetOptions &
    vgg.VggOptions &
    segmentation.SegmenterOptions &
    resnet3d.Med3dOptions &
    resnet3d.VideoResnetOptions &
    ModelsGenesisOptions &
    DenseUnet2dOptions &
    HDenseunetOptions
>;

/** A network that can be built by name. */
export interface Architecture {
  /** As torchvision writes it, where torchvision has it. */
  readonly name: string;
  /** Of the image. Networks of 2 become 3D by `lift`; those of 3 are so by birth. */
  readonly dimensions: 2 | 3;
  /** What it makes of an image by default: one score per class, or one for each pixel. */
  readonly task: "classification" | "segmentation";
  /** Channels of the image where none are given. */
  readonly channels: number;
  /** Where none are given; networks without a default must be told. */
  readonly classes: number | undefined;
  /** Names of the options that it takes. */
  readonly options: readonly string[];
}

interface Entry extends Architecture {
  readonly build: (options: ArchitectureOptions) => Model;
}

const COMMON = ["channels", "outputs", "kernels", "seed"];

/** Entries of networks that take the same options. */
const family =
  <Options>(
    facts: Pick<Architecture, "dimensions" | "task" | "channels" | "classes">,
    options: readonly string[],
  ) =>
  (builders: Readonly<Record<string, (options: Options) => Model>>): readonly Entry[] =>
    Object.entries(builders).map(([name, build]) => ({
      name,
      ...facts,
      options,
      // Options that the network does not take have been refused.
      build: (given) => build(given as Options),
    }));

const imagenet = { dimensions: 2, task: "classification", channels: 3, classes: 1000 } as const;
const coco = { dimensions: 2, task: "segmentation", channels: 3, classes: 21 } as const;
const dense = { dimensions: 2, task: "segmentation", channels: 3, classes: undefined } as const;

/** Those of volumes. */
const medical = { dimensions: 3, task: "segmentation", channels: 1 } as const;
const videos = { dimensions: 3, task: "classification", channels: 3, classes: 400 } as const;

const ENTRIES: readonly Entry[] = [
  ...family<resnet.ResnetOptions>(imagenet, [...COMMON, "classes", "stem", "strides", "outputStride"])({
    resnet18: resnet.resnet18,
    resnet34: resnet.resnet34,
    resnet50: resnet.resnet50,
    resnet101: resnet.resnet101,
    resnet152: resnet.resnet152,
    resnext50_32x4d: resnet.resnext50_32x4d,
    resnext101_32x8d: resnet.resnext101_32x8d,
    wide_resnet50_2: resnet.wideResnet50_2,
    wide_resnet101_2: resnet.wideResnet101_2,
  }),
  ...family<vgg.VggOptions>(imagenet, [...COMMON, "classes", "pools", "size"])({
    vgg11: vgg.vgg11,
    vgg11_bn: vgg.vgg11Bn,
    vgg13: vgg.vgg13,
    vgg13_bn: vgg.vgg13Bn,
    vgg16: vgg.vgg16,
    vgg16_bn: vgg.vgg16Bn,
    vgg19: vgg.vgg19,
    vgg19_bn: vgg.vgg19Bn,
  }),
  ...family<densenet.DensenetOptions>(imagenet, [...COMMON, "classes", "stem"])({
    densenet121: densenet.densenet121,
    densenet161: densenet.densenet161,
    densenet169: densenet.densenet169,
    densenet201: densenet.densenet201,
  }),
  ...family<ClassifierOptions>(imagenet, [...COMMON, "classes"])({
    mobilenet_v2: mobilenetV2,
    efficientnet_b0: efficientnetB0,
    convnext_tiny: convnext.convnextTiny,
    convnext_small: convnext.convnextSmall,
    convnext_base: convnext.convnextBase,
    convnext_large: convnext.convnextLarge,
  }),
  ...family<segmentation.SegmenterOptions>(coco, [...COMMON, "classes", "aux", "stem", "outputStride"])({
    fcn_resnet50: segmentation.fcnResnet50,
    fcn_resnet101: segmentation.fcnResnet101,
    deeplabv3_resnet50: segmentation.deeplabV3Resnet50,
    deeplabv3_resnet101: segmentation.deeplabV3Resnet101,
    deeplabv3plus_resnet50: segmentation.deeplabV3PlusResnet50,
    deeplabv3plus_resnet101: segmentation.deeplabV3PlusResnet101,
  }),
  ...family<FcnOptions>(dense, ["channels", "kernels", "seed", "classes", "interpolation"])({
    resnet18_fcn: resnet18Fcn,
    vgg16_bn_fcn: vgg16BnFcn,
    densenet121_fcn: densenet121Fcn,
  }),
  ...family<UnetOptions>(dense, [
    ...COMMON,
    "classes",
    "widths",
    "decoderWidths",
    "decoder",
    "interpolation",
    "skips",
  ])({ unet }),
  ...family<DenseUnet2dOptions>({ ...dense, classes: 3 }, [
    ...COMMON,
    "classes",
    "dropout",
    "blocks",
    "growth",
  ])({ denseunet2d }),
  ...family<PocUnetOptions>({ ...dense, channels: 1 }, [
    "classes",
    "kernels",
    "seed",
    "interpolation",
    "output",
  ])({ poc_unet: pocUnet }),
  ...family<resnet3d.Med3dOptions>({ ...medical, classes: 2 }, [...COMMON, "classes", "head"])({
    med3d10: resnet3d.med3d10,
    med3d18: resnet3d.med3d18,
    med3d34: resnet3d.med3d34,
    med3d50: resnet3d.med3d50,
    med3d101: resnet3d.med3d101,
    med3d152: resnet3d.med3d152,
    med3d200: resnet3d.med3d200,
  }),
  ...family<resnet3d.VideoResnetOptions>(videos, [...COMMON, "classes", "generation"])({
    video_resnet18: resnet3d.videoResnet18,
    video_resnet34: resnet3d.videoResnet34,
    video_resnet50: resnet3d.videoResnet50,
    video_resnet101: resnet3d.videoResnet101,
    video_resnet152: resnet3d.videoResnet152,
    video_resnet200: resnet3d.videoResnet200,
  }),
  ...family<ModelsGenesisOptions>({ ...medical, classes: 1 }, [...COMMON, "classes", "head"])({
    models_genesis: modelsGenesis,
  }),
  ...family<HDenseunetOptions>({ ...medical, classes: 3 }, [
    ...COMMON,
    "classes",
    "dropout",
    "dense2d",
    "dense3d",
  ])({ h_denseunet: hDenseunet }),
];

/** Every network that {@link architecture} builds. */
export const ARCHITECTURES: readonly Architecture[] = ENTRIES.map(
  ({ name, dimensions, task, channels, classes, options }) => ({
    name,
    dimensions,
    task,
    channels,
    classes,
    options,
  }),
);

/** Names are the same in torchvision's writing and in ours: `deeplabv3_resnet50`, `deeplabV3Resnet50`. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_ ]/g, "");

/**
 * A network by name, with fresh weights. The 3D forms of 2D ones come from `lift`.
 *
 * @param name - as torchvision writes it (`resnext50_32x4d`) or as it is exported here (`deeplabV3Resnet50`)
 * @throws {@link AcsconvError} `input` for a name that there is not, with the nearest one, and for options that the
 *   network does not take
 *
 * @example
 * const model3d = lift(architecture("resnet18", { channels: 1, classes: 2 }));
 */
export function architecture(name: string, options: ArchitectureOptions = {}): Model {
  const entry = ENTRIES.find((candidate) => plain(candidate.name) === plain(name));
  if (!entry) {
    throw unknownName(
      "architecture",
      name,
      ENTRIES.map((known) => known.name),
    );
  }
  for (const option of Object.keys(options)) {
    if (entry.options.includes(option)) continue;
    const nearest = nearestName(option, entry.options);
    throw new AcsconvError(
      "input",
      `${entry.name} has no option "${option}"${nearest === undefined ? "" : `; did you mean "${nearest}"?`} It takes ${entry.options.join(", ")}.`,
    );
  }
  return entry.build(options);
}
