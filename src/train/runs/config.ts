/**
 * @file What a training run is, as plain data: the configuration that a file, the command line and
 * `run/config.json` share. Names (of losses, optimisers …) stand for what they make, so that JSON can hold it.
 */

import { HALVES, type Region } from "../../data/region.ts";
import { AcsconvError } from "../../base/errors.ts";
import { LIFT_KINDS } from "../../lift/options.ts";
import type { LiftKind } from "../../ops/rule.ts";
import type { Preparation } from "../../model/prepare.ts";
import type { Device } from "../../run/engine.ts";
import type { Size3 } from "../../run/tensor.ts";
import {
  type Fields,
  type Named,
  anyNumber,
  checkFields,
  count,
  either,
  flag,
  listOf,
  named,
  notNegative,
  objectOf,
  oneOf,
  part,
  positive,
  text,
  whole,
} from "../../base/fields.ts";

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
  /** How a 2D network is lifted: `acs` unless given. */
  readonly kind?: LiftKind;
  /** Gives the network a new last layer for so many classes. */
  readonly classes?: number;
  /** Folder of labelled scans, as of the Medical Segmentation Decathlon or nnU-Net. */
  readonly data?: string;
  /** Another such folder, or the share of cases that is set aside. */
  readonly validation?: string | number;
  /** Train on this part of every scan only. */
  readonly region?: RegionConfig;
  /** Validate on this part of every scan; without `validation`, of the scans that are trained on. */
  readonly validationRegion?: RegionConfig;

  /** Voxels [D, H, W] of a patch. */
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

/** Bytes of `4GB`, `800 MB`, `1.5GiB`; undefined for what is no such amount. */
export function memoryBytes(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?([KMGT]i?)B$/i.exec(text) ?? [];
  if (amount === undefined || unit === undefined || Number(amount) === 0) return undefined;
  const base = unit.length === 2 ? 1024 : 1000;
  return Number(amount) * base ** ("KMGT".indexOf(unit[0]!.toUpperCase()) + 1);
}

const fractions = listOf(part, 2);
const region = either(oneOf(Object.keys(HALVES)), listOf(fractions, 3));

const FIELDS: Fields<TrainConfig> = {
  model: text,
  kind: oneOf(LIFT_KINDS),
  classes: count,
  data: text,
  validation: either(text, part),
  region,
  validationRegion: region,
  spacing: listOf(positive, 3),
  orientation: text,
  window: listOf(anyNumber, 2),
  normalize: oneOf(["zscore", "minmax", "imagenet", "none"]),
  size: listOf(count, 3),
  batch: count,
  accumulate: count,
  patchesPerCase: count,
  foreground: part,
  augment: listOf(named),
  epochs: count,
  loss: named,
  optimiser: named,
  learningRate: positive,
  schedule: named,
  freeze: listOf(text),
  groups: listOf(
    objectOf({
      match: text,
      frozen: flag,
      learningRate: notNegative,
      weightDecay: notNegative,
    } satisfies Fields<GroupConfig>),
  ),
  clipNorm: positive,
  batchNorm: oneOf(["train", "frozen"]),
  metrics: listOf(named),
  monitor: text,
  patience: count,
  saveEvery: count,
  seed: whole,
  memory: {
    expects: "an amount such as 4GB",
    accepts: (value) => typeof value === "string" && memoryBytes(value) !== undefined,
  },
  device: oneOf(["cpu", "cuda", "webgpu", "coreml", "dml"]),
  threads: count,
};

/** What a run does where its configuration does not say. */
export const DEFAULTS = {
  kind: "acs",
  batch: 2,
  accumulate: 1,
  patchesPerCase: 8,
  foreground: 1 / 3,
  augment: [],
  epochs: 100,
  loss: "diceCrossEntropy",
  optimiser: "adam",
  learningRate: 1e-3,
  schedule: "constant",
  freeze: [],
  groups: [],
  batchNorm: "train",
  metrics: ["dice"],
  seed: 0,
  device: "cpu",
} as const satisfies TrainConfig;

/** A configuration with every default filled in. */
export type RunConfig = Omit<TrainConfig, keyof typeof DEFAULTS | "model" | "data"> &
  Required<Pick<TrainConfig, keyof typeof DEFAULTS | "model" | "data">>;

/** Types a configuration file: `export default defineConfig({ … })`. */
export const defineConfig = (config: TrainConfig): TrainConfig => config;

/**
 * Foreign data as a configuration.
 *
 * @param where - the file it is from, for messages
 * @throws {@link AcsconvError} `input` for a setting that there is not, with the nearest there is, or a wrong value
 */
export function checkConfig(value: unknown, where: string): TrainConfig {
  checkFields(value, FIELDS, `"${where}"`);
  return value;
}

/**
 * Fills in the defaults.
 *
 * @throws {@link AcsconvError} `input` without a model or data
 */
export function completeConfig(config: TrainConfig): RunConfig {
  const { model, data } = config;
  if (model === undefined || data === undefined) {
    const missing = model === undefined ? "model" : "data";
    throw new AcsconvError(
      "input",
      `Training needs ${missing === "model" ? "a network" : "a folder of labelled scans"}: give --${missing}, or "${missing}" in the configuration.`,
    );
  }
  return { ...DEFAULTS, ...config, model, data };
}

/** The region that a configuration names. */
export const regionOf = (region: RegionConfig): Region =>
  typeof region === "string" ? HALVES[region] : region;
