/** @file Training on one half of the brain. */

import type { Model } from "acsconv";
import { IGNORED } from "acsconv/data";
import { type Metric, dice, iou } from "acsconv/metrics";
import { diceCrossEntropy, adam, Trainer } from "acsconv/train";
import type { BrainConfig } from "./config.ts";
import { brainData, CLASSES } from "./data.ts";

const metrics = (): Metric[] => {
  const options = { classes: CLASSES, ignoreIndex: IGNORED };
  return [dice(options), iou(options)];
};

export async function training(
  config: BrainConfig,
  network: Model,
  seed: number,
  folder: string,
): Promise<Trainer> {
  const { epochs, testEvery, batch, size } = config;
  const { training: data, test } = await brainData(config);
  return new Trainer(network, {
    data,
    validation: { data: test, metrics, every: testEvery },
    loss: diceCrossEntropy({ ignore: IGNORED }),
    optimiser: adam(),
    learningRate: 1e-3,
    epochs,
    batch,
    size: [size, size, size],
    seed,
    checkpoint: { folder },
  });
}
