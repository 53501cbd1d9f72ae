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
  flagged,
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
import { inputError } from "../../base/errors.ts";
import type { LabelledData } from "../../data/open.ts";
import { HALVES } from "../../data/region.ts";
import { LIFT_KINDS } from "../../lift/options.ts";
import { METRIC_NAMES } from "../../metrics/registry.ts";
import { MACHINE, PREPARATION, SIZE } from "../../model/settings.ts";
import { AUGMENTATION_NAMES, LOSS_NAMES, OPTIMISER_NAMES, SCHEDULE_NAMES } from "../choices.ts";
import type { GroupConfig, TrainConfig } from "./config.ts";

/** What the data of a run have: labels for every voxel, or one class for each scan. */
export type DataKind = LabelledData["kind"];

/** A field of the configuration. */
interface ConfigField<T> extends Setting {
  readonly default?: T;
  /** Where it depends on what the data have: labels for every voxel, or one class for each scan. */
  readonly defaults?: { readonly [K in DataKind]?: T };
  /** The only kind of data that it is for. */
  readonly only?: DataKind;
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

const PATH = { isPath: true } as const;
const DATA = { decidesData: true } as const;
const VOXELS = { only: "segmentation" } as const;

/** By the parts of the help that their flags stand in. */
export const CONFIG_GROUPS = {
  Network: {
    model: flagged(text, "--model <file.onnx>", "the network: 3D, or 2D, which is lifted", PATH),
    kind: flagged(oneOf(LIFT_KINDS), "--kind <kind>", "how a 2D network is lifted (default: acs)"),
    classes: flagged(count, "--classes <n>", "give it a new last layer for so many classes"),
    freeze: flagged(
      listOf(text),
      "--freeze <names>",
      "parameters that are not trained, such as 'enc1.*,enc2.*'",
      { default: [] },
    ),
    groups: { ...groups, default: [] },
    batchNorm: flagged(
      oneOf(["train", "frozen"]),
      "--batch-norm <how>",
      "train with the statistics of the batch, or keep the network's",
      { default: "train" },
    ),
  },
  Data: {
    data: flagged(
      text,
      "--data <path>",
      "labelled scans: Medical Segmentation Decathlon or nnU-Net; to classify them, a folder for each class, a .csv of file,label, or MedMNIST's .npz",
      PATH,
    ),
    array: flagged(text, "--array <name>", "which array of a .npz file is the image", DATA),
    labelArray: flagged(text, "--label-array <name>", "which array of a .npz file is the label", DATA),
    validation: flagged(
      validation,
      "--validation <path|part>",
      "other scans, or the part of the cases that is set aside, such as 0.2 (default: the data's own val, if it is divided; else none)",
      { ...PATH, ...DATA },
    ),
    region: flagged(
      region,
      "--region <part>",
      `train on a half of every scan (${names(Object.keys(HALVES))}), or six parts: right-left, front-back, feet-head`,
      { ...DATA, ...VOXELS },
    ),
    validationRegion: flagged(region, "--validation-region <part>", "validate on such a part", {
      ...DATA,
      ...VOXELS,
    }),
    spacing: { ...PREPARATION.spacing, ...DATA },
    orientation: { ...PREPARATION.orientation, ...DATA },
    window: { ...PREPARATION.window, ...DATA },
    normalize: { ...PREPARATION.normalize, ...DATA },
    size: flagged(
      SIZE,
      "--size <d,h,w>",
      "voxels of a patch (default: the model's, or 64); to classify, of the middle of each scan, which is cut or padded to it (default: the scans' own size, or their median)",
    ),
    patchesPerCase: flagged(count, "--patches <n>", "patches of each case in an epoch (default: 8)", {
      defaults: { segmentation: 8 },
      ...DATA,
      ...VOXELS,
    }),
    foreground: flagged(
      part,
      "--foreground <part>",
      "part of the patches that have foreground in the middle (default: a third)",
      { defaults: { segmentation: 1 / 3 }, ...DATA, ...VOXELS },
    ),
    augment: flagged(
      namedList,
      "--augment <names>",
      `random changes: ${names(AUGMENTATION_NAMES)}; or JSON (default: none)`,
      { default: [], ...DATA },
    ),
  },
  Training: {
    epochs: flagged(count, "--epochs <n>", "rounds through the cases", { default: 100 }),
    batch: flagged(count, "--batch <n>", "patches at once", { default: 2 }),
    accumulate: flagged(
      count,
      "--accumulate <n>",
      "batches per update, for larger ones than fit into memory",
      { default: 1 },
    ),
    loss: flagged(
      named,
      "--loss <name>",
      `${names(LOSS_NAMES)}; or JSON (default: diceCrossEntropy; to classify crossEntropy, of a single score binaryCrossEntropy)`,
      { defaults: { segmentation: "diceCrossEntropy" } },
    ),
    optimiser: flagged(named, "--optimiser <name>", `${names(OPTIMISER_NAMES)}; or JSON`, {
      default: "adam",
    }),
    learningRate: flagged(positive, "--lr <rate>", "learning rate", { default: 1e-3 }),
    schedule: flagged(named, "--schedule <name>", `${names(SCHEDULE_NAMES)}; or JSON, with times in epochs`, {
      default: "constant",
    }),
    clipNorm: flagged(positive, "--clip-norm <x>", "most that the gradient's norm may be"),
    metrics: flagged(
      namedList,
      "--metrics <names>",
      `measured on the validation data: ${names(METRIC_NAMES)}; or JSON (default: dice; to classify accuracy,rocAuc)`,
      { defaults: { segmentation: ["dice"], classification: ["accuracy", "rocAuc"] } },
    ),
    monitor: flagged(
      text,
      "--monitor <value>",
      "the value that makes an epoch the best (default: the first metric)",
    ),
    patience: flagged(count, "--patience <n>", "stop after so many epochs without a better one"),
    saveEvery: flagged(count, "--save-every <n>", "save every so many steps, too"),
    seed: flagged(whole, "--seed <n>", "of everything random", { default: 0 }),
  },
  Machine: {
    memory: flagged(
      amount,
      "--memory <amount>",
      "what a step may take, such as 4GB: what is more is traded for time",
    ),
    ...MACHINE,
  },
} as const;

export const CONFIG_FIELDS = {
  ...CONFIG_GROUPS.Network,
  ...CONFIG_GROUPS.Data,
  ...CONFIG_GROUPS.Training,
  ...CONFIG_GROUPS.Machine,
} satisfies { readonly [K in keyof Required<TrainConfig>]: ConfigField<TrainConfig[K]> };

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
 */
export function checkConfig(value: unknown, where: string): TrainConfig {
  checkFields(value, CONFIG_FIELDS, `"${where}"`);
  return value;
}

/** Fills in the defaults that hold for all kinds of data. */
export function completeConfig(config: TrainConfig): RunConfig {
  const { model, data } = config;
  if (model === undefined || data === undefined) {
    const missing = model === undefined ? "model" : "data";
    throw inputError(
      `Training needs ${missing === "model" ? "a network" : "a folder of labelled scans"}: give --${missing}, or "${missing}" in the configuration.`,
    );
  }
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  return { ...DEFAULTS, ...given } as RunConfig;
}

/**
 * Fills in the defaults of a kind of data.
 *
 * @throws {@link AcsconvError} `input` for a setting that is for another kind
 */
export function completeFor(config: RunConfig, kind: DataKind): RunConfig {
  const foreign = FIELDS.find(([name, { only }]) => only && only !== kind && config[name] !== undefined);
  if (foreign)
    throw inputError(
      `"${foreign[0]}" (${foreign[1].flag!.split(" ")[0]}) is for labels of voxels, and these data have one class for each scan: leave it out.`,
    );
  const own = FIELDS.flatMap(([name, { defaults }]) =>
    defaults?.[kind] === undefined ? [] : [[name, defaults[kind]]],
  );
  return { ...(Object.fromEntries(own) as Partial<RunConfig>), ...config };
}
