/** @file What stands around a node in the 2D graph: which images its result meets, and where to cut before it. */

import type { Graph, Node } from "../graph/graph.ts";
import { hasHeight } from "../ops/roles.ts";
import type { Lifted } from "../ops/rule.ts";

/** How far to look for an operator that combines a value with another one. */
const LARGEST_DISTANCE = 16;

/**
 * Other operands of the first operator that combines this value with another image.
 *
 * @param readers - the first node that reads each value
 */
export function siblingsOf(
  name: string,
  readers: ReadonlyMap<string, Node>,
  values: ReadonlyMap<string, Lifted>,
): Lifted[] {
  let current = name;
  for (let hops = 0; hops < LARGEST_DISTANCE; hops++) {
    const reader = readers.get(current);
    if (!reader) return [];
    const others = reader.inputs.filter((other) => other !== current && other !== "");
    const images = others.flatMap((other) => {
      const value = values.get(other);
      return value && !value.constant && hasHeight(value.axes) ? [value] : [];
    });
    if (images.length > 0) return images;
    current = reader.outputs[0]!;
  }
  return [];
}

/** Operators between a map and a head that say nothing of their own. */
const PASSING = new Set(["Flatten", "Reshape", "Dropout", "Identity", "Squeeze"]);

/** The graph's outputs that do not need `node`, and the map that it would have read through `input`. */
export function outputsCutAt(graph: Graph, node: Node, input: string): string[] {
  let map = input;
  for (;;) {
    const producer = graph.nodes.find(({ outputs }) => outputs.includes(map));
    if (!producer || !PASSING.has(producer.op)) break;
    map = producer.inputs[0]!;
  }
  const downstream = new Set(node.outputs);
  for (const other of graph.nodes) {
    if (other.inputs.some((name) => downstream.has(name)))
      other.outputs.forEach((name) => downstream.add(name));
  }
  return [...graph.outputs.map(({ name }) => name).filter((name) => !downstream.has(name)), map];
}
