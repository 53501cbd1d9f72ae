/**
 * @file The fields of a training configuration, in one table: what each may hold, what it is unless given, and the flag of
 * `acsconv train` that sets it. Checks of files, defaults, flags and their help all follow from it.
 */

import {
  type Field,
  type Fields,
  type Setting,
  checkFields,
  count,
  either,
  listOf,
  named,
  namedList,
  notNegative,
  objectOf,
  oneOf,
  part,
  positive,
  rising,
  text,
  trueOrFalse,
  whole,
} from "../../base/fields.ts";
import { AcsconvError } from "../../base/errors.ts";
import { HALVES } from "../../data/region.ts";
import { LIFT_KINDS } from "../../lift/options.ts";
import { METRIC_NAMES } from "../../metrics/registry.ts";
import { MACHINE, PREPARATION, SIZE } from "../../model/settings.ts";
import { AUGMENTATION_NAMES, LOSS_NAMES, OPTIMISER_NAMES, SCHEDULE_NAMES } from "../choices.ts";
import type { GroupConfig, TrainConfig } from "./config.ts";

/** A field of the configuration. */
interface ConfigField<T> extends Setting {
  /** The part of the help that its flag stands in. */
  readonly group: "Network" | "Data" | "Training" | "Machine";
  readonly default?: T;
  /** Whether examples and values are made from it: a run cannot go on with another. Of the rest its checkpoint knows. */
  readonly decidesData?: true;
}

/** Bytes of `4GB`, `800 MB`, `1.5GiB`; undefined for what is no such amount. */
export function memoryBytes(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?([KMGT]i?)B$/i.exec(text) ?? [];
  if (amount === undefined || unit === undefined || Number(amount) === 0) return undefined;
  const base = unit.length === 2 ? 1024 : 1000;
  return Number(amount) * base ** ("KMGT".indexOf(unit[0]!.toUpperCase()) + 1);
}

const amount: Field = {
  expects: "an amount such as 4GB",
  accepts: (value) => typeof value === "string" && memoryBytes(value) !== undefined,
  written: "an amount such as 4GB or 800MB",
};
const fractions = listOf(rising(part, "a list of 2 rising numbers from 0 to 1", ""), 3);
const region: Field = {
  ...either(oneOf(Object.keys(HALVES)), fractions),
  written: `${Object.keys(HALVES).join(", ")}, or six parts such as 0,0.5,0,1,0,1`,
  read(text) {
    if (Object.hasOwn(HALVES, text)) return text;
    const bounds = listOf(part).read!(text) as number[];
    return Array.from({ length: Math.ceil(bounds.length / 2) }, (_, axis) =>
      bounds.slice(2 * axis, 2 * axis + 2),
    );
  },
};

/** A folder, or a share of the cases. */
const validation: Field = {
  ...either(text, part),
  written: `a folder, or ${part.written}`,
  read(text) {
    const share = part.read!(text);
    return Number.isNaN(share) ? text : share;
  },
};

const groups = listOf(
  objectOf({
    match: text,
    frozen: trueOrFalse,
    learningRate: notNegative,
    weightDecay: notNegative,
  } satisfies Fields<GroupConfig>),
);

const names = (all: readonly string[]): string => all.join(", ");

