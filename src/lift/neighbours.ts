/** @file What stands around a node in the 2D graph: whose size a number in it is, and where to cut before it. */

import type { Dim } from "../graph/dim.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { dependentsOf, type GraphIndex, indexOf } from "../graph/graph-index.ts";
import { traitsOf } from "../ops/index.ts";
import { hasHeight } from "../ops/roles.ts";
import type { Lifted } from "../ops/rule.ts";

/** How far to look for an operator that combines a value with another one. */
const LARGEST_DISTANCE = 16;

/** Other operands of the first operator that combines this value with another image. */
function siblingsOf(name: string, index: GraphIndex, values: ReadonlyMap<string, Lifted>): Lifted[] {
  let current = name;
  for (let hops = 0; hops < LARGEST_DISTANCE; hops++) {
    const [reader] = index.readers(current);
    if (!reader) return [];
    const images = reader.inputs.flatMap((other) => {
      const value = other === current ? undefined : values.get(other);
      return value && !value.constant && hasHeight(value.axes) ? [value] : [];
    });
    if (images.length > 0) return images;
    current = reader.outputs[0]!;
  }
  return [];
}

/**
 * What a baked-in size stands for: (i) the size of what the node's result is combined with next, (ii) the input's,
 * (iii) that of any tensor so far.
 *
 * @param values - all so far, the input first
 * @param isSize - whether a size is that number in the exported network
 */
export function sizeBehind(
  graph: Graph,
  node: Node,
  role: "H" | "W",
  values: ReadonlyMap<string, Lifted>,
  isSize: (dim: Dim) => boolean,
): { size: Dim; depth?: Dim } | undefined {
  const candidates = [...siblingsOf(node.outputs[0]!, indexOf(graph), values), ...values.values()];
  for (const { constant, axes } of candidates) {
    if (constant) continue;
    const found = axes.find((axis) => axis.length === 1 && axis[0]!.role === role && isSize(axis[0]!.size));
    if (found) return found[0];
  }
  return undefined;
}

/** The graph's outputs that do not need `node`, and the map that it would have read through `input`. */
export function outputsCutAt(graph: Graph, node: Node, input: string): string[] {
  const index = indexOf(graph);
  let map = input;
  for (;;) {
    // Operators between a map and a head that only arrange its elements anew.
    const producer = index.producer(map);
    const { alias, trainingOnly } = traitsOf(producer);
    if (!producer || !(alias || trainingOnly)) break;
    map = producer.inputs[0]!;
  }
  const downstream = dependentsOf(graph, node.outputs);
  return [...graph.outputs.map(({ name }) => name).filter((name) => !downstream.has(name)), map];
}
