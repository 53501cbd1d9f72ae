/** @file What of a network is trained, and settings for groups of parameters. */

import { trainError } from "../base/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { nodeLabel } from "../graph/graph.ts";
import { traitsOf } from "../ops/index.ts";
import { slotsOf } from "../ops/parameters.ts";
import { isStatistic } from "../ops/slots.ts";

/** Settings for the parameters whose name matches. */
export interface ParameterGroup {
  /** A pattern, or a text in which `*` stands for any characters. */
  readonly match: RegExp | string;
  /** Not trained. */
  readonly frozen?: boolean | undefined;
  /** Factor of the learning rate. */
  readonly learningRate?: number | undefined;
  /** Instead of the optimiser's. */
  readonly weightDecay?: number | undefined;
}

/** A parameter that is trained. */
export interface Parameter {
  readonly name: string;
  readonly dims: readonly number[];
  /** Factor of the learning rate. */
  readonly learningRate: number;
  /** Where the optimiser's does not hold. */
  readonly weightDecay: number | undefined;
}

/**
 * Names of the initialisers that are parameters, in the order in which the network reads them.
 *
 * @param batchNorm - whether those of BatchNormalization are among them
 * @throws {@link AcsconvError} ("train") for parameters that are not float32
 */
export function parametersOf(graph: Graph, batchNorm: boolean): string[] {
  const names = new Set<string>();
  for (const [node, slots] of slotsOf(graph)) {
    if (traitsOf(node).batchNorm && !batchNorm) continue;
    for (const { name, tensor } of slots.filter((slot) => !isStatistic(slot))) {
      const { dtype } = tensor;
      if (dtype !== "float32")
        throw trainError(
          `Expected float32 parameters, found "${name}" of ${nodeLabel(node)} in ${dtype}; export the network in float32.`,
        );
      names.add(name);
    }
  }
  return [...names];
}

/** The parameters that are trained, with their settings. */
export function trainedParameters(
  graph: Graph,
  names: readonly string[],
  groups: readonly ParameterGroup[] = [],
): Parameter[] {
  const some = (list: readonly string[]): string =>
    list.length > 6 ? `${list.slice(0, 6).join(", ")} …` : list.join(", ");
  for (const { match } of groups) {
    if (names.some((name) => matches(match, name))) continue;
    throw trainError(
      `No parameter matches the group "${String(match)}"; the network has ${some(names) || "none"}.`,
    );
  }
  const trained = names.flatMap((name): Parameter[] => {
    const group = groups.find(({ match }) => matches(match, name));
    if (group?.frozen) return [];
    const { dims } = graph.initializers.get(name)!;
    return [{ name, dims, learningRate: group?.learningRate ?? 1, weightDecay: group?.weightDecay }];
  });
  if (trained.length > 0) return trained;
  throw trainError(
    names.length === 0
      ? "The network has no parameters to train: no layer of it has weights among its initialisers."
      : `All ${names.length} parameters are frozen: ${some(names)}; leave some to be trained.`,
  );
}

function matches(pattern: RegExp | string, name: string): boolean {
  if (typeof pattern !== "string")
    return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")).test(name);
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(name);
}
