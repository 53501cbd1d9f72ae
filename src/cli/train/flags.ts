/** @file The flags of `acsconv train`: one table of what they are called, mean, and set in the configuration. */

import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { METRIC_NAMES } from "../../metrics/registry.ts";
import { LIFT_KINDS } from "../../index.ts";
import { AUGMENTATION_NAMES, LOSS_NAMES, OPTIMISER_NAMES, SCHEDULE_NAMES } from "../../train/choices.ts";
import { DEFAULTS, type RegionConfig, type TrainConfig, memoryBytes } from "../../train/runs/config.ts";
import type { Named } from "../../base/fields.ts";
import { HALVES, type Region } from "../../data/region.ts";
import {
  parseCount,
  parsePart,
  parsePositive,
  parseRange,
  parseSizes,
  parseSpacing,
  parseWhole,
} from "../arguments.ts";

/** What a flag sets; how it is written and described; how its text is read. */
interface Flag {
  readonly sets: keyof TrainConfig;
  readonly flags: string;
  readonly says: string;
  readonly parse?: (text: string) => unknown;
  readonly choices?: readonly string[];
}

const names = (all: readonly string[]): string => all.join(", ");
const list = (text: string): string[] => text.split(",").map((part) => part.trim());

/** A name, or JSON of an object with a name and options. */
const parseNamed = (text: string): Named => (text.startsWith("{") ? (parseJson(text) as Named) : text);
/** Names with commas between, or JSON of a list of such. */
export const parseNamedList = (text: string): readonly Named[] =>
  text.startsWith("[") ? (parseJson(text) as readonly Named[]) : list(text);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('Expected a name, or JSON such as {"name":"sgd","momentum":0.9}.');
  }
}

const REGION = `half of every scan (${names(Object.keys(HALVES))}), or six parts: right-left, front-back, feet-head`;

/** `left`, or `0,0.5,0,1,0,1`: from and to along each of the patient's axes. */
export function parseRegion(text: string): RegionConfig {
  if (Object.hasOwn(HALVES, text)) return text as RegionConfig;
  const parts = list(text).map((part) => (part === "" ? NaN : Number(part)));
  const [a, b, c, d, e, f, ...rest] = parts;
  if (
    f === undefined ||
    rest.length > 0 ||
    ![
      [a, b],
      [c, d],
      [e, f],
    ].every(([from, to]) => from! >= 0 && from! < to! && to! <= 1)
  ) {
    throw new InvalidArgumentError(
      `Expected ${names(Object.keys(HALVES))}, or six parts such as 0,0.5,0,1,0,1.`,
    );
  }
  return [
    [a, b],
    [c, d],
    [e, f],
  ] as Region;
}

function parseMemory(text: string): string {
  if (memoryBytes(text) === undefined)
    throw new InvalidArgumentError("Expected an amount such as 4GB or 800MB.");
  return text;
}

/** A share of the cases, or a folder. */
const parseValidation = (text: string): string | number =>
  Number.isNaN(Number(text)) ? text : parsePart(text);

