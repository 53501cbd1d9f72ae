/** @file Optimisers: sequences of updates as PyTorch makes them. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { relativeDeviation } from "../../test/helpers/compare.ts";
import { evaluate, graphOf } from "../../test/helpers/graphs.ts";
import { floatTensor } from "../graph/tensor.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { Expressions } from "../ops/expressions.ts";
import { adam, adamW, type Optimiser, sgd } from "./optimisers.ts";

const OPTIMISERS: Readonly<Record<string, (options: object) => Optimiser>> = { sgd, adam, adamW };

interface Case {
  readonly optimiser: string;
  readonly options: object;
  readonly start: number[];
  readonly rates: number[];
  readonly gradients: number[][];
  /** The parameter after each update. */
  readonly after: number[][];
}

const fixture = new URL("../../test/fixtures/torch_training.json", import.meta.url);
const { optimisers } = JSON.parse(readFileSync(fixture, "utf8")) as { optimisers: Case[] };

/** All updates, in one graph after another. */
async function updates(optimiser: Optimiser, { start, rates, gradients }: Case): Promise<number[][]> {
  let state = new Map([["p", start], ...optimiser.state.map((kind) => [kind, start.map(() => 0)] as const)]);
  const after: number[][] = [];
  for (const [i, gradient] of gradients.entries()) {
    const builder = new GraphBuilder(18);
    const g = new Expressions(builder);
    const constant = (values: readonly number[], dims = [values.length]): string =>
      g.constant(floatTensor(dims, values));
    const updated = optimiser.write(
      g,
      {
        parameter: constant(state.get("p")!),
        gradient: constant(gradient),
        state: optimiser.state.map((kind) => constant(state.get(kind)!)),
        learningRate: constant([rates[i]!], []),
        weightDecay: optimiser.weightDecay,
      },
      constant([i + 1], []),
    );
    const outputs = [updated.parameter, ...updated.state];
    const y = await evaluate(
      builder.build(
        graphOf([]),
        outputs.map((name) => ({ name, ...builder.known(name) })),
      ),
      {},
    );
    state = new Map(["p", ...optimiser.state].map((name, k) => [name, [...y[outputs[k]!]!.data]]));
    after.push(state.get("p")!);
  }
  return after;
}

test.each(optimisers.map((c) => [`${c.optimiser} ${JSON.stringify(c.options)}`, c] as const))(
  "%s",
  async (_, c) => {
    const after = await updates(OPTIMISERS[c.optimiser]!(c.options), c);
    for (const [i, values] of after.entries()) {
      const dims = [values.length];
      const got = { dims, data: Float32Array.from(values) };
      expect(relativeDeviation(got, floatTensor(dims, c.after[i]!)), `update ${i + 1}`).toBeLessThan(1e-6);
    }
  },
);
