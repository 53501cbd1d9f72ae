/**
 * @file Segmentation networks on a dilated ResNet. FCN and DeepLabV3 are torchvision's; its parameters are `backbone.*`,
 * `classifier.*` and `aux_classifier.*`. DeepLabV3+ is not in torchvision; this is its structure here:
 *
 *   backbone.layer4 ─ classifier.0 (ASPP, 256) ─ resize ─┐
 *   backbone.layer1 ─ low_level (1×1, 48) ───────────────┴─ concat 304 ─ decoder.0 ─ decoder.1 ─ decoder.2 ─ resize
 *
 * `decoder.0` and `decoder.1` are convolutions 3×3 to 256 channels and `low_level` one of 1×1, each with BatchNorm and
 * ReLU (modules `.0`, `.1`); `decoder.2` is the convolution 1×1 that gives logits. Backbone and ASPP have the names of
 * DeepLabV3, so that weights of the one fit the other.
 *
 * @see Long et al., arXiv:1411.4038; Chen et al., arXiv:1706.05587; Chen et al., arXiv:1802.02611
 * @see https://github.com/pytorch/vision/tree/v0.14.1/torchvision/models/segmentation
 */

import type { Model } from "../model/model.ts";
import { convBlock } from "./blocks.ts";
import type { Layers } from "./layers.ts";
import { begin, complete, type NetworkOptions, oneOf, type Stem, wholeNumber } from "./options.ts";
import { BACKBONES, resnetBackbone } from "./residual.ts";

/** Of {@link fcnResnet50}, {@link deeplabV3Resnet50} and their kin. */
export interface SegmenterOptions extends NetworkOptions {
  /** Classes the network tells apart, background included. Default 21, as the networks pretrained on COCO have. */
  readonly classes?: number;
  /** Whether a second output `aux` comes from the backbone's `layer3`, for training. Default false. */
  readonly aux?: boolean;
  /** Of the backbone. Default: stride 2 and a pool. */
  readonly stem?: Stem;
  /** Pixels of the image that a pixel of the backbone's last map stands for. Default 8; for DeepLabV3+ 16. */
  readonly outputStride?: 8 | 16;
}

/** How far the kernels of the ASPP reach, by output stride. */
const RATES = { 8: [12, 24, 36], 16: [6, 12, 18] } as const;
/** Channels of DeepLab's maps. */
const WIDTH = 256;
/** Channels of the backbone's first layer that DeepLabV3+ keeps. */
const LOW_LEVEL = 48;

/** FCN on ResNet-50: 32,957,013 parameters. Images [N, 3, H, W] of any size, logits `out` [N, 21, H, W]. */
export const fcnResnet50 = segmenter("fcn", "resnet50");
/** FCN on ResNet-101: 51,949,141 parameters. */
export const fcnResnet101 = segmenter("fcn", "resnet101");
/** DeepLabV3 on ResNet-50: 39,638,869 parameters. Images [N, 3, H, W] of any size, logits `out` [N, 21, H, W]. */
export const deeplabV3Resnet50 = segmenter("deeplabv3", "resnet50");
/** DeepLabV3 on ResNet-101, which the paper's Table 5 has: 58,630,997 parameters. */
export const deeplabV3Resnet101 = segmenter("deeplabv3", "resnet101");
/** DeepLabV3+ on ResNet-50: 40,352,181 parameters. Images [N, 3, H, W] of any size, logits `out` [N, 21, H, W]. */
export const deeplabV3PlusResnet50 = segmenter("deeplabv3plus", "resnet50");
/** DeepLabV3+ on ResNet-101: 59,344,309 parameters. */
export const deeplabV3PlusResnet101 = segmenter("deeplabv3plus", "resnet101");

/** Makes logits of the backbone's last map. */
type Classifier = (net: Layers, features: string, classes: number, outputStride: 8 | 16) => string;

function segmenter(head: keyof typeof CLASSIFIERS, backbone: "resnet50" | "resnet101") {
  return (options: SegmenterOptions = {}): Model => {
    const net = begin(options);
    const classes = wholeNumber("classes", options.classes ?? 21);
    const { stem = {}, aux = false, outputStride = head === "deeplabv3plus" ? 16 : 8 } = options;
    oneOf("outputStride", outputStride, [8, 16]);
    const features = resnetBackbone(net, "backbone.", BACKBONES[backbone], { stem, outputStride });
    const full = (output: string, logits: string): string =>
      net.resizeLike(output, logits, net.input, "linear");
    const outputs = [full("out", CLASSIFIERS[head](net, features, classes, outputStride))];
    if (aux) outputs.push(full("aux", fcnHead(net, "aux_classifier", "backbone.layer3", classes)));
    return complete(net, `${head}_${backbone}`, outputs, options);
  };
}

function fcnHead(net: Layers, name: string, x: string, out: number): string {
  const narrow = { out: net.channels(x) / 4, kernel: 3, padding: 1, bias: false };
  const map = net.batchNorm(`${name}.1`, net.conv(`${name}.0`, x, narrow));
  const dropped = net.dropout(`${name}.3`, net.relu(`${name}.2`, map), 0.1);
  return net.conv(`${name}.4`, dropped, { out, kernel: 1 });
}

const deeplabV3: Classifier = (net, features, classes, outputStride) => {
  const wide = spatialPyramid(net, "classifier.0", features, RATES[outputStride]);
  const map = net.conv("classifier.1", wide, { out: WIDTH, kernel: 3, padding: 1, bias: false });
  const active = net.relu("classifier.3", net.batchNorm("classifier.2", map));
  return net.conv("classifier.4", active, { out: classes, kernel: 1 });
};

const deeplabV3Plus: Classifier = (net, features, classes, outputStride) => {
  const activation = "relu";
  const wide = spatialPyramid(net, "classifier.0", features, RATES[outputStride]);
  const low = convBlock(net, "low_level", "backbone.layer1", { out: LOW_LEVEL, kernel: 1, activation });
  let x = net.concat("concat", [low, net.resizeLike("up", wide, low, "linear")]);
  for (const i of [0, 1]) x = convBlock(net, `decoder.${i}`, x, { out: WIDTH, kernel: 3, activation });
  return net.conv("decoder.2", x, { out: classes, kernel: 1 });
};

const CLASSIFIERS = {
  fcn: (net, features, classes) => fcnHead(net, "classifier", features, classes),
  deeplabv3: deeplabV3,
  deeplabv3plus: deeplabV3Plus,
} satisfies Readonly<Record<string, Classifier>>;

/** Atrous spatial pyramid pooling: the same map seen by kernels that reach differently far, and its mean. */
function spatialPyramid(net: Layers, name: string, x: string, rates: readonly number[]): string {
  const [out, activation] = [WIDTH, "relu"] as const;
  const at = (i: number): string => `${name}.convs.${i}`;
  const maps = [convBlock(net, at(0), x, { out, kernel: 1, activation })];
  rates.forEach((dilation, i) => {
    maps.push(convBlock(net, at(i + 1), x, { out, kernel: 3, dilation, activation }));
  });
  const last = at(rates.length + 1);
  const mean = net.globalAveragePool(`${last}.0`, x);
  const pooled = net.batchNorm(`${last}.2`, net.conv(`${last}.1`, mean, { out, kernel: 1, bias: false }));
  maps.push(net.resizeLike(last, net.relu(`${last}.3`, pooled), x, "linear"));
  const all = net.concat(`${name}.concat`, maps);
  const project = convBlock(net, `${name}.project`, all, { out, kernel: 1, activation });
  return net.dropout(`${name}.project.3`, project, 0.5);
}
