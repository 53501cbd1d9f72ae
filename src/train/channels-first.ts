/** @file Networks of images with channels last, which are trained with channels first, as examples have them. */

import { trainError } from "../base/errors.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";
import { readNetwork } from "../model/scores.ts";
import { transposed } from "../ops/reshape.ts";

/**
 * A network that takes [N, C, ...], whatever axis counts its channels.
 *
 * @returns the network, and the way back to the given input
 */
export function channelsFirst(graph: Graph): { readonly network: Graph; back(trained: Graph): Graph } {
  const same = { network: graph, back: (trained: Graph): Graph => trained };
  const [image, ...others] = graph.inputs;
  if (!image?.shape || image.shape.length < 3 || others.length > 0) return same;
  if (image.dtype && !image.dtype.startsWith("float"))
    throw trainError(
      `Cannot train a network of ${image.dtype} images: examples are normalised to float32; export it without the Cast of its input "${image.name}".`,
    );
  const { channelAxis } = readNetwork(graph);
  if (channelAxis === undefined)
    throw trainError(
      `Which axis of "${image.name}" [${image.shape.join(", ")}] counts the channels cannot be told: export it with open sizes.`,
    );
  if (channelAxis === 1) return same;
  const { shape } = image;
  const spatial = [...shape.keys()].slice(1).filter((axis) => axis !== channelAxis);
  const name = `${image.name}/channels first`;
  const input: ValueInfo = {
    name,
    ...(image.dtype && { dtype: image.dtype }),
    shape: [0, channelAxis, ...spatial].map((axis) => shape[axis]!),
  };
  const perm = [0, ...spatial.map((_, i) => i + 2)].toSpliced(channelAxis, 0, 1);
  const turn = transposed(name, image.name, perm);
  return {
    network: { ...graph, inputs: [input], nodes: [turn, ...graph.nodes] },
    back: (trained) => ({
      ...trained,
      inputs: graph.inputs,
      nodes: trained.nodes.filter(({ outputs }) => outputs[0] !== image.name),
    }),
  };
}
