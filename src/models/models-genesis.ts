/**
 * @file Models Genesis: the 3D U-Net that was pretrained by restoring distorted chest CT.
 *
 *   volume ─ down_tr64 ──────────────── skip ────────────── concat ─ up_tr64 ─ out_tr
 *               └ pool ─ down_tr128 ─── skip ─── concat ─ up_tr128 ─┘
 *                           └ pool ─ down_tr256 ─ skip … up_tr256 ─┘
 *                                       └ pool ─ down_tr512 ─┘
 *
 * Its BatchNorm takes the statistics of the batch at hand, in use as in training: what it makes of a volume depends on
 * the others in the batch, and of a window on what else is in the window. The running statistics that files hold are not used.
 *
 * @see Zhou et al., arXiv:1908.06912; https://github.com/MrGiovanni/ModelsGenesis
 */

import type { Model } from "../model/model.ts";
import type { Layers } from "./layers.ts";
import { beginVolume, complete, type NetworkOptions, oneOf, wholeNumber } from "./options.ts";

/** Of {@link modelsGenesis}. */
export interface ModelsGenesisOptions extends NetworkOptions {
  /** Channels of the volume. Default 1. */
  readonly channels?: number;
  /** What the network gives: classes of voxels (default 1), or of the volume (default 2). */
  readonly classes?: number;
  /** The whole U-Net (the default), or a classifier on its encoder. */
  readonly head?: "segmentation" | "classification";
}

/** Channels of the levels, the finest first. */
const WIDTHS = [64, 128, 256, 512];

/**
 * Models Genesis, 19,073,665 parameters. Volumes [N, 1, D, H, W], Hounsfield units from −1000 to 1000 brought to 0 to 1,
 * D, H and W multiples of 8; a probability for each class and voxel, [N, 1, D, H, W], with the logits in
 * `out_tr.final_conv`. The classifier gives scores [N, 2]; the published file fills what `transferred("encoder")`
 * names of it.
 */
export function modelsGenesis(options: ModelsGenesisOptions = {}): Model {
  const { channels = 1, head = "segmentation" } = options;
  const net = beginVolume(channels);
  oneOf("head", head, ["segmentation", "classification"]);
  const classes = wholeNumber("classes", options.classes ?? (head === "segmentation" ? 1 : 2));
  const levels = encoder(net);
  const output =
    head === "segmentation" ? decoder(net, levels, classes) : classifier(net, levels.at(-1)!, classes);
  return complete(net, "models_genesis", [output], options);
}

/** The maps of all levels, before their pools. */
function encoder(net: Layers): readonly string[] {
  let x = net.input;
  return WIDTHS.map((width, i) => {
    const name = `down_tr${width}`;
    const map = block(net, name, x, [width / 2, width]);
    if (i < WIDTHS.length - 1) x = net.maxPool(`${name}.maxpool`, map, { kernel: 2, stride: 2 });
    return map;
  });
}

function decoder(net: Layers, levels: readonly string[], classes: number): string {
  let x = levels.at(-1)!;
  for (let i = WIDTHS.length - 2; i >= 0; i--) {
    const name = `up_tr${WIDTHS[i]}`;
    const up = net.convTranspose(`${name}.up_conv`, x, { out: net.channels(x), kernel: 2, stride: 2 });
    x = block(net, name, net.concat(`${name}.concat`, [up, levels[i]!]), [WIDTHS[i]!, WIDTHS[i]!]);
  }
  const logits = net.conv("out_tr.final_conv", x, { out: classes, kernel: 1 });
  return net.sigmoid("out_tr", logits);
}

/** Channels of the classifier's hidden layer. */
const HIDDEN = 1024;

function classifier(net: Layers, features: string, classes: number): string {
  const hidden = net.linear("dense_1", net.channelMeans(features), HIDDEN);
  return net.linear("dense_2", net.relu("relu", hidden), classes);
}

/** Two convolutions, each with BatchNorm and ReLU. */
function block(net: Layers, name: string, x: string, widths: readonly number[]): string {
  return widths.reduce((map, out, i) => {
    const at = `${name}.ops.${i}`;
    const conv = net.conv(`${at}.conv1`, map, { out, kernel: 3, padding: 1 });
    return net.relu(i === widths.length - 1 ? name : at, net.currentBatchNorm(`${at}.bn1`, conv));
  }, x);
}
