/**
 * @file What a training run is, as plain data: the configuration that a file, the command line and
 * `run/config.json` share. Names (of losses, optimisers …) stand for what they make, so that JSON can hold it. What each
 * field may hold, its default and its flag stand in config-fields.ts.
 */

import type { Named } from "../../base/fields.ts";
import { cropToRegion, HALVES, type Region } from "../../data/region.ts";
import type { Preparation } from "../../model/prepare.ts";
import type { LiftKind } from "../../ops/kinds/index.ts";
import type { Device } from "../../compile/targets/index.ts";
import type { Volume } from "../../volume/volume.ts";
import type { Size3 } from "../../run/tensor.ts";

/** Parameters by name, and what holds for them only. */
export interface GroupConfig {
  /** A name, in which `*` stands for any text. */
  readonly match: string;
  /** Not trained. */
  readonly frozen?: boolean;
  /** Times the run's learning rate. */
  readonly learningRate?: number;
  readonly weightDecay?: number;
}

/** A part of every scan: a half by its name, or from where to where along each of the patient's axes. */
export type RegionConfig = keyof typeof HALVES | Region;

/** A training run. All but `model` and `data` has a default. */
export interface TrainConfig extends Preparation {
  /** Path of the network: 3D, or 2D, which is lifted first. */
  readonly model?: string;
  /** How a 2D network is lifted: `acs` unless given. A 3D network is trained as it is, or lifted anew to another kind. */
  readonly kind?: LiftKind;
  /** Gives the network a new last layer for so many classes. */
  readonly classes?: number;
  /**
   * Labelled scans: a folder as of the Medical Segmentation Decathlon or nnU-Net; or, with one class for each scan, a
   * folder for each class, a table (.csv) of files and labels, or an archive (.npz) of MedMNIST.
   */
  readonly data?: string;
  /** Which array of a .npz file is the image, where it holds several. */
  readonly array?: string;
  /** Which array of a .npz file is the label. */
  readonly labelArray?: string;
  /** Other such data, or the share of cases that is set aside; by default the data's own `val`, if they are divided. */
  readonly validation?: string | number;
  /** Train on this part of every scan only. */
  readonly region?: RegionConfig;
  /** Validate on this part of every scan; without `validation`, of the scans that are trained on. */
  readonly validationRegion?: RegionConfig;

  /** Voxels [D, H, W] of a patch; for a classifier of the middle of each scan, which is cut or padded to it. */
  readonly size?: Size3;
  /** Patches at once. */
  readonly batch?: number;
  /** Batches per update; the gradient is their mean. */
  readonly accumulate?: number;
  /** Patches of each case in an epoch. */
  readonly patchesPerCase?: number;
  /** The share of patches with a foreground voxel in the middle. */
  readonly foreground?: number;
  /** Random changes of patches, in this order. */
  readonly augment?: readonly Named[];

  readonly epochs?: number;
  readonly loss?: Named;
  readonly optimiser?: Named;
  readonly learningRate?: number;
  readonly schedule?: Named;
  /** Names of parameters that are not trained, in which `*` stands for any text. */
  readonly freeze?: readonly string[];
  /** The first group that matches a parameter holds for it. */
  readonly groups?: readonly GroupConfig[];
  /** The gradient's norm is kept at or below this. */
  readonly clipNorm?: number;
  /** BatchNormalization with the batch's statistics, or with those that the network has. */
  readonly batchNorm?: "train" | "frozen";

  /** What is measured on the validation data after every epoch. */
  readonly metrics?: readonly Named[];
  /** The value that decides which epoch is best; by default the first metric's. */
  readonly monitor?: string;
  /** Stop after so many epochs without a better one. */
  readonly patience?: number;
  /** Save every so many steps, too, and not only after every epoch. */
  readonly saveEvery?: number;

  /** Everything random follows from it. */
  readonly seed?: number;
  /** What a step may take, such as `4GB`: what is more is traded for time. */
  readonly memory?: string;
  readonly device?: Device;
  /** CPU threads; by default the physical cores. */
  readonly threads?: number;
}

/** Types a configuration file: `export default defineConfig({ … })`. */
export const defineConfig = (config: TrainConfig): TrainConfig => config;

/** The region that a configuration names. */
export const regionOf = (region: RegionConfig): Region =>
  typeof region === "string" ? HALVES[region] : region;

/** The part of a volume that a region is. */
export const partOf =
  (region: RegionConfig) =>
  <V extends Volume>(volume: V): V =>
    cropToRegion(volume, regionOf(region));
