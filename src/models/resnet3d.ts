/**
 * @file Residual networks that are 3D by birth, which ACS is compared with: Med3D, pretrained on medical
 * segmentations, and those of Hara et al., pretrained on Kinetics' videos. Stages are named as in `residual.ts`.
 *
 *            first convolution      strides of layers   dilations    ends in
 *   Med3D    7×7×7, stride 2        1 2 1 1             1 1 2 4      `conv_seg`
 *   videos   7×7×7, stride 1 2 2    1 2 2 2             1 1 1 1      `fc`
 *
 * Parameters are named as in the published files. Those have shortcuts without parameters in some networks: Med3D's 18
 * and 34, and 18 and 34 of 2018's videos. The authors' code lets no gradient through these; here it goes through.
 *
 * @see Chen et al., arXiv:1904.00625; https://github.com/Tencent/MedicalNet
 * @see Hara et al., arXiv:1711.09577; https://github.com/kenshohara/3D-ResNets-PyTorch
 */

import type { Model } from "../model/model.ts";
import type { Layers } from "./layers.ts";
import { beginVolume, complete, type NetworkOptions, oneOf, wholeNumber } from "./options.ts";
import { BACKBONES, type Design, residualLayer } from "./residual.ts";

const DESIGNS = {
  10: { block: "basic", blocks: [1, 1, 1, 1] },
  18: BACKBONES.resnet18,
  34: BACKBONES.resnet34,
  50: BACKBONES.resnet50,
  101: BACKBONES.resnet101,
  152: BACKBONES.resnet152,
  200: { block: "bottleneck", blocks: [3, 24, 36, 3] },
} as const satisfies Readonly<Record<number, Design>>;

type Depth = keyof typeof DESIGNS;

/** Of {@link med3d18} and its kin. */
export interface Med3dOptions extends NetworkOptions {
  /** Channels of the volume. Default 1. */
  readonly channels?: number;
  /** Classes the network tells apart; for voxels background is one. Default 2. */
  readonly classes?: number;
  /** One score per class for each voxel (the default), or for the volume, from the mean of `layer4`. */
  readonly head?: "segmentation" | "classification";
}

/**
 * Med3D's ResNet-10, 14,514,464 parameters with its head for 2 classes. Volumes [N, 1, D, H, W] with mean 0 and deviation
 * 1 over voxels that are not 0; logits [N, 2, D, H, W]. The published files have no head: they fill all of the network with
 * `outputs: ["layer4"]`, or what `transferred("encoder")` names of one with a head.
 *
 * The published head's logits are a quarter of the volume (`outputs: ["conv_seg"]`); here they are enlarged at the end.
 */
export const med3d10 = med3d(10);
/** Med3D's ResNet-18: 33,145,120 parameters with its head for 2 classes. */
export const med3d18 = med3d(18);
/** Med3D's ResNet-34: 63,454,752 parameters with its head for 2 classes. */
export const med3d34 = med3d(34);
/** Med3D's ResNet-50: 46,707,232 parameters with its head for 2 classes. */
export const med3d50 = med3d(50);
/** Med3D's ResNet-101: 85,753,376 parameters with its head for 2 classes. */
export const med3d101 = med3d(101);
/** Med3D's ResNet-152: 117,912,096 parameters with its head for 2 classes. */
export const med3d152 = med3d(152);
/** Med3D's ResNet-200: 127,111,712 parameters with its head for 2 classes. */
export const med3d200 = med3d(200);

function med3d(depth: Depth) {
  return (options: Med3dOptions = {}): Model => {
    const { channels = 1, classes = 2, head = "segmentation" } = options;
    const net = beginVolume(channels);
    wholeNumber("classes", classes);
    oneOf("head", head, ["segmentation", "classification"]);
    const features = backbone(net, DESIGNS[depth], {
      stride: [2, 2, 2],
      strides: [1, 2, 1, 1],
      dilations: [1, 1, 2, 4],
      shortcut: depth === 18 || depth === 34 ? "zeros" : "convolution",
    });
    const scores =
      head === "classification"
        ? net.linear("fc", net.channelMeans(features), classes)
        : voxelClassifier(net, features, classes);
    return complete(net, `med3d${depth}`, [scores], options);
  };
}

