/** @file What passes share that write other nodes in the place of some. */

import type { Graph, Node } from "../graph/graph.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { Expressions } from "../ops/expressions.ts";

/**
 * The graph with those nodes replaced that `replace` writes something else for.
 *
 * @param replace - writes nodes that make the node's outputs, or returns false to keep it
 */
export function rewrite(graph: Graph, replace: (g: Expressions, node: Node) => boolean): Graph {
  const builder = GraphBuilder.over(graph);
  const algebra = new Expressions(builder);
  for (const node of graph.nodes) if (!replace(algebra, node)) builder.push(node);
  return builder.build(graph, graph.outputs);
}
