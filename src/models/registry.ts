/** @file Networks by name: what commands and configurations choose from. */

import { AcsconvError } from "../errors.ts";
import type { Model } from "../model.ts";
import { nearestName, unknownName } from "../names.ts";
import * as convnext from "./convnext.ts";
import * as densenet from "./densenet.ts";
import { efficientnetB0 } from "./efficientnet.ts";
import { densenet121Fcn, type FcnOptions, resnet18Fcn, vgg16BnFcn } from "./heads.ts";
import { mobilenetV2 } from "./mobilenet.ts";
import type { ClassifierOptions } from "./options.ts";
import * as resnet from "./resnet.ts";
import * as segmentation from "./segmentation.ts";
import { pocUnet, type PocUnetOptions, unet, type UnetOptions } from "./unet.ts";
import * as vgg from "./vgg.ts";

/** What networks by name are told: the options of all, of which each takes its own. */
export type ArchitectureOptions = Partial<
  Omit<UnetOptions & FcnOptions & PocUnetOptions, "outputs"> &
    resnet.ResnetOptions &
    vgg.VggOptions &
    segmentation.SegmenterOptions
>;

/** A network that can be built by name. */
export interface Architecture {
  /** As torchvision writes it, where torchvision has it. */
  readonly name: string;
  /** What it makes of an image: one score per class, or one for each pixel. */
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
  <Options>(facts: Pick<Architecture, "task" | "channels" | "classes">, options: readonly string[]) =>
  (builders: Readonly<Record<string, (options: Options) => Model>>): readonly Entry[] =>
    Object.entries(builders).map(([name, build]) => ({
      name,
      ...facts,
      options,
      // Options that the network does not take have been refused.
      build: (given) => build(given as Options),
    }));

const imagenet = { task: "classification", channels: 3, classes: 1000 } as const;
const coco = { task: "segmentation", channels: 3, classes: 21 } as const;
const dense = { task: "segmentation", channels: 3, classes: undefined } as const;

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
  ...family<PocUnetOptions>({ ...dense, channels: 1 }, [
    "classes",
    "kernels",
    "seed",
    "interpolation",
    "output",
  ])({ poc_unet: pocUnet }),
];

/** Every network that {@link architecture} builds. */
export const ARCHITECTURES: readonly Architecture[] = ENTRIES.map(
  ({ name, task, channels, classes, options }) => ({ name, task, channels, classes, options }),
);

/** Names are the same in torchvision's writing and in ours: `deeplabv3_resnet50`, `deeplabV3Resnet50`. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_ ]/g, "");

/**
 * A 2D network by name, with fresh weights. Its 3D forms come from `lift`.
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
