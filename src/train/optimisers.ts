/**
 * @file Optimisers, written as nodes: a parameter, its gradient and its state in, the new ones out. The rules are
 * PyTorch's (θ parameter, g gradient, η learning rate, λ weight decay, t number of the update from 1):
 *
 *   sgd     g ← g + λθ;  b ← μb + g;  θ ← θ − η·(nesterov ? g + μb : b)
 *   adam    g ← g + λθ;  m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²
 *           θ ← θ − η/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 *   adamW   θ ← θ − ηλθ, then as adam with λ = 0
 *
 * @see https://pytorch.org/docs/stable/optim.html#algorithms
 * @see Kingma, Ba: Adam, arXiv:1412.6980; Loshchilov, Hutter: AdamW, arXiv:1711.05101
 */

import type { Algebra } from "../ops/gradient.ts";

/** Names of what an update of one parameter reads. All but the scalars have the parameter's sizes. */
export interface Update {
  readonly parameter: string;
  readonly gradient: string;
  /** In the order of {@link Optimiser.state}. */
  readonly state: readonly string[];
  /** A scalar. */
  readonly learningRate: string;
  /** λ of this parameter. */
  readonly weightDecay: number;
}

/** Names of what an update makes. */
export interface Updated {
  readonly parameter: string;
  readonly state: readonly string[];
}

/** How parameters follow their gradients. */
export interface Optimiser {
  readonly name: string;
  /** What it was made with: a run can only go on with the same. */
  readonly options: object;
  /** What it remembers per parameter, beginning with zeros: `momentum` is kept as `enc1.0.weight.momentum`. */
  readonly state: readonly string[];
  /** λ of parameters whose group has none of its own. */
  readonly weightDecay: number;
  /** Writes down the update of one parameter; `step`: float32 scalar, the number of the update from 1. */
  write(g: Algebra, update: Update, step: string): Updated;
}

/** Options of {@link sgd}. */
export interface SgdOptions {
  /** μ. */
  readonly momentum?: number | undefined;
  readonly nesterov?: boolean | undefined;
  readonly weightDecay?: number | undefined;
}

/** Options of {@link adam} and {@link adamW}. */
export interface AdamOptions {
  readonly betas?: readonly [number, number] | undefined;
  /** ε. */
  readonly epsilon?: number | undefined;
  readonly weightDecay?: number | undefined;
}

/** Stochastic gradient descent. */
export function sgd({ momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimiser {
  return {
    name: "sgd",
    options: { momentum, nesterov, weightDecay },
    state: momentum === 0 ? [] : ["momentum"],
    weightDecay,
    write(g, { parameter, gradient, state: [buffer], learningRate, weightDecay }) {
      const slope = decayed(g, gradient, parameter, weightDecay);
      if (buffer === undefined) return { parameter: step(g, parameter, learningRate, slope), state: [] };
      const moved = g.add(g.mul(buffer, momentum), slope);
      const direction = nesterov ? g.add(slope, g.mul(moved, momentum)) : moved;
      return { parameter: step(g, parameter, learningRate, direction), state: [moved] };
    },
  };
}

/** @param decay - where weight decay comes in, before the moments */
const ofAdam = (
  name: string,
  { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0 }: AdamOptions,
  decay: (g: Algebra, update: Update) => Partial<Update>,
): Optimiser => ({
  name,
  options: { betas, epsilon, weightDecay },
  state: ["exp_avg", "exp_avg_sq"],
  weightDecay,
  write: (g, update, number) => moments(g, { ...update, ...decay(g, update) }, number, betas, epsilon),
});

/** Adam; weight decay is part of the gradient. */
export const adam = (options: AdamOptions = {}): Optimiser =>
  ofAdam("adam", options, (g, { gradient, parameter, weightDecay }) => ({
    gradient: decayed(g, gradient, parameter, weightDecay),
  }));

/** Adam; weight decay, 0.01 unless given, shrinks the parameter and leaves the moments alone. */
export const adamW = ({ weightDecay = 0.01, ...options }: AdamOptions = {}): Optimiser =>
  ofAdam("adamW", { ...options, weightDecay }, (g, { parameter, learningRate, weightDecay }) =>
    weightDecay === 0 ? {} : { parameter: g.mul(parameter, g.sub(1, g.mul(learningRate, weightDecay))) },
  );

function moments(
  g: Algebra,
  { parameter, gradient, state, learningRate }: Update,
  number: string,
  [beta1, beta2]: readonly [number, number],
  epsilon: number,
): Updated {
  const [mean, square] = state as [string, string];
  const m = g.add(g.mul(mean, beta1), g.mul(gradient, 1 - beta1));
  const v = g.add(g.mul(square, beta2), g.mul(g.mul(gradient, gradient), 1 - beta2));
  const size = g.div(learningRate, complement(g, beta1, number));
  const spread = g.div(g.sqrt(v), g.sqrt(complement(g, beta2, number)));
  return { parameter: step(g, parameter, size, g.div(m, g.add(spread, epsilon))), state: [m, v] };
}

/**
 * 1 − βᵗ, without the digits that subtracting from 1 would lose, and without
 * double precision, which browsers' runtimes lack:
 *
 *   1 − e^−a = 2T / (1 + T)        T = tanh(a / 2),  a = −t ln β
 */
function complement(g: Algebra, beta: number, t: string): string {
  const tanh = g.tanh(g.mul(t, -Math.log(beta) / 2));
  return g.div(g.mul(tanh, 2), g.add(tanh, 1));
}

const step = (g: Algebra, parameter: string, size: string, direction: string): string =>
  g.sub(parameter, g.mul(direction, size));

const decayed = (g: Algebra, gradient: string, parameter: string, weightDecay: number): string =>
  weightDecay === 0 ? gradient : g.add(gradient, g.mul(parameter, weightDecay));
