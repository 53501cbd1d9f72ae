/**
 * @file Residual networks, their kin with groups (ResNeXt) and wide ones. Stages: `relu` (after the stem), `maxpool`,
 * `layer1` … `layer4`, `avgpool`, `fc`.
 *
 * @see https://github.com/pytorch/vision/blob/v0.14.1/torchvision/models/resnet.py
 */

import type { Model } from "../model/model.ts";
import { begin, type ClassifierOptions, completeClassifier } from "./options.ts";
import { BACKBONES, type Design, resnetBackbone, type ResnetStrides } from "./residual.ts";

/** Of {@link resnet18} and its kin. */
export interface ResnetOptions extends ClassifierOptions, ResnetStrides {}

const resnet =
  (name: string, design: Design) =>
  (options: ResnetOptions = {}): Model => {
    const net = begin(options);
    return completeClassifier(net, name, "fc", resnetBackbone(net, "", design, options), options);
  };

/** ResNet-18: 11,689,512 parameters. Images [N, 3, H, W] of any size, scores [N, 1000]. */
export const resnet18 = resnet("resnet18", BACKBONES.resnet18);
/** ResNet-34: 21,797,672 parameters. */
export const resnet34 = resnet("resnet34", BACKBONES.resnet34);
/** ResNet-50: 25,557,032 parameters. Blocks halve in their 3×3 convolution, as torchvision's do. */
export const resnet50 = resnet("resnet50", BACKBONES.resnet50);
/** ResNet-101: 44,549,160 parameters. */
export const resnet101 = resnet("resnet101", BACKBONES.resnet101);
/** ResNet-152: 60,192,808 parameters. */
export const resnet152 = resnet("resnet152", BACKBONES.resnet152);
/** ResNeXt-50, 32 groups of 4 channels: 25,028,904 parameters. */
export const resnext50_32x4d = resnet("resnext50_32x4d", { ...BACKBONES.resnet50, groups: 32, width: 4 });
/** ResNeXt-101, 32 groups of 8 channels: 88,791,336 parameters. */
export const resnext101_32x8d = resnet("resnext101_32x8d", { ...BACKBONES.resnet101, groups: 32, width: 8 });
/** ResNet-50 with twice the channels inside its blocks: 68,883,240 parameters. */
export const wideResnet50_2 = resnet("wide_resnet50_2", { ...BACKBONES.resnet50, width: 128 });
/** ResNet-101 with twice the channels inside its blocks: 126,886,696 parameters. */
export const wideResnet101_2 = resnet("wide_resnet101_2", { ...BACKBONES.resnet101, width: 128 });
