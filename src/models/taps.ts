/**
 * @file Maps inside a network that another head can read: values [N, C, h, w] whose sizes follow from the image's.
 */

import { inputError } from "../base/errors.ts";
import { evaluateDim, sameDim, symbolsOf } from "../graph/dim.ts";
import type { Graph } from "../graph/graph.ts";
import { guessLayout } from "../lift/options.ts";
import { unknownName } from "../base/names.ts";
import { dependentsOf } from "../graph/graph-index.ts";
import type { Layers } from "./layers.ts";

/** A map that is read. */
export interface Tap {
  /** Of the value. */
  readonly name: string;
  /** How many it has, for an image of one size: what maps are ordered by. */
  readonly pixels: number;
}

/** What sizes that are open are tried with: large enough to be halved many times. */
const PROBE = 1024;
/** How much the proportions of a map may differ from the image's, as a factor: layers without padding cut edges off. */
const DISTORTION = 1.25;

/** The maps that names stand for, the coarsest first. A name is that of a value, or of a node for its first output. */
export function namedTaps(net: Layers, graph: Graph, names: readonly string[]): readonly Tap[] {
  const values = graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== "");
  const pixelsOf = mapSizes(net, graph);
  const taps = names.map((name): Tap => {
    const value = values.includes(name) ? name : graph.nodes.find((node) => node.name === name)?.outputs[0];
    if (value === undefined) throw unknownName("value or node to tap", name, values);
    const pixels = pixelsOf(value);
    if (pixels !== undefined) return { name: value, pixels };
    const { dtype, shape } = net.known(value);
    const found = `${dtype ?? "a value"} ${shape ? `[${shape.join(", ")}]` : "of unknown sizes"}`;
    throw inputError(
      `Cannot tap "${name}": expected a float32 map [N, C, H, W] of the image, found ${found}; name a value between two convolutions.`,
    );
  });
  return taps.sort((a, b) => a.pixels - b.pixels);
}

/** The last map of each resolution, the coarsest first: what an encoder hands on. */
export function defaultTaps(net: Layers, graph: Graph): readonly Tap[] {
  const pixelsOf = mapSizes(net, graph);
  const last = new Map<number, Tap>();
  for (const { outputs } of graph.nodes) {
    const name = outputs[0]!;
    const pixels = pixelsOf(name);
    if (pixels !== undefined) last.set(pixels, { name, pixels });
  }
  if (last.size === 0)
    throw inputError(
      "Found no map [N, C, H, W] to tap whose sizes follow from the image's; name taps, or export the network with the sizes of its input.",
    );
  return [...last.values()].sort((a, b) => a.pixels - b.pixels);
}

/** How many pixels a value has if it is a map of the image, which is the only input. */
function mapSizes(net: Layers, graph: Graph): (name: string) => number | undefined {
  const [input] = graph.inputs;
  const image = input!.shape!;
  if (image.length !== 4 || guessLayout(image) !== "NCHW")
    throw inputError(
      `Expected a 2D network with an image [N, C, H, W], found "${input!.name}" [${image.join(", ")}]; give the network its head before it is lifted, with channels before pixels.`,
    );
  const open = image.slice(2).flatMap((dim) => (typeof dim === "number" ? [] : [...symbolsOf(dim)]));
  const sizes = new Map(open.map((name) => [name, PROBE]));
  const sidesOf = (name: string): readonly number[] =>
    net
      .known(name)
      .shape!.slice(2)
      .map((dim) => evaluateDim(dim, sizes) ?? NaN);
  const [height, width] = sidesOf(input!.name) as [number, number];
  // Kernels that a network computes look like maps, too.
  const ofImage = dependentsOf(graph, [input!.name]);
  return (name) => {
    const { dtype, shape } = net.known(name);
    if (dtype !== "float32" || shape?.length !== 4 || !ofImage.has(name)) return undefined;
    // Channels at the end ([N, H, W, C]) are a size that the image does not have, or that is open.
    if (typeof shape[1] !== "number" || !sameDim(shape[0]!, image[0]!)) return undefined;
    const [h, w] = sidesOf(name) as [number, number];
    const distortion = (height * w) / (width * h);
    const isMap = height === width ? h === w : distortion < DISTORTION && distortion > 1 / DISTORTION;
    return isMap && h * w > 1 && h <= height && w <= width ? h * w : undefined;
  };
}
