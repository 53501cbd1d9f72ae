/**
 * @file The networks that are compared, all made from one pretrained 2D network. One that ends in a map keeps its
 * decoder and gets a last layer for the tissues; any other gets the decoder of the paper's FCNs on its encoder.
 */

import { fileURLToPath } from "node:url";
import { AcsconvError, lift, load, Model } from "acsconv";
import { evaluateDim, symbolsOf, type Graph, elementCount, type Tensor } from "acsconv/graph";
import { initialise, segmentationHead, tapsOf } from "acsconv/models";
import { replaceHead, parametersOf } from "acsconv/train";
import { type BrainConfig, DEFAULTS } from "./config.ts";
import { ASSETS, CLASSES } from "./data.ts";
import type { Row } from "./rows.ts";

/** Where the network's file is: one of the user's, or the one that comes with the package. */
export const networkFile = (network: string): string =>
  network === DEFAULTS.network ? fileURLToPath(new URL(`${network}.onnx`, ASSETS)) : network;

/** The pretrained 2D network. */
export const sourceOf = async ({ network }: Pick<BrainConfig, "network">): Promise<Model> =>
  withInitializers((await load(networkFile(network))).graph);

/** The network with its weights as initialisers: some exporters keep them in nodes. */
export function withInitializers(graph: Graph): Model {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter(({ op, inputs, outputs, attrs: { value } }) => {
    const ofNode = op === "Constant" && value?.kind === "tensor" ? value.value : undefined;
    const tensor = op === "Identity" ? initializers.get(inputs[0]!) : ofNode;
    if (tensor) initializers.set(outputs[0]!, tensor);
    return !tensor;
  });
  return new Model({ ...graph, nodes, initializers });
}

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
  const [coarsest] = tapsOf(source);
  const encoder = segmentationHead(source, { classes: 1, taps: [coarsest!] });
  const weights = [...encoder.graph.initializers.keys()].filter((name) =>
    source.graph.initializers.has(name),
  );
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