/** Channels of Med3D's head. */
const HEAD_WIDTH = 32;

function voxelClassifier(net: Layers, features: string, classes: number): string {
  const [name, out, bias] = ["conv_seg", HEAD_WIDTH, false];
  const wide = net.convTranspose(`${name}.0`, features, { out, kernel: 2, stride: 2 });
  const active = net.relu(`${name}.2`, net.batchNorm(`${name}.1`, wide));
  const map = net.conv(`${name}.3`, active, { out, kernel: 3, padding: 1, bias });
  const last = net.relu(`${name}.5`, net.batchNorm(`${name}.4`, map));
  const logits = net.conv(`${name}.6`, last, { out: classes, kernel: 1, bias }, name);
  return net.resizeLike("out", logits, net.input, "linear");
}

/** Of {@link videoResnet18} and its kin. */
export interface VideoResnetOptions extends NetworkOptions {
  /** Classes the network tells apart. Default: Kinetics' 400, or 700 in the generation of 2020. */
  readonly classes?: number;
  /**
   * Which files it is for: those of 2018 (`resnet-18-kinetics.pth`, the default) or of 2020 (`r3d18_K_200ep.pth`).
   * ResNet-18 and 34 differ, by their shortcuts.
   */
  readonly generation?: 2018 | 2020;
}

/**
 * Hara's ResNet-18: 33,235,280 parameters. Clips [N, 3, frames, H, W], scores [N, 400]. The files
 * of 2018 were trained with 16 frames of 112 × 112, values 0 to 255 less their mean.
 */
export const videoResnet18 = videoResnet(18);
/** Hara's ResNet-34: 63,544,912 parameters. */
export const videoResnet34 = videoResnet(34);
/** Hara's ResNet-50: 47,018,576 parameters. */
export const videoResnet50 = videoResnet(50);
/** Hara's ResNet-101: 86,064,720 parameters. */
export const videoResnet101 = videoResnet(101);
/** Hara's ResNet-152: 118,223,440 parameters. */
export const videoResnet152 = videoResnet(152);
/** Hara's ResNet-200: 127,423,056 parameters. */
export const videoResnet200 = videoResnet(200);

function videoResnet(depth: Exclude<Depth, 10>) {
  return (options: VideoResnetOptions = {}): Model => {
    const { channels = 3, generation = 2018 } = options;
    oneOf("generation", generation, [2018, 2020]);
    const classes = wholeNumber("classes", options.classes ?? (generation === 2018 ? 400 : 700));
    const net = beginVolume(channels);
    const features = backbone(net, DESIGNS[depth], {
      stride: [1, 2, 2],
      strides: [1, 2, 2, 2],
      dilations: [1, 1, 1, 1],
      shortcut: generation === 2018 && depth < 50 ? "zeros" : "convolution",
    });
    const scores = net.linear("fc", net.channelMeans(features), classes);
    return complete(net, `video_resnet${depth}`, [scores], options);
  };
}

/** What tells the two families apart. */
interface Backbone {
  /** Of the first convolution, along D, H and W. */
  readonly stride: readonly number[];
  /** Of the layers. */
  readonly strides: readonly (1 | 2)[];
  readonly dilations: readonly number[];
  readonly shortcut: "convolution" | "zeros";
}

/** All but the head: the last map. */
function backbone(net: Layers, design: Design, how: Backbone): string {
  const { stride, strides, dilations, shortcut } = how;
  const first = net.conv("conv1", net.input, { out: 64, kernel: 7, stride, padding: 3, bias: false });
  const active = net.relu("relu", net.batchNorm("bn1", first));
  const pooled = net.maxPool("maxpool", active, { kernel: 3, stride: 2, padding: 1 });
  return strides.reduce(
    (x, stride, i) => residualLayer(net, "", i, x, { design, stride, dilation: dilations[i]!, shortcut }),
    pooled,
  );
}