export const CONFIG_FIELDS = {
  model: {
    ...text,
    group: "Network",
    flag: "--model <file.onnx>",
    help: "the network: 3D, or 2D, which is lifted",
    isPath: true,
  },
  kind: {
    ...oneOf(LIFT_KINDS),
    group: "Network",
    flag: "--kind <kind>",
    help: "how a 2D network is lifted (default: acs)",
  },
  classes: {
    ...count,
    group: "Network",
    flag: "--classes <n>",
    help: "give it a new last layer for so many classes",
  },
  freeze: {
    ...listOf(text),
    group: "Network",
    flag: "--freeze <names>",
    help: "parameters that are not trained, such as 'enc1.*,enc2.*'",
    default: [],
  },
  groups: { ...groups, group: "Network", default: [] },
  batchNorm: {
    ...oneOf(["train", "frozen"]),
    group: "Network",
    flag: "--batch-norm <how>",
    help: "train with the statistics of the batch, or keep the network's",
    default: "train",
  },

  data: {
    ...text,
    group: "Data",
    flag: "--data <folder>",
    help: "labelled scans: Medical Segmentation Decathlon or nnU-Net v2",
    isPath: true,
  },
  validation: {
    ...validation,
    group: "Data",
    flag: "--validation <folder|part>",
    help: "other scans, or the part of the cases that is set aside, such as 0.2 (default: none)",
    isPath: true,
    decidesData: true,
  },
  region: {
    ...region,
    group: "Data",
    flag: "--region <part>",
    help: `train on a half of every scan (${names(Object.keys(HALVES))}), or six parts: right-left, front-back, feet-head`,
    decidesData: true,
  },
  validationRegion: {
    ...region,
    group: "Data",
    flag: "--validation-region <part>",
    help: "validate on such a part",
    decidesData: true,
  },
  spacing: { ...PREPARATION.spacing, group: "Data", decidesData: true },
  orientation: { ...PREPARATION.orientation, group: "Data", decidesData: true },
  window: { ...PREPARATION.window, group: "Data", decidesData: true },
  normalize: { ...PREPARATION.normalize, group: "Data", decidesData: true },
  size: {
    ...SIZE,
    group: "Data",
    flag: "--size <d,h,w>",
    help: "voxels of a patch (default: the model's, or 64)",
  },
  patchesPerCase: {
    ...count,
    group: "Data",
    flag: "--patches <n>",
    help: "patches of each case in an epoch",
    default: 8,
    decidesData: true,
  },
  foreground: {
    ...part,
    group: "Data",
    flag: "--foreground <part>",
    help: "part of the patches that have foreground in the middle (default: a third)",
    default: 1 / 3,
    decidesData: true,
  },
  augment: {
    ...namedList,
    group: "Data",
    flag: "--augment <names>",
    help: `random changes: ${names(AUGMENTATION_NAMES)}; or JSON (default: none)`,
    default: [],
    decidesData: true,
  },

  epochs: {
    ...count,
    group: "Training",
    flag: "--epochs <n>",
    help: "rounds through the cases",
    default: 100,
  },
  batch: { ...count, group: "Training", flag: "--batch <n>", help: "patches at once", default: 2 },
  accumulate: {
    ...count,
    group: "Training",
    flag: "--accumulate <n>",
    help: "batches per update, for larger ones than fit into memory",
    default: 1,
  },
  loss: {
    ...named,
    group: "Training",
    flag: "--loss <name>",
    help: `${names(LOSS_NAMES)}; or JSON`,
    default: "diceCrossEntropy",
  },
  optimiser: {
    ...named,
    group: "Training",
    flag: "--optimiser <name>",
    help: `${names(OPTIMISER_NAMES)}; or JSON`,
    default: "adam",
  },
  learningRate: { ...positive, group: "Training", flag: "--lr <rate>", help: "learning rate", default: 1e-3 },
  schedule: {
    ...named,
    group: "Training",
    flag: "--schedule <name>",
    help: `${names(SCHEDULE_NAMES)}; or JSON, with times in epochs`,
    default: "constant",
  },
  clipNorm: {
    ...positive,
    group: "Training",
    flag: "--clip-norm <x>",
    help: "most that the gradient's norm may be",
  },
  metrics: {
    ...namedList,
    group: "Training",
    flag: "--metrics <names>",
    help: `measured on the validation data: ${names(METRIC_NAMES)}; or JSON (default: dice)`,
    default: ["dice"],
  },
  monitor: {
    ...text,
    group: "Training",
    flag: "--monitor <value>",
    help: "the value that makes an epoch the best (default: the first metric)",
  },
  patience: {
    ...count,
    group: "Training",
    flag: "--patience <n>",
    help: "stop after so many epochs without a better one",
  },
  saveEvery: { ...count, group: "Training", flag: "--save-every <n>", help: "save every so many steps, too" },
  seed: { ...whole, group: "Training", flag: "--seed <n>", help: "of everything random", default: 0 },

  memory: {
    ...amount,
    group: "Machine",
    flag: "--memory <amount>",
    help: "what a step may take, such as 4GB: what is more is traded for time",
  },
  device: { ...MACHINE.device, group: "Machine", default: "cpu" },
  threads: { ...MACHINE.threads, group: "Machine" },
} as const satisfies { readonly [K in keyof Required<TrainConfig>]: ConfigField<TrainConfig[K]> };

type Table = typeof CONFIG_FIELDS;
type WithDefault = {
  [K in keyof Table]: Table[K] extends { readonly default: unknown } ? K : never;
}[keyof Table];

/** A configuration with every default filled in. */
export type RunConfig = TrainConfig & Required<Pick<TrainConfig, WithDefault | "model" | "data">>;

type Name = keyof TrainConfig;
const FIELDS = Object.entries(CONFIG_FIELDS) as [Name, ConfigField<unknown>][];

/** Names of the fields whose record says so. */
const fieldsWhere = (isMeant: (field: ConfigField<unknown>) => boolean): Name[] =>
  FIELDS.filter(([, field]) => isMeant(field)).map(([name]) => name);

/** What examples and values are made from: a run cannot go on with another. */
export const DATA_FIELDS = fieldsWhere(({ decidesData }) => decidesData === true);

const DEFAULTS = Object.fromEntries(
  FIELDS.flatMap(([name, { default: value }]) => (value === undefined ? [] : [[name, value]])),
);

/** The configuration with its paths as `resolve` makes them. */
export function withPaths(config: TrainConfig, resolve: (path: string) => string): TrainConfig {
  const paths = fieldsWhere(({ isPath }) => isPath === true)
    .filter((name) => typeof config[name] === "string")
    .map((name) => [name, resolve(config[name] as string)]);
  return { ...config, ...Object.fromEntries(paths) };
}

/**
 * Foreign data as a configuration.
 *
 * @param where - the file it is from, for messages
 * @throws {@link AcsconvError} `input` for a setting that there is not, with the nearest there is, or a wrong value
 */
export function checkConfig(value: unknown, where: string): TrainConfig {
  checkFields(value, CONFIG_FIELDS, `"${where}"`);
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
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  return { ...DEFAULTS, ...given } as RunConfig;
}
