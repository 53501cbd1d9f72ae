/**
 * @file Lowers the internal operators to plain ONNX that any runtime executes.
 *
 * Kernels stay 2D initialisers under their names; views are cut from them by
 * nodes over constants, which runtimes compute once, when they load the model.
 *
 * 1. LiftedConv, 1×1: one Conv.
 * 2. LiftedConv, acs: one Conv per view, joined by Concat. An activation that
 *    alone reads the result moves into the views, where runtimes fuse it.
 * 3. LiftedConv, 2.5d: one Conv.
 * 4. LiftedConv, i3d, mean-acs, soft-acs: one Conv with the summed K³ kernel
 *    (mean and soft with unequal kernel sides: one Conv per view, added).
 * 5. LiftedConvTranspose: one ConvTranspose per view, joined or added likewise;
 *    along the omitted axis its kernel is a box of one stride.
 */

import type { Graph, Node } from "../graph/graph.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { LIFTED_DOMAIN } from "../ops/lifted.ts";
import { lowerConv, lowerConvTranspose } from "./lower-views.ts";
import { readersOf } from "./tidy.ts";

/** How one lifted operator was written down, so that reading the file can undo it. */
export interface LoweredNode {
  /** The operator (and the activation it took along) as it was. */
  readonly was: readonly Node[];
  /** First outputs of the nodes it became. */
  readonly became: readonly string[];
}

export interface Lowered {
  readonly graph: Graph;
  readonly nodes: readonly LoweredNode[];
}

/** Activations that ONNX Runtime fuses into the convolution before them. */
export const FUSABLE = new Set(["Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "Clip"]);

export function lower(graph: Graph): Lowered {
  const readers = readersOf(graph);
  const reader = new Map(graph.nodes.flatMap((node) => node.inputs.map((name) => [name, node] as const)));
  const builder = GraphBuilder.over(graph);
  const lowered: LoweredNode[] = [];
  const absorbed = new Set<Node>();
  for (const node of graph.nodes) {
    if (absorbed.has(node)) continue;
    if (node.domain !== LIFTED_DOMAIN) {
      builder.push(node);
      continue;
    }
    const next = readers.get(node.outputs[0]!) === 1 ? reader.get(node.outputs[0]!) : undefined;
    const fusable =
      next?.domain === "" &&
      FUSABLE.has(next.op) &&
      next.inputs[0] === node.outputs[0] &&
      // Limits that are computed may not be there yet.
      next.inputs.slice(1).every((name) => name === "" || graph.initializers.has(name));
    const activation = fusable && node.op === "LiftedConv" ? next : undefined;
    const first = builder.nodes.length;
    const took =
      node.op === "LiftedConv"
        ? lowerConv(builder, node, activation)
        : (lowerConvTranspose(builder, node), false);
    if (took && activation) absorbed.add(activation);
    lowered.push({
      was: took && activation ? [node, activation] : [node],
      became: builder.nodes.slice(first).map(({ outputs }) => outputs[0]!),
    });
  }
  const opsets = new Map([...graph.opsets].filter(([domain]) => domain !== LIFTED_DOMAIN));
  return { graph: builder.build(graph, graph.outputs, opsets), nodes: lowered };
}

/** Undoes {@link lower}; nodes that somebody changed since stay as they are. */
export function raise(graph: Graph, lowered: readonly LoweredNode[]): Graph {
  const position = new Map(graph.nodes.map((node, i) => [node.outputs[0]!, i]));
  const replaced = new Set<number>();
  const inserted = new Map<number, readonly Node[]>();
  let any = false;
  for (const { was, became } of lowered) {
    const at = became.map((name) => position.get(name));
    if (!at.every((i) => i !== undefined)) continue;
    at.forEach((i) => replaced.add(i));
    inserted.set(Math.max(...at), was);
    any = true;
  }
  if (!any) return graph;
  const nodes = graph.nodes.flatMap((node, i) => [
    ...(replaced.has(i) ? [] : [node]),
    ...(inserted.get(i) ?? []),
  ]);
  return { ...graph, nodes, opsets: new Map([...graph.opsets, [LIFTED_DOMAIN, 1]]) };
}
