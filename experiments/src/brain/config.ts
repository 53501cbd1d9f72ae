/** @file What the experiment on a brain is run with. */

import type { ExperimentConfig } from "../experiment.ts";

/** All that decides over the results; kept as `config.json` in the experiment's folder. */
export interface BrainConfig extends ExperimentConfig {
  /** The pretrained 2D network: a file, or the name of one that comes with the package. */
  readonly network: string;
  /** Of the network's file, so that nobody goes on with another one of that name. */
  readonly sha256: string;
  readonly epochs: number;
  /** Epochs between two looks at the other half; the last epoch is always looked at. */
  readonly testEvery: number;
  /** Of an epoch. */
  readonly steps: number;
  /** Patches of a step. */
  readonly batch: number;
  /** Voxels to a side of a patch. */
  readonly size: number;
  /** Millimetres to a side of a voxel, to which the scan is resampled. */
  readonly spacing: number;
}

export const DEFAULTS: BrainConfig = {
  network: "poc-unet-2d",
  sha256: "",
  models: ["acs-p", "acs-r", "3d-r", "2.5d-p"],
  epochs: 10,
  testEvery: 2,
  seeds: [0, 1, 2],
  steps: 8,
  batch: 2,
  size: 64,
  spacing: 1.5,
};
