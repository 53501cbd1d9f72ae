/**
 * @file What families of networks share: a convolution with BatchNorm and activation, whose modules torchvision numbers
 * 0, 1 and 2.
 */

import type { ConvOptions, Layers } from "./layers.ts";

/** What comes after BatchNorm. */
type Activation = "relu" | "relu6" | "silu";

interface ConvBlockOptions extends Omit<ConvOptions, "padding" | "bias"> {
  readonly kernel: number;
  readonly dilation?: number;
  /** Default: none. */
  readonly activation?: Activation;
}

/** Convolution without bias that keeps the map's size but for its stride, then BatchNorm, then the activation. */
export function convBlock(
  net: Layers,
  name: string,
  x: string,
  options: ConvBlockOptions,
  output = name,
): string {
  const { activation, kernel, dilation = 1 } = options;
  const padding = (dilation * (kernel - 1)) / 2;
  const map = net.conv(`${name}.0`, x, { ...options, padding, bias: false });
  if (!activation) return net.batchNorm(`${name}.1`, map, output);
  return net[activation](output, net.batchNorm(`${name}.1`, map));
}
