/**
 * @file MobileNetV2: blocks that widen, convolve each channel for itself, and narrow again. Stages: `features.0` …
 * `features.18`.
 *
 * @see Sandler et al., arXiv:1801.04381
 * @see https://github.com/pytorch/vision/blob/v0.14.1/torchvision/models/mobilenetv2.py
 */

import type { Model } from "../model/model.ts";
import { convBlock } from "./blocks.ts";
import type { Layers } from "./layers.ts";
import { begin, type ClassifierOptions, completeClassifier } from "./options.ts";

/** Table 2 of the paper: widening, channels, blocks, stride of the first block. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** MobileNetV2: 3,504,872 parameters. Images [N, 3, H, W] of any size, scores [N, 1000]. */
export function mobilenetV2(options: ClassifierOptions = {}): Model {
  const net = begin(options);
  const activation = "relu6";
  let x = convBlock(net, "features.0", net.input, { out: 32, kernel: 3, stride: 2, activation });
  let module = 1;
  for (const [widening, channels, blocks, stride] of STAGES) {
    for (let i = 0; i < blocks; i++)
      x = invertedResidual(net, `features.${module++}`, x, {
        widening,
        channels,
        stride: i === 0 ? stride : 1,
      });
  }
  x = convBlock(net, `features.${module}`, x, { out: 1280, kernel: 1, activation });
  return completeClassifier(net, "mobilenet_v2", "classifier.1", x, { ...options, dropout: 0.2 });
}

type Block = Readonly<Record<"widening" | "channels" | "stride", number>>;

function invertedResidual(net: Layers, name: string, x: string, block: Block): string {
  const { widening, channels, stride } = block;
  const out = widening * net.channels(x);
  const activation = "relu6";
  const isResidual = stride === 1 && net.channels(x) === channels;
  let module = 0;
  const next = (): string => `${name}.conv.${module++}`;
  const wide = widening === 1 ? x : convBlock(net, next(), x, { out, kernel: 1, activation });
  const map = convBlock(net, next(), wide, { out, kernel: 3, stride, groups: out, activation });
  const narrow = net.conv(next(), map, { out: channels, kernel: 1, bias: false });
  const branch = net.batchNorm(next(), narrow, isResidual ? `${name}.branch` : name);
  return isResidual ? net.add(name, x, branch) : branch;
}
