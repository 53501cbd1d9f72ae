/**
 * @file The U-Net of the paper's proof of concept, in 2D; its 3D forms come from lifting.
 *
 *   image ─ enc1: 64, 64 ─ pool ─┬─ enc2: 128, 128 ─ pool ─ ×2 ─┐
 *                                └────────────── skip ──────────┴─ concat ─ dec1: 64, 32 ─ ×2 ─ final 1×1
 *
 * Each number is a convolution 3×3 with bias, BatchNorm and ReLU. The skip is the
 * pooled map. With 3 classes it has 389,187 parameters, with 6 classes 389,286.
 *
 * @see Yang et al., arXiv:1911.10477, appendix B
 */

import type { Model } from "../model.ts";
import { initialise, type Initialisation } from "./initialise.ts";
import { type Interpolation, Layers } from "./layers.ts";

/** Of {@link pocUnet}. */
export interface PocUnetOptions {
  /** Classes the network tells apart, background included. */
  readonly classes: number;
  /** How fresh kernels are drawn. Default: as PyTorch's layers do. */
  readonly kernels?: Initialisation;
  /** Of the fresh weights. Default 0. */
  readonly seed?: number;
  /** How the first enlargement of the decoder fills in. Default `linear`; the paper's feature analysis took `nearest`. */
  readonly interpolation?: Interpolation;
  /** What the network gives: logits [N, classes, H, W] (the default), or the decoder's features [N, 32, H/2, W/2]. */
  readonly output?: "logits" | "features";
}

/** The U-Net for images [N, 1, H, W], H and W multiples of 4; its parameters are named as in the authors' code. */
export function pocUnet(options: PocUnetOptions): Model {
  const { classes, interpolation = "linear", output = "logits" } = options;
  const net = new Layers("image", 1);
  const block = (name: string, x: string, widths: readonly number[]): string =>
    widths.reduce((map, out, i) => {
      const module = (offset: number): string => `${name}.${3 * i + offset}`;
      const y = net.conv(module(0), map, { out, kernel: 3, padding: 1 });
      return net.relu(module(2), net.batchNorm(module(1), y));
    }, x);

  const skip = net.maxPool("enc1.pool", block("enc1.encode", net.input, [64, 64]), 2);
  const deep = net.maxPool("enc2.pool", block("enc2.encode", skip, [128, 128]), 2);
  const wide = net.concat("concat", [skip, net.upsample("dec1.up", deep, 2, interpolation)]);
  const features = block("dec1.decode", wide, [64, 32]);
  if (output === "features") return initialise(net.finish("poc-unet-features", [features]), options);
  const full = net.upsample("up", features, 2, "linear");
  const logits = net.conv("final", full, { out: classes, kernel: 1 });
  return initialise(net.finish("poc-unet", [logits]), options);
}
