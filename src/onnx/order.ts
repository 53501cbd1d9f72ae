/**
 * @file ONNX's rules about names, and the order that {@link Graph.nodes}
 * promises: every value has one producer, every read value has one, and nothing
 * depends on itself. Files whose nodes are merely out of order are sorted.
 *
 * @see https://onnx.ai/onnx/repo-docs/IR.html#graphs
 */

import { graphError } from "../base/errors.ts";
import { nodeLabel, type Attrs, type Graph, type Node } from "../graph/graph.ts";
import { carriedNames } from "./carried.ts";

/** Whether an enclosing graph has a value of that name. */
type Scope = (name: string) => boolean;

/**
 * The graph with its nodes, and those of its subgraphs, in an order in which
 * every value is computed before it is used; unchanged if they are.
 *
 * @throws {@link AcsconvError} `graph` if a name has two producers or none, or if nodes form a cycle
 */
export function inOrder(graph: Graph, outer: Scope = () => false): Graph {
  const producers = producersOf(graph);
  const scope: Scope = (name) => producers.has(name) || outer(name);
  const nodes = graph.nodes.map((node) => ({ node, reads: readsOf(node) }));
  for (const { node, reads } of nodes) {
    const missing = reads.find((name) => !scope(name));
    if (missing === undefined) continue;
    throw graphError(
      `${nodeLabel(node)} reads "${missing}", but no input, initialiser or node of the model produces it.`,
    );
  }
  const unknown = graph.outputs.find(({ name }) => !scope(name));
  if (unknown)
    throw graphError(
      `The output "${unknown.name}" is produced by no input, initialiser or node of the model.`,
    );
  return {
    ...graph,
    nodes: sorted(nodes, producers).map((node) => withSubgraphs(node, (inner) => inOrder(inner, scope))),
  };
}

/** The node with each subgraph replaced; the very node if it has none. */
export function withSubgraphs(node: Node, replace: (graph: Graph) => Graph): Node {
  if (!Object.values(node.attrs).some(({ kind }) => kind === "graph")) return node;
  const attrs: Attrs = Object.fromEntries(
    Object.entries(node.attrs).map(([name, attr]) => [
      name,
      attr.kind === "graph" ? { kind: "graph", value: replace(attr.value) } : attr,
    ]),
  );
  return { ...node, attrs };
}

/** Which node makes a value; -1 for what is there before any node runs. */
function producersOf(graph: Graph): Map<string, number> {
  const producers = new Map<string, number>();
  const claim = (name: string, by: number, what: string): void => {
    if (producers.has(name))
      throw graphError(`Every value needs one producer, but "${name}" has two; the second is ${what}.`);
    producers.set(name, by);
  };
  for (const { name } of graph.inputs) claim(name, -1, "an input");
  for (const name of graph.initializers.keys()) claim(name, -1, "an initialiser");
  for (const name of carriedNames(graph)) claim(name, -1, "a sparse initialiser");
  graph.nodes.forEach((node, i) => {
    for (const name of node.outputs) if (name !== "") claim(name, i, nodeLabel(node));
  });
  return producers;
}

/** Values a node needs, among them those that its subgraphs take from outside. */
function readsOf(node: Node): string[] {
  const captured = Object.values(node.attrs).flatMap((attr) =>
    attr.kind === "graph" ? [...capturedBy(attr.value)] : [],
  );
  return [...node.inputs.filter((name) => name !== ""), ...captured];
}

/** Names that a subgraph reads and does not define itself. */
function capturedBy(graph: Graph): Set<string> {
  const own = new Set(producersOf(graph).keys());
  const reads = [...graph.nodes.flatMap(readsOf), ...graph.outputs.map(({ name }) => name)];
  return new Set(reads.filter((name) => !own.has(name)));
}

interface Reader {
  readonly node: Node;
  readonly reads: readonly string[];
}

/** Depth first from the first node on, so that nodes already in order stay where they are. */
function sorted(nodes: readonly Reader[], producers: ReadonlyMap<string, number>): Node[] {
  const result: Node[] = [];
  const state = new Uint8Array(nodes.length); // 0 unseen, 1 waiting for what it reads, 2 done
  // A stack of our own: chains are as long as the file likes.
  const stack: { readonly at: number; next: number }[] = [];
  for (let root = 0; root < nodes.length; root++) {
    if (state[root] === 0) stack.push({ at: root, next: 0 });
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const { node, reads } = nodes[top.at]!;
      state[top.at] = 1;
      if (top.next === reads.length) {
        state[top.at] = 2;
        result.push(node);
        stack.pop();
        continue;
      }
      const producer = producers.get(reads[top.next++]!) ?? -1;
      if (producer < 0 || state[producer] === 2) continue;
      if (state[producer] === 1)
        throw graphError(
          `The nodes form a cycle: ${nodeLabel(node)} needs a value that is computed from its own output.`,
        );
      stack.push({ at: producer, next: 0 });
    }
  }
  return result;
}
