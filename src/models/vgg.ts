/**
 * @file VGG networks. Modules of `features` are numbered as torchvision numbers them, also where pools are left out,
 * so that weights find their layers.
 *
 * @see Simonyan and Zisserman, arXiv:1409.1556
 * @see https://github.com/pytorch/vision/blob/v0.14.1/torchvision/models/vgg.py
 */

import { inputError } from "../base/errors.ts";
import type { Model } from "../model/model.ts";
import type { Layers } from "./layers.ts";
import { begin, type ClassifierOptions, complete, wholeNumber } from "./options.ts";

/** Of {@link vgg16} and its kin. */
export interface VggOptions extends ClassifierOptions {
  /** Whether stages end with a pool, five of them. Default: all do. */
  readonly pools?: readonly boolean[];
  /**
   * [H, W] of the image. The head is tied to positions of a map of 7×7 pixels, so the network takes one size, and its
   * map must be 7×7 or several times that. Default [224, 224]. Without the head (`outputs`) images have any size.
   */
  readonly size?: readonly [number, number];
}

const CHANNELS = [64, 128, 256, 512, 512];
/** Convolutions of each stage. */
const DEPTHS = {
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
} as const;
/** Pixels of the map that the head reads, per axis. */
const GRID = 7;

/** VGG-11: 132,863,336 parameters. Images [N, 3, 224, 224], scores [N, 1000]. */
export const vgg11 = (options: VggOptions = {}): Model => vgg(11, false, options);
/** VGG-11 with BatchNorm: 132,868,840 parameters. */
export const vgg11Bn = (options: VggOptions = {}): Model => vgg(11, true, options);
/** VGG-13: 133,047,848 parameters. */
export const vgg13 = (options: VggOptions = {}): Model => vgg(13, false, options);
/** VGG-13 with BatchNorm: 133,053,736 parameters. */
export const vgg13Bn = (options: VggOptions = {}): Model => vgg(13, true, options);
/** VGG-16: 138,357,544 parameters. */
export const vgg16 = (options: VggOptions = {}): Model => vgg(16, false, options);
/** VGG-16 with BatchNorm: 138,365,992 parameters. */
export const vgg16Bn = (options: VggOptions = {}): Model => vgg(16, true, options);
/** VGG-19: 143,667,240 parameters. */
export const vgg19 = (options: VggOptions = {}): Model => vgg(19, false, options);
/** VGG-19 with BatchNorm: 143,678,248 parameters. */
export const vgg19Bn = (options: VggOptions = {}): Model => vgg(19, true, options);

function vgg(depth: keyof typeof DEPTHS, hasNorms: boolean, options: VggOptions): Model {
  const { size = [224, 224], pools = [true, true, true, true, true], outputs } = options;
  const classes = wholeNumber("classes", options.classes ?? 1000);
  if (pools.length !== CHANNELS.length)
    throw inputError(`pools must be five, one per stage, got [${pools.join(", ")}].`);
  const isHeadless = outputs?.every((name) => name.startsWith("features.")) ?? false;
  const net = begin(options, isHeadless ? undefined : size);
  const name = `vgg${depth}${hasNorms ? "_bn" : ""}`;
  let x = net.input;
  let module = 0;
  const next = (): string => `features.${module++}`;
  DEPTHS[depth].forEach((convolutions, stage) => {
    for (let i = 0; i < convolutions; i++) {
      x = net.conv(next(), x, { out: CHANNELS[stage]!, kernel: 3, padding: 1 });
      if (hasNorms) x = net.batchNorm(next(), x);
      x = net.relu(next(), x);
    }
    const pool = next();
    if (pools[stage]) x = net.maxPool(pool, x, { kernel: 2, stride: 2 });
  });
  if (isHeadless) return complete(net, name, [x], options);

  x = net.flatten("flatten", onGrid(net, x, size));
  for (const at of [0, 3]) {
    const hidden = net.relu(`classifier.${at + 1}`, net.linear(`classifier.${at}`, x, 4096));
    x = net.dropout(`classifier.${at + 2}`, hidden, 0.5);
  }
  return complete(net, name, [net.linear("classifier.6", x, classes)], options);
}

/** Means over equal parts of the map, as many as the head reads. */
function onGrid(net: Layers, x: string, size: readonly number[]): string {
  const map = net.known(x).shape!.slice(2);
  const kernel = map.map((pixels) => Number(pixels) / GRID);
  if (!kernel.every((part) => Number.isInteger(part) && part > 0))
    throw inputError(
      `size [${size.join(", ")}] gives a map of ${map.join("×")} pixels, and VGG's head needs a multiple of ${GRID} along each axis; choose multiples of 224, or take the features alone with outputs.`,
    );
  return kernel.every((part) => part === 1) ? x : net.averagePool("avgpool", x, { kernel, stride: kernel });
}
