/** @file What the proof of concept is run with: the paper's numbers unless told otherwise. */

import type { Rotation } from "./shapes.ts";

/** All that decides over the results; kept as `config.json` in the experiment's folder. */
export interface PocConfig {
  /** Rows of the table, by their ids. */
  readonly models: readonly string[];
  /** Of the 2D network and of every 3D one. */
  readonly epochs: number;
  /** Epochs between two looks at the test set; the last epoch is always looked at. */
  readonly testEvery: number;
  /** Of weights and batches. The data stay the same. */
  readonly seeds: readonly number[];
  readonly rotate: Rotation;
  /** Examples in 2D and 3D, to train with and to test with. */
  readonly images: number;
  readonly testImages: number;
  readonly volumes: number;
  readonly testVolumes: number;
}

/** As published. The text says 100 test volumes, the code that made its tables took 200. */
export const PAPER: PocConfig = {
  models: ["2.5d-r", "2.5d-p", "3d-r", "acs-r", "acs-p"],
  epochs: 50,
  testEvery: 1,
  seeds: [0],
  rotate: "published",
  images: 10_000,
  testImages: 2000,
  volumes: 100,
  testVolumes: 200,
};

/** Of a training step, as published. */
export const BATCHES = { images: 64, volumes: 4 } as const;

/** The data are drawn from it, whatever the seeds are. */
export const DATA_SEED = 0;
