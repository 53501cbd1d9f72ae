/**
 * @file Where a step stops being finite. Every value of the graph is summed up as
 *
 *   Σ 0·v      0 where all of v is finite, NaN otherwise
 *
 * in the order in which it is computed; the first NaN is where the trouble begins.
 */

import { nodeLabel, type Graph } from "../graph/graph.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { Expressions } from "../ops/expressions.ts";
import { open } from "../run/open.ts";
import type { SessionOptions } from "../run/session.ts";
import type { RunTensor } from "../run/tensor.ts";
import type { TrainingStep } from "./step.ts";

/** Tensors by name, of which a graph takes what it reads. */
export type Feeds = ReadonlyMap<string, RunTensor>;

/**
 * Why the loss or the gradient of a batch is not finite, as half a sentence; undefined where they are.
 *
 * @param feeds - of the step's graph
 */
export async function explain(
  step: TrainingStep,
  feeds: Feeds,
  options: SessionOptions,
): Promise<string | undefined> {
  const { forward, image, target } = step;
  const inner = forward.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ""));
  const given = [image.name, target.name, ...step.state.keys()].filter((name) => isFed(forward, name));
  const first = await firstNonFinite(forward, [...given, ...inner], feeds, options);
  if (first === image.name) return "the image holds values that are not finite: check the data";
  if (first === target.name) return "the target holds values that are not finite: check the data";
  if (first !== undefined && given.includes(first)) return `"${first}" is not finite: ${REMEDY}`;
  const node = forward.nodes.find(({ outputs }) => outputs.includes(first ?? ""));
  if (node) return `${nodeLabel(node)} is the first with a value that is not finite: ${REMEDY}`;
  const gradients = [...step.gradients.entries()];
  const found = await firstNonFinite(step.graph, gradients.map(([, name]) => name).reverse(), feeds, options);
  const parameter = gradients.find(([, name]) => name === found)?.[0];
  return parameter && `the gradient of "${parameter}" has a value that is not finite: ${REMEDY}`;
}

export const REMEDY = "lower the learning rate, or clip the gradient";

const isFed = (graph: Graph, name: string): boolean => graph.inputs.some((input) => input.name === name);

/** The first of these values of a graph, all of floating point, that is not finite throughout. */
async function firstNonFinite(
  graph: Graph,
  names: readonly string[],
  feeds: Feeds,
  options: SessionOptions,
): Promise<string | undefined> {
  const builder = GraphBuilder.over(graph);
  for (const node of graph.nodes) builder.push(node);
  const g = new Expressions(builder);
  const probes = names
    .filter((name) => builder.known(name).dtype === "float32")
    .map((name) => [name, g.sum(g.mul(name, 0))] as const);
  const outputs = probes.map(([, probe]) => ({ name: probe, dtype: "float32", shape: [] }) as const);
  const session = await open(builder.build(graph, outputs), options);
  try {
    const wanted = session.inputs.map(({ name }) => [name, feeds.get(name)!]);
    const sums = await session.run(Object.fromEntries(wanted));
    return probes.find(([, probe]) => Number.isNaN(Number(sums[probe]!.data[0])))?.[0];
  } finally {
    await session.dispose();
  }
}
