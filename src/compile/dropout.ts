/**
 * @file Dropout in training: x/(1 − p) where a mask holds, 0 elsewhere. Masks are
 * inputs, drawn outside from a seed, so that a run that is resumed repeats to the
 * bit. Outside training, and where it is switched off, Dropout is the identity.
 *
 * @see Srivastava et al., Dropout, JMLR 15, 2014
 */

import type { Graph, Node } from "../graph/graph.ts";
import { numbersOf } from "../graph/tensor.ts";
import { identityNode } from "../ops/constant-ops.ts";
import { traitsOf } from "../ops/index.ts";
import { rewrite } from "../passes/rewrite.ts";

/** A random mask that is fed with every batch: true with probability 1 − ratio. */
export interface Mask {
  readonly name: string;
  readonly dims: readonly number[];
  /** p: the part that is dropped. */
  readonly ratio: number;
}

const isDropout = (node: Node): boolean => traitsOf(node).trainingOnly === true;

/** The graph with the identity in the place of its Dropout nodes. */
export const withoutDropout = (graph: Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) =>
    isDropout(node) ? identityNode(node.inputs[0]!, node.outputs[0]!, node.name) : node,
  ),
});

/**
 * The graph with Dropout as it is in training, and the masks that it reads.
 *
 * @param graph - with sizes that are all numbers
 */
export function withDropout(graph: Graph): { readonly graph: Graph; readonly masks: readonly Mask[] } {
  if (!graph.nodes.some(isDropout)) return { graph, masks: [] };
  const masks: Mask[] = [];
  const active = rewrite(graph, (g, node) => {
    if (!isDropout(node)) return false;
    const [x, y] = [node.inputs[0]!, node.outputs[0]!];
    const given = graph.initializers.get(node.inputs[1] ?? "");
    const mask = { name: `${y}/mask`, dims: g.shape(x), ratio: given ? numbersOf(given)[0]! : 0.5 };
    masks.push(mask);
    g.builder.input({ name: mask.name, dtype: "bool", shape: mask.dims });
    g.into(y, node.name).where(mask.name, g.mul(x, mask.ratio < 1 ? 1 / (1 - mask.ratio) : 0), 0);
    return true;
  });
  return { graph: active, masks };
}
