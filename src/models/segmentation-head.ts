/**
 * @file A decoder for any encoder: the paper's, which fuses maps from coarse to fine.
 *
 *   coarsest ─ resize ─ concat ─ fuse 1×1 ─ resize ─ concat ─ fuse 1×1 ─ 3×3, BatchNorm, ReLU ─ 1×1 ─ (resize) ─ logits
 *                finer ──┘                   finest ──┘
 *
 * Fusions have neither bias nor normalisation nor activation, as the authors' have not. Parameters:
 * `head.fuse1`, `head.fuse2` … (coarse to fine), `head.conv`, `head.norm`, `head.classifier`; those of the encoder keep
 * their names.
 *
 * @see Yang et al., arXiv:1911.10477, section 4.2
 */

import type { Model } from "../model/model.ts";
import { initialise, type InitialiseOptions } from "./initialise.ts";
import { type Interpolation, Layers } from "./layers.ts";
import { wholeNumber } from "./options.ts";
import { defaultTaps, namedTaps } from "./taps.ts";
import { inputError } from "../base/errors.ts";

/** Of {@link segmentationHead}. */
export interface SegmentationHeadOptions extends Pick<InitialiseOptions, "kernels" | "seed"> {
  /** Classes the network tells apart, background included. */
  readonly classes: number;
  /**
   * Maps that the head reads, each named as a value or as the node whose output it is, in any order. Default: the last
   * one of each resolution.
   */
  readonly taps?: readonly string[];
  /** Channels after each fusion, coarse to fine: one fewer than taps. Default: those of the finer map. */
  readonly widths?: readonly number[];
  /** Channels before the logits. Default: a quarter of those after the last fusion. */
  readonly hidden?: number;
  /** How maps are enlarged between fusions. Default `linear`; the paper's experiments took `nearest`. */
  readonly interpolation?: Interpolation;
}

/**
 * A segmentation network from the encoder of another one, built here or loaded from ONNX: logits [N, classes, H, W] as
 * large as the image. The encoder keeps its weights; its own head is left out.
 *
 * @throws {@link AcsconvError} `input` for taps that are no maps, or for a network that is 3D already
 *
 * @example
 * const model3d = lift(segmentationHead(await load("densenet121.onnx"), { classes: 4 }));
 */
export function segmentationHead(backbone: Model, options: SegmentationHeadOptions): Model {
  const { taps: names, interpolation = "linear" } = options;
  const classes = wholeNumber("classes", options.classes);
  const net = Layers.after(backbone);
  const taps = (names ? namedTaps(net, net.base, names) : defaultTaps(net, net.base)).map(({ name }) => name);
  const [coarsest, ...finer] = taps;
  if (coarsest === undefined) throw inputError("taps must name one map at least.");
  const { widths = finer.map((map) => net.channels(map)) } = options;
  if (widths.length !== finer.length)
    throw inputError(
      `widths must be ${finer.length} for ${taps.length} taps, one per fusion, got [${widths.join(", ")}].`,
    );
  const features = finer.reduce((x, map, i) => {
    const up = net.resizeLike(`head.up${i + 1}`, x, map, interpolation);
    const wide = net.concat(`head.concat${i + 1}`, [map, up]);
    const out = wholeNumber("widths", widths[i]!);
    return net.conv(`head.fuse${i + 1}`, wide, { out, kernel: 1, bias: false });
  }, coarsest);

  const quarter = Math.max(1, Math.floor(net.channels(features) / 4));
  const hidden = wholeNumber("hidden", options.hidden ?? quarter);
  const map = net.conv("head.conv", features, { out: hidden, kernel: 3, padding: 1, bias: false });
  const active = net.relu("head.relu", net.batchNorm("head.norm", map));
  const isFull = net.hasSizeOf(active, net.input);
  const last = { out: classes, kernel: 1 };
  const logits = net.conv("head.classifier", active, last, isFull ? "head.logits" : "head.classifier");
  // Logits are enlarged linearly, whatever `interpolation` says of maps.
  if (!isFull) net.resizeLike("head.logits", logits, net.input, "linear");
  return withFreshHead(net.finish(backbone.graph.name, ["head.logits"]), options);
}

/**
 * The maps that {@link segmentationHead} reads of a network unless it is told others, by name: the last one of each
 * resolution, the coarsest first.
 *
 * @throws {@link AcsconvError} `input` if there is none
 */
export function tapsOf(model: Model): string[] {
  const net = Layers.after(model);
  return defaultTaps(net, net.base).map(({ name }) => name);
}

/** Of a network whose new layers are called `head.…`. */
export const withFreshHead = (model: Model, options: Pick<InitialiseOptions, "kernels" | "seed">): Model =>
  initialise(model, { ...options, only: (name) => name.startsWith("head.") });
