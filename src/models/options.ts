/** @file What every builder of a network is told, and how it begins and ends. */

import { inputError } from "../base/errors.ts";
import type { Model } from "../model/model.ts";
import { initialise, type InitialiseOptions } from "./initialise.ts";
import { Layers } from "./layers.ts";

/** Of every network. */
export interface NetworkOptions extends Pick<InitialiseOptions, "kernels" | "seed"> {
  /** Channels of the image. Default 3. */
  readonly channels?: number;
  /**
   * Values that the network gives instead of its own, such as `["layer2", "layer4"]`. They are named as torchvision's
   * modules whose output they are; what they do not need is left out.
   */
  readonly outputs?: readonly string[];
}

/** Of a network that gives one score per class for an image. */
export interface ClassifierOptions extends NetworkOptions {
  /** Classes the network tells apart. Default 1000, ImageNet's. */
  readonly classes?: number;
}

/** The beginning of a network, which every higher layer of it may reduce. */
export interface Stem {
  /** Stride of the first convolution. Default 2. */
  readonly stride?: 1 | 2;
  /** Whether a max-pool that halves the map comes after it. Default true. */
  readonly pool?: boolean;
}

/** Begins a 2D network of images [N, channels, H, W]. */
export function begin({ channels = 3 }: NetworkOptions, size?: readonly number[]): Layers {
  return Layers.from("image", wholeNumber("channels", channels), size && { size });
}

/** Begins a network that is 3D by birth, of volumes [N, channels, D, H, W]. */
export function beginVolume(channels: number): Layers {
  return Layers.from("volume", wholeNumber("channels", channels), { dimensions: 3 });
}

/** Ends it: with what was asked for, else with `outputs`. */
export function complete(net: Layers, name: string, outputs: string[], options: NetworkOptions): Model {
  const wanted = options.outputs ?? outputs;
  if (wanted.length === 0)
    throw inputError(`outputs must name one value of ${name} at least, such as "${outputs[0]!}".`);
  return initialise(net.finish(name, wanted), options);
}

/** Ends a network that classifies: the mean of each channel of its last map, then a linear layer `head`. */
export function completeClassifier(
  net: Layers,
  name: string,
  head: string,
  features: string,
  { dropout = 0, ...options }: ClassifierOptions & { readonly dropout?: number },
): Model {
  const classes = wholeNumber("classes", options.classes ?? 1000);
  const mean = net.channelMeans(features);
  const kept = dropout > 0 ? net.dropout("classifier.0", mean, dropout) : mean;
  return complete(net, name, [net.linear(head, kept, classes)], options);
}

/** @throws {@link AcsconvError} `input` unless it is a whole number from 1 on */
export function wholeNumber(option: string, value: number): number {
  if (!(Number.isInteger(value) && value > 0))
    throw inputError(`${option} must be a positive whole number, got ${String(value)}.`);
  return value;
}

/** @throws {@link AcsconvError} `input` unless it is one of those allowed */
export function oneOf<T>(option: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value))
    throw inputError(`${option} must be one of ${allowed.join(", ")}, got ${String(value)}.`);
  return value;
}
