/** @file Ten steps of training, whose loss must fall: any of the tiny networks, under any kind of lifting. */

import { expect } from "vitest";
import { elementCount } from "../../src/graph/tensor.ts";
import { lift, type LiftKind } from "../../src/index.ts";
import { initialise } from "../../src/models/index.ts";
import type { RunTensor } from "../../src/run/tensor.ts";
import { crossEntropy } from "../../src/train/losses.ts";
import { sgd } from "../../src/train/optimisers.ts";
import { TrainingSession } from "../../src/train/session.ts";
import { trainingStep } from "../../src/train/step.ts";
import { network, random } from "./networks.ts";

export async function expectFallingLoss(name: string, kind: LiftKind): Promise<void> {
  // densenet ends in maps of one pixel; with depth kept there is enough for statistics of a batch.
  const depth = name === "densenet" ? { depth: { stride: 1, pool: 1 } as const } : {};
  const lifted = lift(await network(name), { kind, ...depth });
  // Drawn for ReLU, as kind 3d is; narrower, twice as many layers begin with small gradients.
  const model = initialise(lifted, { kernels: "kaiming", only: (weight) => /\.stream\d\./.test(weight) });
  const size = name === "densenet" ? [8, 32, 32] : [8, 8, 8];
  const step = trainingStep(model.graph, { loss: crossEntropy(), optimiser: sgd(), batch: 2, size });
  const image = { dtype: "float32", ...random(step.image.dims) } as const;
  const classes = step.output[1]!;
  const target: RunTensor = {
    dtype: "uint8",
    dims: step.target.dims,
    data: Uint8Array.from({ length: elementCount(step.target.dims) }, (_, i) => (i * 7) % classes),
  };
  const session = await TrainingSession.open(step);
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) {
    losses.push((await session.run({ image, target }, { learningRate: 0.02, seed: i })).loss);
  }
  await session.dispose();
  expect(losses.every(Number.isFinite)).toBe(true);
  // From nothing, ten steps teach less.
  expect(losses.at(-1)! / losses[0]!).toBeLessThan(kind === "psc" ? 0.998 : 0.995);
}
