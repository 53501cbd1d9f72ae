/** @file Networks by name: what commands and configurations choose from. */

import { inputError } from "../base/errors.ts";
import type { Model } from "../model/model.ts";
import { nearestName, unknownName } from "../base/names.ts";
import * as convnext from "./convnext.ts";
import * as densenet from "./densenet.ts";
import { efficientnetB0 } from "./efficientnet.ts";
import { denseunet2d, type DenseUnet2dOptions, hDenseunet, type HDenseunetOptions } from "./h-denseunet.ts";
import { densenet121Fcn, type FcnOptions, resnet18Fcn, vgg16BnFcn } from "./heads.ts";
import { mobilenetV2 } from "./mobilenet.ts";
import { modelsGenesis, type ModelsGenesisOptions } from "./models-genesis.ts";
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

interface Entry {
  readonly architecture: Architecture;
  readonly build: (options: ArchitectureOptions) => Model;
}

/** Options of nearly all networks. */
const COMMON = "channels outputs kernels seed classes";

type Facts = Pick<Architecture, "dimensions" | "task" | "channels" | "classes">;
type Builder = (options: never) => Model;

/** torchvision's writing of a builder's name: `wideResnet50_2` → `wide_resnet50_2`. */
const snakeCase = (name: string): string =>
  name
    .replace(/^deeplabV3(Plus)?/, (word) => word.toLowerCase())
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Entries of networks that take the same options. */
const family = (
  facts: Facts,
  options: string,
  builders: Readonly<Record<string, Builder>>,
  names = Object.keys(builders).join(" "),
): readonly Entry[] =>
  names.split(" ").map((name) => ({
    architecture: { name: snakeCase(name), ...facts, options: options.split(" ") },
    // Options that the network does not take have been refused.
    build: builders[name] as Entry["build"],
  }));

const imagenet: Facts = { dimensions: 2, task: "classification", channels: 3, classes: 1000 };
const coco: Facts = { dimensions: 2, task: "segmentation", channels: 3, classes: 21 };
const dense: Facts = { dimensions: 2, task: "segmentation", channels: 3, classes: undefined };
const medical: Facts = { dimensions: 3, task: "segmentation", channels: 1, classes: 2 };
const videos: Facts = { dimensions: 3, task: "classification", channels: 3, classes: 400 };

const ENTRIES: readonly Entry[] = [
  ...family(
    imagenet,
    `${COMMON} stem strides outputStride`,
    resnet,
    "resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d wideResnet50_2 wideResnet101_2",
  ),
  ...family(imagenet, `${COMMON} pools size`, vgg, "vgg11 vgg11Bn vgg13 vgg13Bn vgg16 vgg16Bn vgg19 vgg19Bn"),
  ...family(imagenet, `${COMMON} stem`, densenet),
  ...family(imagenet, COMMON, { mobilenetV2, efficientnetB0 }),
  ...family(imagenet, COMMON, convnext, "convnextTiny convnextSmall convnextBase convnextLarge"),
  ...family(
    coco,
    `${COMMON} aux stem outputStride`,
    segmentation,
    "fcnResnet50 fcnResnet101 deeplabV3Resnet50 deeplabV3Resnet101 deeplabV3PlusResnet50 deeplabV3PlusResnet101",
  ),
  ...family(dense, "channels kernels seed classes interpolation", {
    resnet18Fcn,
    vgg16BnFcn,
    densenet121Fcn,
  }),
  ...family(dense, `${COMMON} widths decoderWidths decoder interpolation skips`, { unet }),
  ...family({ ...dense, classes: 3 }, `${COMMON} dropout blocks growth`, { denseunet2d }),
  ...family({ ...dense, channels: 1 }, "classes kernels seed interpolation output", { pocUnet }),
  ...family(
    medical,
    `${COMMON} head`,
    resnet3d,
    "med3d10 med3d18 med3d34 med3d50 med3d101 med3d152 med3d200",
  ),
  ...family(
    videos,
    `${COMMON} generation`,
    resnet3d,
    "videoResnet18 videoResnet34 videoResnet50 videoResnet101 videoResnet152 videoResnet200",
  ),
  ...family({ ...medical, classes: 1 }, `${COMMON} head`, { modelsGenesis }),
  ...family({ ...medical, classes: 3 }, `${COMMON} dropout dense2d dense3d`, { hDenseunet }),
];

/** Every network that {@link architecture} builds. */
export const ARCHITECTURES: readonly Architecture[] = ENTRIES.map(({ architecture }) => architecture);

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
  const entry = ENTRIES.find(({ architecture }) => plain(architecture.name) === plain(name));
  const names = ARCHITECTURES.map((known) => known.name);
  if (!entry) throw unknownName("architecture", name, names);
  const known = entry.architecture.options;
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    const nearest = nearestName(option, known);
    throw inputError(
      `${entry.architecture.name} has no option "${option}"${nearest === undefined ? "" : `; did you mean "${nearest}"?`} It takes ${known.join(", ")}.`,
    );
  }
  return entry.build(options);
}
