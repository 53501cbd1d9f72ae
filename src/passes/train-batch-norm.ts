/**
 * @file BatchNormalization as it is in training.
 *
 * 1. `trainBatchNorm`: normalisations by running statistics become
 *    TrainingBatchNorm, by those of the batch.
 * 2. `lowerTrainBatchNorm`: TrainingBatchNorm becomes plain ONNX, once gradients
 *    are written:
 *
 *      z = x − mean(x)      variance = mean(z²)      y = BatchNormalization(z; scale, bias, 0, variance)
 *
 * mean(x²) − mean(x)² would save the subtraction, but at a mean of 10 deviations
 * it leaves three digits of the variance, and at 1000 none. z takes x's place in
 * memory; the gradient needs it, and nobody needs x.
 *
 * @see Chan, Golub, LeVeque: Algorithms for computing the sample variance, 1983
 */

import { AcsconvError } from "../base/errors.ts";
import { floatAttr, type Graph, nodeLabel } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { Expressions } from "../ops/expressions.ts";
import { LIFTED_DOMAIN, MICROSOFT_DOMAIN } from "../ops/lifted.ts";
import { ruleFor, traitsOf } from "../ops/index.ts";
import { BATCH_NORM, TRAINING_BATCH_NORM, TrainingBatchNorm } from "../ops/normalization.ts";
import { rewrite } from "./rewrite.ts";
import { countAlong, meanProductOver } from "../ops/statistics.ts";

/** What training does with the running statistics of one BatchNormalization. */
export interface RunningStatistics {
  /** The initialisers [C] that hold them. */
  readonly mean: string;
  readonly variance: string;
  /** The values [C] of the graph that are the statistics of the batch; the variance counted with n. */
  readonly batchMean: string;
  readonly batchVariance: string;
  /** As ONNX has it: running ← momentum · running + (1 − momentum) · batch. */
  readonly momentum: number;
  /** n, how many values per feature the batch has. */
  readonly count: number;
}

/**
 * @param graph - plain ONNX in which every size is a number
 * @returns the graph for training, and a record per normalisation that was rewritten
 * @throws {@link AcsconvError} ("train") where a batch has one value per feature
 */
export function trainBatchNorm(graph: Graph): {
  readonly graph: Graph;
  readonly statistics: readonly RunningStatistics[];
} {
  const statistics: RunningStatistics[] = [];
  const rewritten = rewrite(graph, (g, node) => {
    const [x, scale, bias, mean, variance] = node.inputs as [string, string, string, string, string];
    const running = [mean, variance].every((name) => graph.initializers.has(name));
    if (!traitsOf(node).batchNorm || !running) return false;
    const y = node.outputs[0]!;
    const [batchMean, batchVariance, centred] = ["mean", "variance", "centred"].map((what) =>
      g.builder.unique(`${y}/${what}`),
    ) as [string, string, string];
    const epsilon = node.attrs["epsilon"];
    const count = countAlong(g, x, axesOf(g, x));
    if (count < 2) {
      throw new AcsconvError(
        "train",
        `${nodeLabel(node)} has one value per feature, [${g.shape(x).join(", ")}], to take statistics of; train on larger batches or patches, or freeze batch normalisation.`,
      );
    }
    g.builder.push({
      ...node,
      ...TRAINING_BATCH_NORM,
      inputs: [x, scale, bias],
      outputs: [y, batchMean, batchVariance, centred],
      attrs: { ...(epsilon && { epsilon }) },
    });
    const momentum = floatAttr(node, "momentum", 0.9);
    statistics.push({ mean, variance, batchMean, batchVariance, momentum, count });
    return true;
  });
  const opsets = new Map([...graph.opsets, [LIFTED_DOMAIN, 1]]);
  return statistics.length > 0 ? { graph: { ...rewritten, opsets }, statistics } : { graph, statistics };
}

/** @param graph - with sizes that are numbers, and TrainingBatchNorm as {@link trainBatchNorm} wrote it */
export function lowerTrainBatchNorm(graph: Graph): Graph {
  const lowered = rewrite(graph, (g, node) => {
    if (ruleFor(node) !== TrainingBatchNorm) return false;
    const [x, scale, bias] = node.inputs as [string, string, string];
    const [y, mean, variance, centred] = node.outputs as [string, string, string, string];
    const axes = axesOf(g, x);
    const features = g.shape(x)[1]!;
    const wideMean = g.mean(x, axes, true);
    g.into(mean).reshape(wideMean, [features]);
    g.into(centred).sub(x, wideMean);
    g.into(variance).reshape(meanProductOver(g, centred, centred, axes), [features]);
    const zero = g.constant(floatTensor([features], new Float32Array(features)));
    const inputs = [centred, scale, bias, zero, variance];
    g.builder.push({ ...BATCH_NORM, name: y, inputs, outputs: [y], attrs: node.attrs });
    return true;
  });
  const opsets = new Map([...graph.opsets].filter(([domain]) => domain !== LIFTED_DOMAIN));
  return { ...lowered, opsets: opsets.set(MICROSOFT_DOMAIN, 1) };
}

/** All axes but that of features. */
const axesOf = (g: Expressions, x: string): number[] =>
  g.shape(x).flatMap((_, axis) => (axis === 1 ? [] : [axis]));
