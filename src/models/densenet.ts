/**
 * @file DenseNets: every layer of a block reads all maps of the block before it. Stages: `features.relu0` (after the
 * stem), `features.pool0`, `features.denseblock1`, `features.transition1` (halved) … `features.denseblock4`,
 * `features.norm5`.
 *
 * @see Huang et al., arXiv:1608.06993
 * @see https://github.com/pytorch/vision/blob/v0.14.1/torchvision/models/densenet.py
 */

import type { Model } from "../model/model.ts";
import type { Layers } from "./layers.ts";
import { begin, type ClassifierOptions, completeClassifier, oneOf, type Stem } from "./options.ts";

/** Of {@link densenet121} and its kin. */
export interface DensenetOptions extends ClassifierOptions {
  /** Default: stride 2 and a pool. The paper has `{ stride: 1, pool: false }` for lung nodules. */
  readonly stem?: Stem;
}

interface Design {
  /** Layers of each block. */
  readonly blocks: readonly number[];
  /** Channels that a layer adds. */
  readonly growth: number;
  /** Channels of the stem. */
  readonly stem: number;
}

/** Channels of a layer's convolution 1×1, in those it adds. */
const BOTTLENECK = 4;

/** DenseNet-121: 7,978,856 parameters. Images [N, 3, H, W] of any size, scores [N, 1000]. */
export const densenet121 = densenet("densenet121", { blocks: [6, 12, 24, 16], growth: 32, stem: 64 });
/** DenseNet-161, the wide one: 28,681,000 parameters. */
export const densenet161 = densenet("densenet161", { blocks: [6, 12, 36, 24], growth: 48, stem: 96 });
/** DenseNet-169: 14,149,480 parameters. */
export const densenet169 = densenet("densenet169", { blocks: [6, 12, 32, 32], growth: 32, stem: 64 });
/** DenseNet-201: 20,013,928 parameters. */
export const densenet201 = densenet("densenet201", { blocks: [6, 12, 48, 32], growth: 32, stem: 64 });

function densenet(name: string, design: Design) {
  return (options: DensenetOptions = {}): Model => {
    const { stem = {} } = options;
    const net = begin(options);
    const stride = oneOf("stem.stride", stem.stride ?? 2, [1, 2]);
    const at = (module: string): string => `features.${module}`;
    const first = { out: design.stem, kernel: 7, stride, padding: 3, bias: false };
    let x = net.conv(at("conv0"), net.input, first);
    x = net.relu(at("relu0"), net.batchNorm(at("norm0"), x));
    if (stem.pool ?? true) x = net.maxPool(at("pool0"), x, { kernel: 3, stride: 2, padding: 1 });
    design.blocks.forEach((layers, i) => {
      x = denseBlock(net, at(`denseblock${i + 1}`), x, layers, design.growth);
      if (i < design.blocks.length - 1) x = transition(net, at(`transition${i + 1}`), x);
    });
    x = net.relu("relu", net.batchNorm(at("norm5"), x));
    return completeClassifier(net, name, "classifier", x, options);
  };
}

function denseBlock(net: Layers, name: string, first: string, layers: number, growth: number): string {
  let x = first;
  for (let i = 1; i <= layers; i++) {
    const at = (module: string): string => `${name}.denselayer${i}.${module}`;
    const normal = net.relu(at("relu1"), net.batchNorm(at("norm1"), x));
    const narrow = net.conv(at("conv1"), normal, { out: BOTTLENECK * growth, kernel: 1, bias: false });
    const again = net.relu(at("relu2"), net.batchNorm(at("norm2"), narrow));
    const added = net.conv(at("conv2"), again, { out: growth, kernel: 3, padding: 1, bias: false });
    x = net.concat(i === layers ? name : at("concat"), [x, added]);
  }
  return x;
}

/** Half the channels, half the pixels. */
function transition(net: Layers, name: string, x: string): string {
  const active = net.relu(`${name}.relu`, net.batchNorm(`${name}.norm`, x));
  const out = net.channels(x) / 2;
  const narrow = net.conv(`${name}.conv`, active, { out, kernel: 1, bias: false });
  return net.averagePool(name, narrow, { kernel: 2, stride: 2 });
}
