/** @file Training the networks of the proof of concept with the authors' settings. */

import type { Model } from "acsconv";
import { dice as diceMetric, iou as iouMetric, type Metric } from "acsconv/metrics";
import { pocUnet } from "acsconv/models";
import { dice, adam, sgd, Trainer } from "acsconv/train";
import { BATCHES, DATA_SEED, type PocConfig } from "./config.ts";
import { datasetOf, samples2d, samples3d } from "./data.ts";
import { publishedOverlap } from "./published-overlap.ts";
import { CANVAS, CLASSES_2D, CLASSES_3D } from "./shapes.ts";

/** Soft Dice over all classes of a batch. */
const LOSS = dice({ epsilon: 0.01 });

/** Overlap by both protocols: over all voxels, of foreground classes, and as published. */
const metricsFor = (classes: readonly string[]): (() => Metric[]) => {
  const options = { classes, background: classes.length - 1 };
  return () => [diceMetric(options), iouMetric(options), publishedOverlap(classes)];
};

/** Trains the 2D network. */
export function pretraining(config: PocConfig, folder: string): Trainer {
  const { epochs, images, testImages, testEvery } = config;
  const [seed] = config.seeds;
  return new Trainer(pocUnet({ classes: CLASSES_2D.length, kernels: "kaiming", seed: seed! }), {
    data: datasetOf(samples2d({ part: "train", seed: DATA_SEED }), images, 2),
    validation: {
      data: datasetOf(samples2d({ part: "test", seed: DATA_SEED }), testImages, 2),
      metrics: metricsFor(CLASSES_2D),
      every: testEvery,
    },
    loss: LOSS,
    optimiser: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
    learningRate: 0.01,
    // The authors' second milestone, 37.5 epochs, never takes effect: PyTorch waits for a whole number.
    schedule: { name: "multiStep", milestones: [epochs / 2] },
    epochs,
    batch: BATCHES.images,
    size: [CANVAS, CANVAS],
    seed: seed!,
    checkpoint: { folder },
  });
}

/** Trains a 3D network. */
export function training(config: PocConfig, network: Model, seed: number, folder: string): Trainer {
  const { epochs, volumes, testVolumes, testEvery, rotate } = config;
  const samples = { seed: DATA_SEED, rotate };
  return new Trainer(network, {
    data: datasetOf(samples3d({ ...samples, part: "train" }), volumes, 3),
    validation: {
      data: datasetOf(samples3d({ ...samples, part: "test" }), testVolumes, 3),
      metrics: metricsFor(CLASSES_3D),
      every: testEvery,
    },
    loss: LOSS,
    optimiser: adam(),
    learningRate: 1e-3,
    epochs,
    batch: BATCHES.volumes,
    size: [CANVAS, CANVAS, CANVAS],
    seed,
    checkpoint: { folder },
  });
}
