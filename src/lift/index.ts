/**
 * @file `lift`: a 2D graph in, a natively 3D one out, with every 2D weight kept
 * under its name.
 */

import { liftError } from "../base/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { requireRoom } from "../ops/infer.ts";
import { dropUnused } from "../passes/tidy.ts";
import { type Decisions, Restart } from "./decisions.ts";
import { checkOptions, type LiftOptions } from "./options.ts";
import { prepare, withOutputs } from "./prepare.ts";
import { type NodeReport, Walk } from "./walk.ts";

export interface LiftedGraph {
  /** 3D, with the internal operators of `ops/lifted.ts`. */
  readonly graph: Graph;
  /** The 2D graph it was lifted from, in the form lifting read it. */
  readonly source: Graph;
  readonly nodes: readonly NodeReport[];
  readonly warnings: readonly string[];
}

/**
 * Lifts a 2D convolutional network to 3D.
 *
 *   input [N, C, H, W]  →  [N, C, D, H, W]
 *
 * Depth follows height: whatever treats height and width differently treats
 * depth as height.
 *
 * @param fresh.draws - false leaves parameters that exist only in 3D at zero, for those who only count them
 * @throws {@link AcsconvError} ("lift") naming the node that has no 3D reading, and why; ("input") if `size` is
 *   too small for the network
 * @see Yang et al., "Reinventing 2D Convolutions for 3D Images", arXiv:1911.10477
 */
export function liftGraph(
  graph: Graph,
  options: LiftOptions = {},
  { draws = true }: { readonly draws?: boolean } = {},
): LiftedGraph {
  checkOptions(options);
  let source = prepare(graph, options);
  let decisions: Decisions = {};
  // Each round either ends or takes one more decision (once each; one cut per head).
  for (let round = 0; round < 16; round++) {
    try {
      const walked = new Walk(source, options, decisions, draws).run();
      if (options.size) requireRoom(walked.graph);
      return { ...walked, graph: dropUnused(walked.graph), source };
    } catch (error) {
      if (!(error instanceof Restart)) throw error;
      const { outputs, ...found } = error.change;
      if (outputs) source = withOutputs(source, outputs);
      decisions = { ...decisions, ...found };
    }
  }
  throw liftError("The network has too many flattened heads to cut; name `outputs` instead.");
}