const GROUPS: Readonly<Record<string, readonly Flag[]>> = {
  "Network:": [
    { sets: "model", flags: "--model <file.onnx>", says: "the network: 3D, or 2D, which is lifted" },
    {
      sets: "kind",
      flags: "--kind <kind>",
      says: "how a 2D network is lifted (default: acs)",
      choices: LIFT_KINDS,
    },
    {
      sets: "classes",
      flags: "--classes <n>",
      says: "give it a new last layer for so many classes",
      parse: parseCount,
    },
    {
      sets: "freeze",
      flags: "--freeze <names>",
      says: "parameters that are not trained, such as 'enc1.*,enc2.*'",
      parse: list,
    },
    {
      sets: "batchNorm",
      flags: "--batch-norm <how>",
      says: `train with the statistics of the batch, or keep the network's (default: ${DEFAULTS.batchNorm})`,
      choices: ["train", "frozen"],
    },
  ],
  "Data:": [
    {
      sets: "data",
      flags: "--data <folder>",
      says: "labelled scans: Medical Segmentation Decathlon or nnU-Net v2",
    },
    {
      sets: "validation",
      flags: "--validation <folder|part>",
      says: "other scans, or the part of the cases that is set aside, such as 0.2 (default: none)",
      parse: parseValidation,
    },
    { sets: "region", flags: "--region <part>", says: `train on a ${REGION}`, parse: parseRegion },
    {
      sets: "validationRegion",
      flags: "--validation-region <part>",
      says: "validate on such a part",
      parse: parseRegion,
    },
    {
      sets: "spacing",
      flags: "--spacing <d,h,w>",
      says: "millimetres at which the network works (default: the scan's)",
      parse: parseSpacing,
    },
    {
      sets: "orientation",
      flags: "--orient <code>",
      says: "turn scans for the network, such as LPS for axial slices (default: as they are)",
    },
    { sets: "window", flags: "--window <low,high>", says: "clamp intensities, to 0 to 1", parse: parseRange },
    {
      sets: "normalize",
      flags: "--normalize <how>",
      says: "intensities (default: zscore, or none after --window)",
      choices: ["zscore", "minmax", "imagenet", "none"],
    },
    {
      sets: "size",
      flags: "--size <d,h,w>",
      says: "voxels of a patch (default: the model's, or 64)",
      parse: parseSizes,
    },
    {
      sets: "patchesPerCase",
      flags: "--patches <n>",
      says: `patches of each case in an epoch (default: ${DEFAULTS.patchesPerCase})`,
      parse: parseCount,
    },
    {
      sets: "foreground",
      flags: "--foreground <part>",
      says: "part of the patches that have foreground in the middle (default: a third)",
      parse: parsePart,
    },
    {
      sets: "augment",
      flags: "--augment <names>",
      says: `random changes: ${names(AUGMENTATION_NAMES)}; or JSON (default: none)`,
      parse: parseNamedList,
    },
  ],
  "Training:": [
    { sets: "epochs", flags: "--epochs <n>", says: `(default: ${DEFAULTS.epochs})`, parse: parseCount },
    {
      sets: "batch",
      flags: "--batch <n>",
      says: `patches at once (default: ${DEFAULTS.batch})`,
      parse: parseCount,
    },
    {
      sets: "accumulate",
      flags: "--accumulate <n>",
      says: "batches per update, for larger ones than fit into memory",
      parse: parseCount,
    },
    {
      sets: "loss",
      flags: "--loss <name>",
      says: `${names(LOSS_NAMES)}; or JSON (default: ${DEFAULTS.loss})`,
      parse: parseNamed,
    },
    {
      sets: "optimiser",
      flags: "--optimiser <name>",
      says: `${names(OPTIMISER_NAMES)}; or JSON (default: ${DEFAULTS.optimiser})`,
      parse: parseNamed,
    },
    {
      sets: "learningRate",
      flags: "--lr <rate>",
      says: `learning rate (default: ${DEFAULTS.learningRate})`,
      parse: parsePositive,
    },
    {
      sets: "schedule",
      flags: "--schedule <name>",
      says: `${names(SCHEDULE_NAMES)}; or JSON, with times in epochs (default: ${DEFAULTS.schedule})`,
      parse: parseNamed,
    },
    {
      sets: "clipNorm",
      flags: "--clip-norm <x>",
      says: "most that the gradient's norm may be",
      parse: parsePositive,
    },
    {
      sets: "metrics",
      flags: "--metrics <names>",
      says: `measured on the validation data: ${names(METRIC_NAMES)}; or JSON (default: dice)`,
      parse: parseNamedList,
    },
    {
      sets: "monitor",
      flags: "--monitor <value>",
      says: "the value that makes an epoch the best (default: the first metric)",
    },
    {
      sets: "patience",
      flags: "--patience <n>",
      says: "stop after so many epochs without a better one",
      parse: parseCount,
    },
    {
      sets: "saveEvery",
      flags: "--save-every <n>",
      says: "save every so many steps, too",
      parse: parseCount,
    },
    { sets: "seed", flags: "--seed <n>", says: "of everything random (default: 0)", parse: parseWhole },
  ],
  "Machine:": [
    {
      sets: "memory",
      flags: "--memory <amount>",
      says: "what a step may take, such as 4GB: what is more is traded for time",
      parse: parseMemory,
    },
    {
      sets: "device",
      flags: "--device <name>",
      says: "where to compute (default: cpu)",
      choices: ["cpu", "cuda", "webgpu", "coreml", "dml"],
    },
    {
      sets: "threads",
      flags: "--threads <n>",
      says: "CPU threads (default: the physical cores)",
      parse: parseCount,
    },
  ],
};

/** Adds the flags that set something in the configuration. */
export function addConfigFlags(command: Command): void {
  for (const [group, flags] of Object.entries(GROUPS)) {
    command.optionsGroup(group);
    for (const { flags: text, says, parse, choices } of flags) {
      const option = new Option(text, says);
      if (choices) option.choices(choices);
      if (parse) option.argParser(parse);
      command.addOption(option);
    }
  }
}

/** What the flags that were given set. Paths start at the working directory. */
export function configOfFlags(given: Readonly<Record<string, unknown>>): TrainConfig {
  const entries = Object.values(GROUPS)
    .flat()
    .map(({ sets, flags }) => [sets, given[new Option(flags).attributeName()]] as const)
    .filter(([, value]) => value !== undefined)
    .map(([sets, value]) => [
      sets,
      typeof value === "string" && ["model", "data", "validation"].includes(sets) ? resolve(value) : value,
    ]);
  return Object.fromEntries(entries) as TrainConfig;
}
