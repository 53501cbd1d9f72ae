/**
 * @file The second half of a training step: gradients in, the new state out, where state is all that goes round from
 * step to step: parameters, what the optimiser remembers, running statistics, and the number of updates.
 */

import type { StepBuilder } from "../compile/step-builder.ts";
import type { Graph } from "../graph/graph.ts";
import { elementCount, floatTensor, int64Tensor, type Tensor } from "../graph/tensor.ts";
import type { RunningStatistics } from "../passes/train-batch-norm.ts";
import type { Algebra } from "../ops/gradient.ts";
import type { Optimiser } from "./optimisers.ts";
import type { Parameter } from "./parameters.ts";

/** Inputs and outputs that every step has, and the state that counts its updates. */
export const TARGET = "train/target";
export const LEARNING_RATE = "train/learning_rate";
export const LOSS = "train/loss";
export const GRADIENT_NORM = "train/gradient_norm";
export const STEP = "train/step";

/** The output that replaces the state `name`. */
export const next = (name: string): string => `${name}/next`;
/** What holds the gradient of a parameter while it is added up over micro-batches. */
export const accumulator = (parameter: string): string => `${parameter}/gradient`;
/** The state `kind` that an optimiser keeps of a parameter. */
const remembered = (parameter: string, kind: string): string => `${parameter}.${kind}`;

/** A state, and the value that it is to have next. */
export type Change = readonly [name: string, value: string];

/** The state before the first step. */
export function initialState(
  network: Graph,
  statistics: readonly RunningStatistics[],
  parameters: readonly Parameter[],
  optimiser: Optimiser,
): Map<string, Tensor> {
  const kept = [
    ...parameters.map(({ name }) => name),
    ...statistics.flatMap(({ mean, variance }) => [mean, variance]),
  ];
  return new Map([
    ...kept.map((name) => [name, network.initializers.get(name)!] as const),
    ...parameters.flatMap(({ name, dims }) =>
      optimiser.state.map((kind) => [remembered(name, kind), zeros(dims)] as const),
    ),
    [STEP, int64Tensor([0], [])],
  ]);
}

const zeros = (dims: readonly number[]): Tensor => floatTensor(dims, new Float32Array(elementCount(dims)));

/** running ← μ·running + (1 − μ)·batch, where the variance of n values is counted with n − 1, as PyTorch does. */
export function newStatistics(step: StepBuilder, statistics: readonly RunningStatistics[]): Change[] {
  const g = step.algebra;
  return statistics.flatMap(({ mean, variance, batchMean, batchVariance, momentum, count }): Change[] => {
    const blend = (name: string, batch: string): Change => {
      step.input(name, "float32", g.shape(batch));
      return [name, g.add(g.mul(name, momentum), g.mul(batch, 1 - momentum))];
    };
    return [blend(mean, batchMean), blend(variance, g.mul(batchVariance, count / (count - 1)))];
  });
}

interface UpdateOptions {
  readonly optimiser: Optimiser;
  readonly clipNorm?: number | undefined;
}

/**
 * Clips the gradient and lets the optimiser make its step.
 *
 *   g ← g · min(1, clipNorm / (‖g‖ + 10⁻⁶))
 */
export function writeUpdate(
  step: StepBuilder,
  parameters: readonly Parameter[],
  gradients: ReadonlyMap<string, string>,
  { optimiser, clipNorm }: UpdateOptions,
): { readonly norm: string; readonly changes: readonly Change[] } {
  const g = step.algebra;
  const norm = g.into(GRADIENT_NORM).sqrt(squareSum(g, [...gradients.values()]));
  const scale = clipNorm && g.min(g.div(g.scalar(clipNorm, norm), g.add(norm, 1e-6)), 1);
  const rate = step.input(LEARNING_RATE, "float32", []);
  const now = g.add(step.input(STEP, "int64", []), 1);
  const number = g.cast(now, "float32");
  const changes = parameters.flatMap(({ name, dims, learningRate, weightDecay }): Change[] => {
    const gradient = gradients.get(name)!;
    const state = optimiser.state.map((kind) => step.input(remembered(name, kind), "float32", dims));
    const update = {
      parameter: name,
      gradient: scale ? g.mul(gradient, scale) : gradient,
      state,
      learningRate: learningRate === 1 ? rate : g.mul(rate, learningRate),
      weightDecay: weightDecay ?? optimiser.weightDecay,
    };
    const updated = optimiser.write(g, update, number);
    return [[name, updated.parameter], ...state.map((of, i): Change => [of, updated.state[i]!])];
  });
  return { norm, changes: [...changes, [STEP, now]] };
}

const squareSum = (g: Algebra, values: readonly string[]): string =>
  g.total(values.map((value) => g.sum(g.mul(value, value))));

/** Gives values to the state, and returns the names of the outputs that hold it. */
export const replace = (step: StepBuilder, changes: readonly Change[]): string[] =>
  changes.map(([name, value]) => step.algebra.into(next(name)).identity(value));

/** As {@link replace} where a scalar is finite; otherwise everything stays as it was. */
export function replaceIf(step: StepBuilder, scalar: string, changes: readonly Change[]): string[] {
  const g = step.algebra;
  const finite = g.lessOrEqual(g.abs(scalar), LARGEST);
  return changes.map(([name, value]) => g.into(next(name)).where(finite, value, name));
}

/** The largest float32. */
const LARGEST = 3.4028234663852886e38;
