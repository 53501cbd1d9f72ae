/**
 * @file ConvNeXt. Stages: `features.0` (after the stem), `features.1`, `features.2` (halved), `features.3` … `features.7`.
 *
 * torchvision moves channels to the last axis for its linear layers [O, I]. Here maps keep their layout and those layers
 * are convolutions 1×1, whose kernels are [O, I, 1, 1]: the same numbers, which `loadWeights` fits in. Blocks that are
 * skipped at random in training (stochastic depth) are not: the network is as it predicts.
 *
 * @see Liu et al., arXiv:2201.03545
 * @see https://github.com/pytorch/vision/blob/v0.14.1/torchvision/models/convnext.py
 */

import type { Model } from "../model/model.ts";
import type { Layers } from "./layers.ts";
import { begin, type ClassifierOptions, complete, wholeNumber } from "./options.ts";

/** What a block's branch is multiplied with at first, channel by channel. */
const LAYER_SCALE = 1e-6;

/** ConvNeXt tiny: 28,589,128 parameters. Images [N, 3, H, W] of 32 pixels and more, scores [N, 1000]. */
export const convnextTiny = (options: ClassifierOptions = {}): Model => convnext("tiny", 9, 96, options);
/** ConvNeXt small: 50,223,688 parameters. */
export const convnextSmall = (options: ClassifierOptions = {}): Model => convnext("small", 27, 96, options);
/** ConvNeXt base: 88,591,464 parameters. */
export const convnextBase = (options: ClassifierOptions = {}): Model => convnext("base", 27, 128, options);
/** ConvNeXt large: 197,767,336 parameters. */
export const convnextLarge = (options: ClassifierOptions = {}): Model => convnext("large", 27, 192, options);

/**
 * @param deep - blocks of the third stage; the others have three
 * @param width - channels of the first stage; each later one has twice those of the one before
 */
function convnext(size: string, deep: number, width: number, options: ClassifierOptions): Model {
  const net = begin(options);
  const classes = wholeNumber("classes", options.classes ?? 1000);
  const patches = net.conv("features.0.0", net.input, { out: width, kernel: 4, stride: 4 });
  let x = net.layerNorm("features.0.1", patches, "features.0");
  [3, 3, deep, 3].forEach((count, i, stages) => {
    const stage = `features.${2 * i + 1}`;
    for (let j = 0; j < count; j++)
      x = block(net, `${stage}.${j}`, x, j === count - 1 ? stage : `${stage}.${j}`);
    if (i === stages.length - 1) return;
    const lead = `features.${2 * i + 2}`;
    const normal = net.layerNorm(`${lead}.0`, x);
    x = net.conv(`${lead}.1`, normal, { out: 2 * net.channels(x), kernel: 2, stride: 2 }, lead);
  });
  const pooled = net.layerNorm("classifier.0", net.globalAveragePool("avgpool", x));
  const flat = net.flatten("classifier.1", pooled);
  return complete(net, `convnext_${size}`, [net.linear("classifier.2", flat, classes)], options);
}

/** x + scale · branch(x). */
function block(net: Layers, name: string, x: string, output: string): string {
  const out = net.channels(x);
  const at = (module: number): string => `${name}.block.${module}`;
  const spread = net.conv(at(0), x, { out, kernel: 7, padding: 3, groups: out });
  const wide = net.conv(at(3), net.layerNorm(at(2), spread), { out: 4 * out, kernel: 1 });
  const branch = net.conv(at(5), net.gelu(at(4), wide), { out, kernel: 1 });
  return net.add(output, net.channelScale(`${name}.layer_scale`, branch, LAYER_SCALE), x);
}
