/** @file A network made ready to be run, at one size or at any, on one device. */

import { AcsconvError } from "../base/errors.ts";
import { atSizes, type Graph } from "../graph/graph.ts";
import { LIFTED_DOMAIN } from "../ops/lifted.ts";
import { lower } from "../passes/lower.ts";
import { simplify } from "../passes/simplify.ts";
import type { Rewrite, Target } from "./targets/target.ts";

/** Whether a network holds internal operators. */
export const isLifted = (graph: Graph): boolean => graph.nodes.some(({ domain }) => domain === LIFTED_DOMAIN);

/**
 * Plain ONNX for inference; a network that holds no internal operator stays as it is.
 *
 * @param sizes - numbers for the inputs' open sizes, by name, where they are known
 */
export function forInference(graph: Graph, sizes: ReadonlyMap<string, number>, target: Target): Graph {
  if (!isLifted(graph)) {
    refuseUnrunnable(graph);
    return graph;
  }
  const inputs = graph.inputs.map((input) => atSizes(input, sizes));
  const { lifted, plain } = target.rewrites.inference;
  const prepared = rewritten(simplify({ ...graph, inputs }), lifted, target);
  return rewritten(lower(prepared, target.fuses).graph, plain, target);
}

/**
 * A graph that goes to the runtime as it is may still ask it for any amount of memory, or lack what its nodes need, which
 * the runtime tells without their names. What else is odd about it is the runtime's to judge.
 */
function refuseUnrunnable(graph: Graph): void {
  try {
    simplify(graph);
  } catch (error) {
    const codes: readonly unknown[] = ["E_LIMIT", "E_INPUT"];
    if (!(error instanceof AcsconvError) || codes.includes(error.code)) throw error;
  }
}

/** The graph after these rewrites, one after the other. */
export const rewritten = (graph: Graph, rewrites: readonly Rewrite[], { fuses }: Target): Graph =>
  rewrites.reduce((current, rewrite) => rewrite(current, fuses), graph);
