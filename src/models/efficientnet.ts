/**
 * @file EfficientNet-B0: MobileNetV2's blocks with a gate for each channel that the whole map decides on. Stages:
 * `features.0` … `features.8`. Blocks that are skipped at random in training (stochastic depth) are not: the network is
 * as it predicts.
 *
 * @see Tan and Le, arXiv:1905.11946
 * @see https://github.com/pytorch/vision/blob/v0.14.1/torchvision/models/efficientnet.py
 */

import type { Model } from "../model/model.ts";
import { convBlock } from "./blocks.ts";
import type { Layers } from "./layers.ts";
import { begin, type ClassifierOptions, completeClassifier } from "./options.ts";

type Block = Readonly<Record<"widening" | "kernel" | "stride" | "channels", number>>;

/** Table 1 of the paper: widening, kernel, stride of the first block, channels, blocks. */
const STAGES = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
] as const;

/** EfficientNet-B0: 5,288,548 parameters. Images [N, 3, H, W] of any size, scores [N, 1000]. */
export function efficientnetB0(options: ClassifierOptions = {}): Model {
  const net = begin(options);
  const activation = "silu";
  let x = convBlock(net, "features.0", net.input, { out: 32, kernel: 3, stride: 2, activation });
  STAGES.forEach(([widening, kernel, stride, channels, blocks], i) => {
    for (let j = 0; j < blocks; j++) {
      const block = { widening, kernel, channels, stride: j === 0 ? stride : 1 };
      const name = `features.${i + 1}.${j}`;
      x = mbConv(net, name, x, block, j === blocks - 1 ? `features.${i + 1}` : name);
    }
  });
  x = convBlock(net, `features.${STAGES.length + 1}`, x, { out: 1280, kernel: 1, activation });
  return completeClassifier(net, "efficientnet_b0", "classifier.1", x, { ...options, dropout: 0.2 });
}

function mbConv(net: Layers, name: string, x: string, block: Block, output: string): string {
  const { widening, kernel, stride, channels } = block;
  const before = net.channels(x);
  const out = widening * before;
  const activation = "silu";
  const isResidual = stride === 1 && before === channels;
  let module = 0;
  const next = (): string => `${name}.block.${module++}`;
  const wide = widening === 1 ? x : convBlock(net, next(), x, { out, kernel: 1, activation });
  const map = convBlock(net, next(), wide, { out, kernel, stride, groups: out, activation });
  const gated = squeezeExcitation(net, next(), map, Math.floor(before / 4));
  const last = next();
  const branch = convBlock(net, last, gated, { out: channels, kernel: 1 }, isResidual ? last : output);
  return isResidual ? net.add(output, branch, x) : branch;
}

/** x · σ(fc2(silu(fc1(mean of x)))), channel by channel. */
function squeezeExcitation(net: Layers, name: string, x: string, squeezed: number): string {
  const mean = net.globalAveragePool(`${name}.avgpool`, x);
  const few = net.conv(`${name}.fc1`, mean, { out: squeezed, kernel: 1 });
  const active = net.silu(`${name}.activation`, few);
  const all = net.conv(`${name}.fc2`, active, { out: net.channels(x), kernel: 1 });
  return net.multiply(name, net.sigmoid(`${name}.scale_activation`, all), x);
}
