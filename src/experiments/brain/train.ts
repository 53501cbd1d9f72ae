/** @file Training on one half of the brain. */

import { IGNORED } from "../../data/labels.ts";
import type { Metric } from "../../metrics/metric.ts";
import { dice, iou } from "../../metrics/overlap.ts";
import type { Model } from "../../model/model.ts";
import { diceCrossEntropy } from "../../train/losses.ts";
import { adam } from "../../train/optimisers.ts";
import { Trainer } from "../../train/trainer.ts";
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
