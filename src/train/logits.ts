/**
 * @file The logits of a network, which losses of classes read: its output, what stands before its last sigmoid or
 * softmax, or, where these cannot be reached by themselves, logits that give the probabilities that come out:
 *
 *   softmax(log p) = p        sigmoid(log p − log(1 − p)) = p
 */

import { trainError } from "../base/errors.ts";
import { floatAttr, type Graph, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/graph-index.ts";
import { readScores } from "../model/scores.ts";
import { taskOf } from "../model/task.ts";
import type { Algebra } from "../ops/gradient.ts";
import { traitsOf } from "../ops/index.ts";
import type { Scores } from "../run/sinks.ts";
import type { Loss } from "./losses.ts";

/** Smaller probabilities are taken for this, so that logarithms are finite. */
const LEAST = 1e-6;

/**
 * What the loss reads, [N, C, ...].
 *
 * @param network - as it was given
 * @param plain - the same, ready to be trained
 */
export function lossInput(g: Algebra, network: Graph, plain: Graph, loss: Loss): string {
  const { name } = plain.outputs[0]!;
  const reading = readScores(network);
  const first = (value: string): string => {
    const { axis } = reading;
    if (axis === null || axis === undefined || axis === 1) return value;
    const axes = g.shape(value).map((_, i) => i);
    return g.transpose(value, [0, axis, ...axes.slice(1).filter((other) => other !== axis)]);
  };
  if (loss.target !== "classes") return first(name);
  const scores = taskOf(network)?.scores ?? reading.scores;
  if (scores === undefined || scores === "labels")
    throw trainError(
      `Cannot train the network: its output "${name}" ${reading.why}, and the loss "${loss.name}" needs scores: end the network before that, or name its scores in the model's task.`,
    );
  if (scores === "regions" && loss.name !== "binaryCrossEntropy")
    throw trainError(
      `Cannot train the network with the loss "${loss.name}", which is of classes of which each voxel has one: its output ${reading.why}; end it in a softmax or before its sigmoid, or train it with binaryCrossEntropy.`,
    );
  const behind = behindActivation(g, plain, name);
  if (behind !== undefined) return first(behind);
  return first(scores === "logits" ? name : fromProbabilities(g, name, scores, reading.classes));
}

/** What comes before the last activation, moved as its output is; undefined where more than that happens to it. */
function behindActivation(g: Algebra, graph: Graph, output: string): string | undefined {
  const index = indexOf(graph);
  const moves: Node[] = [];
  let node = index.producer(output);
  while (node && isPassed(g, node)) {
    moves.unshift(node);
    node = index.producer(node.inputs[0]!);
  }
  const { activation } = traitsOf(node);
  if (!node || !activation || activation === "hardmax" || !isCentred(node)) return undefined;
  return moves
    .filter((move) => traitsOf(move).moves !== undefined || isReshape(move))
    .reduce((value, { op, inputs, attrs }) => g.op(op, [value, ...inputs.slice(1)], attrs), node.inputs[0]!);
}

const isReshape = (node: Node): boolean => !["same", undefined].includes(traitsOf(node).alias);

/** Whether probabilities go through as they are, or to other places. Limits that they keep to do nothing. */
function isPassed(g: Algebra, node: Node): boolean {
  const { moves, alias, casts, range, trainingOnly } = traitsOf(node);
  if (moves !== undefined) return moves === "permute" || moves === "crop";
  if (typeof range === "function") {
    const [low, high] = range(node, (i) => (node.inputs[i] ? g.numbers(node.inputs[i]) : undefined));
    return low <= 0.05 && high >= 0.95;
  }
  return alias !== undefined || casts === true || trainingOnly === true;
}

/** Whether a sigmoid is above one half where its input is above 0. A piecewise linear one may not be. */
const isCentred = (node: Node): boolean =>
  floatAttr(node, "beta", 0.5) === 0.5 && floatAttr(node, "alpha", 0.2) > 0;

function fromProbabilities(g: Algebra, p: string, scores: Scores, classes: number | undefined): string {
  const log = (x: string): string => g.log(g.add(g.relu(g.sub(x, LEAST)), LEAST));
  const isDistribution = scores === "probabilities" && classes !== 1;
  return isDistribution ? log(p) : g.sub(log(p), log(g.sub(1, p)));
}
