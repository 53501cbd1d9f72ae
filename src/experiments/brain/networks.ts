/**
 * @file The networks that are compared, all made from one pretrained 2D network. One that ends in a map keeps its
 * decoder and gets a last layer for the tissues; any other gets the decoder of the paper's FCNs on its encoder.
 */

import { evaluateDim, symbolsOf } from "../../graph/dim.ts";
import type { Graph } from "../../graph/graph.ts";
import { elementCount, type Tensor } from "../../graph/tensor.ts";
import { AcsconvError } from "../../base/errors.ts";
import { lift, load, Model } from "../../model/model.ts";
import { initialise } from "../../models/initialise.ts";
import { Layers } from "../../models/layers.ts";
import { isPretrained, pretrained } from "../../models/pretrained.ts";
import { segmentationHead } from "../../models/segmentation-head.ts";
import { defaultTaps } from "../../models/taps.ts";
import { simplify } from "../../passes/simplify.ts";
import { readsOf } from "../../graph/graph-index.ts";
import { replaceHead } from "../../train/head.ts";
import { parametersOf } from "../../train/parameters.ts";
import type { BrainConfig } from "./config.ts";
import { CLASSES } from "./data.ts";
import type { Row } from "./rows.ts";

/** The pretrained 2D network, with its weights as initialisers: some exporters keep them in nodes. */
export async function sourceOf({ network }: Pick<BrainConfig, "network">): Promise<Model> {
  const { graph } = await (isPretrained(network) ? pretrained(network) : load(network));
  return withInitializers(graph);
}

export const withInitializers = (graph: Graph): Model => new Model(simplify(graph));

/** What pixels are tried with: large enough to be halved many times. */
const PROBE = 1024;

/** Whether the network scores places, not only images. */
export function hasDecoder({ inputs: [input], outputs: [output] }: Model): boolean {
  const shape = output?.shape;
  if (shape?.length !== 4) return false;
  const open = input!.shape!.flatMap((dim) => (typeof dim === "number" ? [] : [...symbolsOf(dim)]));
  const sizes = new Map(open.map((name) => [name, PROBE]));
  return shape.slice(2).every((dim) => (evaluateDim(dim, sizes) ?? PROBE) > 1);
}

/** A 2D segmenter of the tissues, with the weights of the pretrained network but for what is new. */
function segmenterOf(source: Model, seed: number): Model {
  const classes = CLASSES.length;
  return hasDecoder(source)
    ? replaceHead(source, classes, { seed })
    : segmentationHead(source, { classes, seed });
}

/** The 3D network that a training of a row starts from. */
export function networkOf({ kind, taken }: Row, seed: number, source: Model): Model {
  const model = lift(segmenterOf(source, seed), { kind, channels: 1 });
  if (taken === "whole") return model;
  if (taken === "nothing") return initialise(model, { seed });
  const encoder = encoderOf(source);
  return initialise(model, { seed, only: (name) => !encoder.has(name) });
}

/**
 * The weights of a network's encoder: those that its coarsest map comes from. Names do not tell, for files call
 * weights what they like.
 *
 * @throws {@link AcsconvError} `input` for a network that is an encoder only
 */
export function encoderOf(source: Model): ReadonlySet<string> {
  if (!hasDecoder(source)) {
    throw new AcsconvError(
      "input",
      "acs-e takes over the encoder of a network that has a decoder, and this one has none: leave acs-e out of --models.",
    );
  }
  const net = Layers.after(source);
  const { nodes, initializers } = net.base;
  const reached = new Set([defaultTaps(net, net.base)[0]!.name]);
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => reached.has(name))) continue;
    for (const name of readsOf(node)) reached.add(name);
  }
  const weights = [...reached].filter((name) => initializers.has(name));
  if (weights.length > 0) return new Set(weights);
  throw new AcsconvError(
    "input",
    "No weights of the network lead to its coarsest map, so acs-e would take over nothing: leave it out of --models.",
  );
}

/** What of a network came from the pretrained one. */
export interface Transferred {
  readonly bytes: number;
  /** Of all parameters, 0 to 1. */
  readonly part: number;
}

/** As the paper's Table 7 counts: of the parameters as they are in 2D. */
export function transferredOf({ taken }: Row, source: Model): Transferred {
  const { graph } = segmenterOf(source, 0);
  const encoder = taken === "encoder" ? encoderOf(source) : undefined;
  const isKept = (name: string, { bytes }: Tensor): boolean => {
    const before = source.graph.initializers.get(name);
    return before !== undefined && Buffer.compare(before.bytes, bytes) === 0 && (encoder?.has(name) ?? true);
  };
  let [all, kept] = [0, 0];
  for (const name of parametersOf(graph, true)) {
    const tensor = graph.initializers.get(name)!;
    const size = 4 * elementCount(tensor.dims);
    all += size;
    if (taken !== "nothing" && isKept(name, tensor)) kept += size;
  }
  return { bytes: kept, part: kept / all };
}
