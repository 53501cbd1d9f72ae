/**
 * @file Lowers the internal operators to plain ONNX that any runtime executes, each by its record's rule.
 *
 * Kernels stay 2D initialisers under their names; views are cut from them by
 * nodes over constants, which runtimes compute once, when they load the model.
 */

import { type Graph, type Node, nodeOf } from "../graph/graph.ts";
import { type GraphIndex, indexOf } from "../graph/graph-index.ts";
import type { GraphBuilder } from "../ops/builder.ts";
import { ruleFor } from "../ops/index.ts";
import { LIFTED_DOMAIN } from "../ops/lifted.ts";
import type { LowerContext } from "../ops/lowering.ts";
import { rewrite } from "./rewrite.ts";

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

/** Names of the activations that a runtime fuses into the convolution before them. */
export type Fused = ReadonlySet<string>;

const NONE: Fused = new Set();

/** @param fuses - activations that move beside the convolutions whose result they alone read */
export function lower(graph: Graph, fuses: Fused = NONE): Lowered {
  const index = indexOf(graph);
  const nodes: LoweredNode[] = [];
  const taken = new Set<Node>();
  const lowered = rewrite(graph, ({ builder }, node) => {
    if (taken.has(node)) return true;
    const rule = ruleFor(node)?.lower;
    if (!rule) return false;
    const first = builder.nodes.length;
    const next = fusedReader(index, node, fuses, (name) => graph.initializers.has(name));
    const was = [node];
    rule(contextOf(builder, node, next, was));
    for (const other of was) taken.add(other);
    nodes.push({ was, became: builder.nodes.slice(first).map(({ outputs }) => outputs[0]!) });
    return true;
  });
  const opsets = new Map([...graph.opsets].filter(([domain]) => domain !== LIFTED_DOMAIN));
  return { graph: { ...lowered, opsets }, nodes };
}

/**
 * The activation that alone reads a convolution's result, if it is one that is fused.
 *
 * @param isThere - whether a value is there before the convolution: limits that are computed may not be yet
 */
export function fusedReader(
  index: GraphIndex,
  { outputs }: Node,
  fuses: Fused,
  isThere: (name: string) => boolean,
): Node | undefined {
  const next = index.soleReader(outputs[0]!);
  const [input, ...limits] = next?.inputs ?? [];
  const isFused = next?.domain === "" && fuses.has(next.op) && input === outputs[0];
  return isFused && limits.every((name) => name === "" || isThere(name)) ? next : undefined;
}

/** @param was - the nodes that are written down, to which an activation is added that is taken along */
function contextOf(builder: GraphBuilder, node: Node, next: Node | undefined, was: Node[]): LowerContext {
  return {
    node,
    add: (op, inputs, attrs) => builder.add(op, inputs, attrs, `${node.outputs[0]!}/${op}`),
    finish(op, inputs, attrs = {}) {
      builder.push({ ...nodeOf(op, inputs, was.at(-1)!.outputs[0]!, attrs), name: node.name });
    },
    takeActivation() {
      if (next) was.push(next);
      return next;
    },
    constant: (tensor) => builder.constant(tensor),
    shape: (name) => builder.known(name).shape,
    dtype: (name) => builder.known(name).dtype,
  };
}

/** Undoes {@link lower}; nodes that somebody changed since stay as they are. */
export function raise(graph: Graph, lowered: readonly LoweredNode[]): Graph {
  const position = new Map(graph.nodes.map((node, i) => [node.outputs[0]!, i]));
  const replaced = new Set<number>();
  const inserted = new Map<number, readonly Node[]>();
  for (const { was, became } of lowered) {
    const at = became.map((name) => position.get(name));
    if (!at.every((i) => i !== undefined)) continue;
    at.forEach((i) => replaced.add(i));
    inserted.set(Math.max(...at), was);
  }
  if (inserted.size === 0) return graph;
  const nodes = graph.nodes.flatMap((node, i) => [
    ...(replaced.has(i) ? [] : [node]),
    ...(inserted.get(i) ?? []),
  ]);
  return { ...graph, nodes, opsets: new Map([...graph.opsets, [LIFTED_DOMAIN, 1]]) };
}
