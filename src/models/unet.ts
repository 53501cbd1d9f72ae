/**
 * @file U-Nets: an encoder that halves the map level by level, and a decoder that enlarges it again and is
 * handed the encoder's maps.
 *
 *   image ─ enc1 ───────────── skip ──────────── concat ─ dec1 ─ final 1×1
 *             └ pool ─ enc2 ── skip ── concat ─ dec2 ─ up ─┘
 *                        └ pool ─ enc3 ─ up ─┘
 *
 * A block (`enc1`, `dec1`) is convolutions 3×3 with bias, each with BatchNorm and ReLU. Skips are taken before the
 * pools, as above; or after them, and then the last level ends with a pool, too, and one enlargement is left to the end.
 * Parameters are named as in the paper's code: `enc1.encode.0`, `dec1.decode.0`, `final`.
 *
 * @see Ronneberger et al., arXiv:1505.04597; Yang et al., arXiv:1911.10477, appendix B
 */

import { inputError } from "../base/errors.ts";
import type { Model } from "../model/model.ts";
import { type Interpolation, type Layers } from "./layers.ts";
import { begin, complete, type NetworkOptions, oneOf, wholeNumber } from "./options.ts";

/** Channels of a level: of each convolution of its block, or of both of two. */
type Widths = number | readonly number[];

/** Of {@link unet}. */
export interface UnetOptions extends NetworkOptions {
  /** Classes the network tells apart, background included. */
  readonly classes: number;
  /** Channels of the encoder's levels, the finest first. Default 64, 128, 256, 512, 1024. */
  readonly widths?: readonly Widths[];
  /** Channels of the decoder's levels, the finest first; one fewer. Default: as the encoder has them. */
  readonly decoderWidths?: readonly Widths[];
  /** How the decoder enlarges: by transposed convolutions, or by filling in between pixels. Default `transposed`. */
  readonly decoder?: "transposed" | "interpolating";
  /** How an interpolating decoder fills in. Default `linear`. */
  readonly interpolation?: Interpolation;
  /** Where skips are taken, before pools or after them. Default `pre-pool`. */
  readonly skips?: "pre-pool" | "post-pool";
}

/**
 * A U-Net for images [N, channels, H, W], H and W multiples of 2^pools: logits [N, classes, H, W].
 *
 * @throws {@link AcsconvError} `input` for options that make no network
 */
export const unet = (options: UnetOptions): Model => build("unet", options);

/** Of {@link pocUnet}. */
export interface PocUnetOptions extends Pick<NetworkOptions, "kernels" | "seed"> {
  /** Classes the network tells apart, background included. */
  readonly classes: number;
  /** How the first enlargement of the decoder fills in. Default `linear`; the paper's feature analysis took `nearest`. */
  readonly interpolation?: Interpolation;
  /** What the network gives: logits [N, classes, H, W] (the default), or the decoder's features [N, 32, H/2, W/2]. */
  readonly output?: "logits" | "features";
}

/**
 * The U-Net of the paper's proof of concept, in 2D, for images [N, 1, H, W], H and W multiples of 4. With 3 classes
 * it has 389,187 parameters, with 6 classes 389,286. Its parameters are named as in the authors' code.
 */
export function pocUnet({ output = "logits", ...options }: PocUnetOptions): Model {
  const shape = { channels: 1, widths: [64, 128], decoderWidths: [[64, 32]] };
  const how = { decoder: "interpolating", skips: "post-pool" } as const;
  return output === "logits"
    ? build("poc-unet", { ...options, ...shape, ...how })
    : build("poc-unet-features", { ...options, ...shape, ...how, outputs: ["dec1.decode.5"] });
}

function build(name: string, options: UnetOptions): Model {
  const net = begin(options);
  const classes = wholeNumber("classes", options.classes);
  const features = unetFeatures(net, options);
  return complete(net, name, [net.conv("final", features, { out: classes, kernel: 1 })], options);
}

/** All but the last layer: [N, C, H, W]. */
function unetFeatures(net: Layers, options: Omit<UnetOptions, "classes">): string {
  const { widths = [64, 128, 256, 512, 1024], interpolation = "linear" } = options;
  const { decoderWidths = widths.slice(0, -1) } = options;
  const isPooled = oneOf("skips", options.skips ?? "pre-pool", ["pre-pool", "post-pool"]) === "post-pool";
  const isTransposed =
    oneOf("decoder", options.decoder ?? "transposed", ["transposed", "interpolating"]) === "transposed";
  if (widths.length < 2 || decoderWidths.length !== widths.length - 1)
    throw inputError(
      `Expected widths of two levels or more and decoderWidths of one fewer, found ${widths.length} and ${decoderWidths.length}.`,
    );
  const enlarged = (name: string, x: string, out: number, how: Interpolation): string =>
    isTransposed ? net.convTranspose(name, x, { out, kernel: 2, stride: 2 }) : net.upsample(name, x, 2, how);

  const skips: string[] = [];
  let x = net.input;
  widths.forEach((level, i) => {
    const name = `enc${i + 1}`;
    const map = block(net, `${name}.encode`, x, level);
    const isLast = i === widths.length - 1;
    x = isLast && !isPooled ? map : net.maxPool(`${name}.pool`, map, { kernel: 2, stride: 2 });
    skips.push(isPooled ? x : map);
  });
  for (let i = decoderWidths.length - 1; i >= 0; i--) {
    const name = `dec${i + 1}`;
    const up = enlarged(`${name}.up`, x, net.channels(skips[i]!), interpolation);
    const wide = net.concat(i === 0 ? "concat" : `${name}.concat`, [skips[i]!, up]);
    x = block(net, `${name}.decode`, wide, decoderWidths[i]!);
  }
  return isPooled ? enlarged("up", x, net.channels(x), "linear") : x;
}

/** Convolutions 3×3, each with BatchNorm and ReLU: modules 0, 1, 2 and so on. */
function block(net: Layers, name: string, x: string, widths: Widths): string {
  return (typeof widths === "number" ? [widths, widths] : widths).reduce((map, out, i) => {
    const module = (offset: number): string => `${name}.${3 * i + offset}`;
    const y = net.conv(module(0), map, { out: wholeNumber("widths", out), kernel: 3, padding: 1 });
    return net.relu(module(2), net.batchNorm(module(1), y));
  }, x);
}
