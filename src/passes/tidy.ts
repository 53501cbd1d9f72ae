/**
 * @file Removes what a graph computes for nobody.
 *
 * 1. `dropUnused`: nodes and initialisers that no output depends on.
 * 2. `dropIdentities`: Identity nodes; their users read the input instead. Of an
 *    initialiser they make another one: PyTorch's exporter stores equal weights
 *    once, and what was equal before training is not after it. A graph output
 *    keeps its name.
 */

import type { Attr, Graph, Node } from "../graph/graph.ts";
import { traitsOf } from "../ops/index.ts";
import { sourcesOf } from "../graph/graph-index.ts";

export function dropUnused(graph: Graph): Graph {
  const outputs = graph.outputs.map(({ name }) => name);
  const { nodes, names } = sourcesOf(graph, outputs);
  const needed = <T>(values: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...values].filter(([name]) => names.has(name)));
  return { ...graph, nodes, initializers: needed(graph.initializers), valueInfos: needed(graph.valueInfos) };
}

export function dropIdentities(graph: Graph): Graph {
  const alias = new Map<string, string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const resolve = (name: string): string => alias.get(name) ?? name;
  const nodes: Node[] = [];
  const initializers = new Map(graph.initializers);
  for (const node of graph.nodes) {
    const [input, output] = [node.inputs[0], node.outputs[0]];
    if (traitsOf(node).alias === "same" && input && output && !outputs.has(output)) {
      const tensor = initializers.get(resolve(input));
      if (tensor) initializers.set(output, tensor);
      else alias.set(output, resolve(input));
    } else {
      nodes.push(renameReads(node, resolve));
    }
  }
  return nodes.length === graph.nodes.length ? graph : { ...graph, nodes, initializers };
}

/** The node with other inputs, in subgraphs too. */
export function renameReads(node: Node, rename: (name: string) => string): Node {
  const inputs = node.inputs.map((name) => (name === "" ? "" : rename(name)));
  const attrs = Object.fromEntries(
    Object.entries(node.attrs).map(([key, attr]): [string, Attr] => {
      if (attr.kind !== "graph") return [key, attr];
      const own = new Set(attr.value.nodes.flatMap((inner) => inner.outputs));
      const outer = (name: string): string => (own.has(name) ? name : rename(name));
      const nodes = attr.value.nodes.map((inner) => renameReads(inner, outer));
      const outputs = attr.value.outputs.map((info) => ({ ...info, name: outer(info.name) }));
      return [key, { kind: "graph", value: { ...attr.value, nodes, outputs } }];
    }),
  );
  return { ...node, inputs, attrs };
}
