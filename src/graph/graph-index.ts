/**
 * @file Who writes and who reads each value of a graph. Graphs are never changed in place, so an index is made once
 * for each and kept as long as the graph is.
 */

import type { Graph, Node } from "./graph.ts";

/** Who writes and reads the values of one graph. */
export interface GraphIndex {
  /** The node that computes the value; undefined for inputs and initialisers. */
  producer(name: string): Node | undefined;
  /** Nodes that read the value, captures of their subgraphs included, in the order of the graph; each once. */
  readers(name: string): readonly Node[];
  /** How often the value is read: by each input of each node, and by the graph's outputs. */
  readCount(name: string): number;
  /** The node that alone reads the value; undefined where others, or the graph's outputs, read it too. */
  soleReader(name: string): Node | undefined;
  /** Whether the value is one of the graph's outputs. */
  isOutput(name: string): boolean;
}

const indices = new WeakMap<Graph, GraphIndex>();

/** The index of a graph. */
export function indexOf(graph: Graph): GraphIndex {
  const known = indices.get(graph);
  if (known) return known;
  const made = makeIndex(graph);
  indices.set(graph, made);
  return made;
}

function makeIndex(graph: Graph): GraphIndex {
  const producers = new Map<string, Node>();
  const readers = new Map<string, Node[]>();
  const counts = new Map<string, number>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const node of graph.nodes) {
    for (const name of node.outputs) if (name !== "") producers.set(name, node);
    for (const name of readsOf(node)) {
      count(name);
      const own = readers.get(name);
      if (!own) readers.set(name, [node]);
      else if (own.at(-1) !== node) own.push(node);
    }
  }
  for (const { name } of graph.outputs) count(name);
  const readCount = (name: string): number => counts.get(name) ?? 0;
  return {
    producer: (name) => producers.get(name),
    readers: (name) => readers.get(name) ?? [],
    readCount,
    soleReader: (name) => (readCount(name) === 1 ? readers.get(name)?.[0] : undefined),
    isOutput: (name) => outputs.has(name),
  };
}

/** These values, and every one that is computed from one of them. */
export function dependentsOf(graph: Graph, names: readonly string[]): ReadonlySet<string> {
  const found = new Set(names);
  for (const node of graph.nodes) {
    if (readsOf(node).some((read) => found.has(read))) for (const output of node.outputs) found.add(output);
  }
  return found;
}

/** The nodes that these values come from, in the order of the graph, and the names of all values on the way. */
export function sourcesOf(graph: Graph, names: readonly string[]): { nodes: Node[]; names: Set<string> } {
  const found = new Set(names);
  const nodes = graph.nodes.toReversed().filter((node) => {
    const isSource = node.outputs.some((name) => found.has(name));
    if (isSource) for (const name of readsOf(node)) found.add(name);
    return isSource;
  });
  return { nodes: nodes.reverse(), names: found };
}

/** Names a node reads, those its subgraphs capture included. */
export function readsOf(node: Node): string[] {
  const names = node.inputs.filter((name) => name !== "");
  for (const attr of Object.values(node.attrs)) {
    if (attr.kind === "graph") names.push(...capturesOf(attr.value));
  }
  return names;
}

function capturesOf(graph: Graph): string[] {
  const own = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) for (const name of node.outputs) own.add(name);
  const read = [...graph.nodes.flatMap(readsOf), ...graph.outputs.map(({ name }) => name)];
  return read.filter((name) => !own.has(name));
}
