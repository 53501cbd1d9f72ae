/**
 * @file Gives every slot a vector of its own, under the name that {@link slotsOf} says: what exporters store once,
 * in Constant nodes or behind Identity nodes becomes an initialiser for each layer.
 */

import type { Graph } from "../graph/graph.ts";
import { slotsOf } from "../ops/parameters.ts";

export function separateVectors(graph: Graph): Graph {
  const found = slotsOf(graph);
  const initializers = new Map(graph.initializers);
  for (const slots of found.values()) for (const { name, tensor } of slots) initializers.set(name, tensor);
  if (initializers.size === graph.initializers.size) return graph;
  const nodes = graph.nodes.flatMap((node) => {
    if (initializers.has(node.outputs[0]!)) return [];
    const direct = (found.get(node) ?? []).filter((slot) => slot.direct);
    if (direct.length === 0) return [node];
    const names = new Map(direct.map(({ input, name }) => [input, name]));
    return [{ ...node, inputs: node.inputs.map((name, i) => names.get(i) ?? name) }];
  });
  return { ...graph, nodes, initializers };
}
