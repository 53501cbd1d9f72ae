/**
 * @file Brings ONNX's own operators to the form they have in operator set 18, so
 * that all that follows knows one form of each. Older files are rewritten
 * version by version, in steps that each compute exactly what the old form did.
 */

import { graphError } from "../base/errors.ts";
import { nodeLabel, opsetOf, type Graph, type Node } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { carriedOf } from "./carried.ts";
import { irVersionOf } from "./format.ts";
import { withSubgraphs } from "./order.ts";
import {
  allNames,
  createContext,
  nameMaker,
  type NameMaker,
  type UpgradeContext,
} from "./upgrade/context.ts";
import { RULES } from "./upgrade/rules.ts";

/** The operator set whose forms the rest of the package knows. */
export const CANONICAL_OPSET = 18;

/**
 * The same function with ONNX's own operators as of operator set 18; files of 18 and later are
 * returned as they are. Names of values stay, operators of other domains too.
 *
 * @throws {@link AcsconvError} `graph`, naming the node, if its old form cannot be expressed
 */
export function upgradeGraph(graph: Graph): Graph {
  const from = opsetOf(graph);
  if (from >= CANONICAL_OPSET) return graph;
  const fresh = nameMaker(allNames(graph));
  const carried = carriedOf(graph);
  const irVersion = Math.max(carried?.irVersion ?? 0, irVersionOf(CANONICAL_OPSET));
  return {
    ...upgradeFrom(from, graph, fresh),
    opsets: new Map([...graph.opsets, ["", CANONICAL_OPSET]]),
    ...(carried && { carried: { ...carried, irVersion } }),
  };
}

function upgradeFrom(from: number, graph: Graph, fresh: NameMaker, outer?: UpgradeContext): Graph {
  const added = new Map<string, Tensor>();
  const context = createContext(graph, fresh, added, outer);
  let nodes: readonly Node[] = graph.nodes.map((node) =>
    withSubgraphs(node, (inner) => upgradeFrom(from, inner, fresh, context)),
  );
  for (const [version, rules] of Object.entries(RULES)) {
    if (from >= Number(version)) continue;
    nodes = nodes.flatMap((node) => {
      if (node.domain !== "" || !Object.hasOwn(rules, node.op)) return [node];
      if (node.inputs.length === 0 || node.outputs.length === 0)
        throw graphError(`${nodeLabel(node)} needs at least one input and one output.`);
      return rules[node.op]!(node, context);
    });
  }
  return { ...graph, nodes, initializers: new Map([...graph.initializers, ...added]) };
}
