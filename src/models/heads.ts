/**
 * @file Heads as the paper's experiments on lung nodules had them: a classifier for any encoder, and the FCN-like
 * segmentation networks of ResNet-18, VGG-16 and DenseNet-121, whose encoders keep the map fine.
 *
 *   encoder        maps read (channels, at 1/n)                  fused to     then 3×3
 *   ResNet-18      relu (64, 1)  layer2 (128, 2)  layer4 (512, 4)     512, 512     128
 *   VGG-16-BN      stage 1 (64, 1)  stage 3 (256, 2)  stage 5 (512, 4)     256, 64      16
 *   DenseNet-121   relu0 (64, 1)  transition2 (256, 4)  denseblock4 (1024, 8)     256, 64      16
 *
 * Encoders' parameters are named as in torchvision, so ImageNet's weights load by name; the heads' as in
 * `segmentation-head.ts`.
 *
 * @see Yang et al., arXiv:1911.10477, section 4.2 and appendix C
 */

import type { Model } from "../model/model.ts";
import { densenet121 } from "./densenet.ts";
import { type Interpolation, Layers } from "./layers.ts";
import { type NetworkOptions, wholeNumber } from "./options.ts";
import { resnet18 } from "./resnet.ts";
import { segmentationHead, type SegmentationHeadOptions, withFreshHead } from "./segmentation-head.ts";
import { defaultTaps, namedTaps } from "./taps.ts";
import { vgg16Bn } from "./vgg.ts";

/** Of {@link resnet18Fcn} and its kin. */
export interface FcnOptions extends Omit<NetworkOptions, "outputs"> {
  /** Classes the network tells apart, background included. */
  readonly classes: number;
  /** How maps are enlarged. Default `linear`; the paper's experiments took `nearest`. */
  readonly interpolation?: Interpolation;
}

/** A beginning that keeps the image's size. */
const UNREDUCED = { stride: 1, pool: false } as const;

/** ResNet-18 with the paper's decoder, 12,389,442 parameters for 2 classes: logits [N, classes, H, W]. */
export function resnet18Fcn(options: FcnOptions): Model {
  const outputs = ["relu", "layer2", "layer4"];
  const backbone = resnet18({ ...options, stem: UNREDUCED, strides: [1, 2, 1, 2], outputs });
  return segmentationHead(backbone, { ...options, taps: outputs, widths: [512, 512] });
}

/** VGG-16 with BatchNorm and the paper's decoder, as {@link resnet18Fcn}. */
export function vgg16BnFcn(options: FcnOptions): Model {
  const outputs = ["features.5", "features.22", "features.42"];
  const backbone = vgg16Bn({ ...options, pools: [false, true, false, true, false], outputs });
  return segmentationHead(backbone, { ...options, taps: outputs });
}

/** DenseNet-121 with the paper's decoder, as {@link resnet18Fcn}. */
export function densenet121Fcn(options: FcnOptions): Model {
  const outputs = ["features.relu0", "features.transition2", "features.denseblock4"];
  const backbone = densenet121({ ...options, stem: UNREDUCED, outputs });
  return segmentationHead(backbone, { ...options, taps: outputs });
}

/** Of {@link classificationHead}. */
export interface ClassificationHeadOptions extends Pick<SegmentationHeadOptions, "kernels" | "seed"> {
  /** Classes the network tells apart. */
  readonly classes: number;
  /** The map that the head reads, named as a value or as the node whose output it is. Default: the last of the coarsest. */
  readonly tap?: string;
}

/**
 * A classifier from the encoder of another network: the mean of each channel, then a linear layer `head.fc`: scores
 * [N, classes]. The encoder keeps its weights; its own head is left out.
 *
 * @throws {@link AcsconvError} `input` for a tap that is no map, or for a network that is 3D already
 */
export function classificationHead(backbone: Model, options: ClassificationHeadOptions): Model {
  const net = Layers.after(backbone);
  const taps =
    options.tap === undefined ? defaultTaps(net, net.base) : namedTaps(net, net.base, [options.tap]);
  const mean = net.channelMeans(taps[0]!.name, "head.");
  const scores = net.linear("head.fc", mean, wholeNumber("classes", options.classes));
  return withFreshHead(net.finish(backbone.graph.name, [scores]), options);
}
