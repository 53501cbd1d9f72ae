/**
 * @file The one way in which a graph is brought into its plainest form: current operators, constants folded, aliases
 * resolved, and only what the outputs need.
 */

import type { Graph, Node } from "../graph/graph.ts";
import { upgradeGraph } from "../onnx/upgrade.ts";
import { foldConstants } from "./fold-constants.ts";
import { dropIdentities, dropUnused } from "./tidy.ts";

/** @param folds - whether a node may be folded; all may unless given */
export function simplify(graph: Graph, folds?: (graph: Graph, node: Node) => boolean): Graph {
  const once = fold(upgradeGraph(dropUnused(graph)), folds);
  // What stood in a branch that was taken has types only now.
  return hasBranches(graph) ? fold(once, folds) : once;
}

function fold(graph: Graph, folds: (graph: Graph, node: Node) => boolean = () => true): Graph {
  const resolved = dropIdentities(graph);
  return dropUnused(dropIdentities(foldConstants(resolved, (node) => folds(resolved, node))));
}

const hasBranches = ({ nodes }: Graph): boolean =>
  nodes.some(({ attrs }) => Object.values(attrs).some(({ kind }) => kind === "graph"));
