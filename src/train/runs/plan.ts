/**
 * @file From a configuration to a run: the network, lifted and with its head; the cases, and which of them
 * are set aside; and a trainer for them. Nothing is written.
 */

import { inputError } from "../../base/errors.ts";
import { plainName } from "../../base/names.ts";
import { builtin } from "../../base/files.ts";
import { checkFields } from "../../base/fields.ts";
import { type LabelledData, openData } from "../../data/open.ts";
import { IGNORED } from "../../data/labels.ts";
import { splitsOf, withClasses } from "../../data/classification/data-set.ts";
import { inTurn, mapDataset } from "../../data/transform.ts";
import type { Metric } from "../../metrics/metric.ts";
import { normalizationOf } from "../../model/prepare.ts";
import type { Model } from "../../model/model.ts";
import { isClassifier } from "../../model/network.ts";
import { readScores } from "../../model/scores.ts";
import type { Task } from "../../model/task.ts";
import {
  createAugmentation,
  createLoss,
  createMetrics,
  createOptimiser,
  createSchedule,
  needsScores,
} from "../choices.ts";
import { estimateMemory } from "../../compile/memory.ts";
import { Trainer } from "../trainer.ts";
import { type TrainerOptions, monitorOf } from "../trainer-options.ts";
import { caseSets } from "./case-sets.ts";
import { type TrainConfig, partOf } from "./config.ts";
import {
  CONFIG_FIELDS,
  type RunConfig,
  completeConfig,
  completeFor,
  memoryBytes,
  withPaths,
} from "./config-fields.ts";
import { configOfRun, runFolder } from "./folder.ts";
import { checkMemory } from "./memory-check.ts";
import type { CaseSets } from "./run-data.ts";
import { scanSets } from "./scan-sets.ts";
import { checkClasses, networkOfRun } from "./trained-network.ts";

/** How to plan a run. */
export interface PlanOptions {
  /** Of the run. */
  readonly folder?: string | undefined;
  /** Whether to go on with the run in the folder: what its config.json says holds, but for what the configuration does. */
  readonly resume?: boolean | undefined;
  /** Told what is odd, such as voxels that are no numbers. */
  readonly onWarning?: ((sentence: string) => void) | undefined;
}

/** A run, ready to start. */
export interface TrainPlan extends CaseSets {
  /** With all defaults, and all that was found out. */
  readonly config: RunConfig & Required<Pick<RunConfig, "size" | "loss" | "metrics">>;
  readonly model: Model;
  readonly data: LabelledData;
  /** The value that makes an epoch the best: `loss` without validation. */
  readonly monitor: string;
  readonly options: TrainerOptions;
  readonly trainer: Trainer;
  /** Bytes that the process takes in a step, as estimated. */
  readonly memory: number;
  /** What its networks are saved with. */
  readonly task: Task;
}

/**
 * What a run would be: its network, cases, steps and memory. Reads the network and the first scans, and writes nothing.
 *
 * @throws {@link AcsconvError} as loading, lifting and opening the folder do; `input` where network, data and
 *   settings do not fit together, or a step takes more memory than there is; `train` where the network cannot be trained
 *
 * @example
 * const { trainer, memory, config } = await planTraining({ model: "unet.acs.onnx", data: "Task09_Spleen" });
 * console.log(`${trainer.stepsPerEpoch * config.epochs} steps of ${memory / 2 ** 30} GiB`);
 */
export async function planTraining(config: TrainConfig, options: PlanOptions = {}): Promise<TrainPlan> {
  const { config: complete } = await configOf(config, options);
  return makePlan(complete, undefined, options.onWarning);
}

/** The whole configuration of a run, and what it was told when it began, if it goes on. */
export async function configOf(
  config: TrainConfig,
  { folder, resume = false }: PlanOptions,
): Promise<{ readonly config: RunConfig; readonly before: TrainConfig | undefined }> {
  checkFields(config, CONFIG_FIELDS, "The training configuration");
  if (resume && folder === undefined) throw inputError("To resume a run takes its folder: name it.");
  const before = resume ? await configOfRun(runFolder(folder!)) : undefined;
  const own = withPaths(config, (path) => builtin("node:path").resolve(path));
  return { config: completeConfig({ ...before, ...own }), before };
}

/** @param checkpoints - the folder where the trainer keeps them */
export async function makePlan(
  given: RunConfig,
  checkpoints: string | undefined,
  onWarning: (sentence: string) => void = () => undefined,
): Promise<TrainPlan> {
  const { model: network, kind } = await networkOfRun(given, onWarning);
  const data = numberedAs(network, given, await openData(given.data, given, onWarning));
  checkClasses(network, data);
  const own = completeFor(given, data.kind);
  tellOfSameScans(own, data, onWarning);
  const { examples, ...sets } =
    data.kind === "segmentation"
      ? await caseSets(own, data, network, onWarning)
      : await scanSets(own, data, network, onWarning);
  const { size, validation } = sets;
  const { metrics: wanted = [], loss = usualLoss(network) } = own;
  const config = { ...own, size, metrics: wanted, loss };
  const task = taskOf(network, data, config, sets.seen);
  // What no file can say of a network is told now, and not after the first epoch.
  const model = network.withTask(task);

  const augmentations = config.augment.map(createAugmentation);
  const metrics = (): Metric[] => createMetrics(wanted, data);
  // Names that there are not are told without validation, too.
  metrics();
  const { freeze, device, threads, saveEvery } = config;
  const options: TrainerOptions = {
    // What both call by one name.
    ...config,
    data: augmentations.length > 0 ? mapDataset(examples, inTurn(...augmentations)) : examples,
    loss: createLoss(loss, data.classes.ignore === undefined ? undefined : IGNORED),
    optimiser: createOptimiser(config.optimiser),
    schedule: createSchedule(config.schedule),
    size,
    groups: [...freeze.map((match) => ({ match, frozen: true })), ...config.groups],
    memory: config.memory === undefined ? undefined : memoryBytes(config.memory),
    session: { device, threads },
    validation: validation && {
      cases: validation.read,
      labels: data.classes.names,
      channels: data.channels,
      metrics,
      needsScores: needsScores(wanted),
      ...(config.validationRegion && { part: partOf(config.validationRegion) }),
    },
    checkpoint: checkpoints === undefined ? undefined : { folder: checkpoints, everySteps: saveEvery },
  };
  const trainer = trainerOf(model, options);
  const memory = estimateMemory(trainer.step.graph).peakBytes;
  checkMemory(memory, config, onWarning);
  return {
    ...sets,
    config: { ...config, ...(kind && { kind }) },
    model,
    data,
    monitor: monitorOf(options),
    options,
    trainer,
    memory,
    task,
  };
}

/** Data with classes that a trained classifier names keep its numbers; there may be fewer. */
function numberedAs({ task, graph }: Model, { classes }: RunConfig, data: LabelledData): LabelledData {
  const names = task?.classes?.names;
  if (data.kind === "segmentation" || classes !== undefined || !names || !isClassifier(graph)) return data;
  const there = new Set(names.map(plainName));
  const isKnown = data.classes.names.every((name) => there.has(plainName(name)));
  return isKnown ? withClasses(data, names, "the network has") : data;
}

/** Scans that are trained on tell nothing about others. */
function tellOfSameScans(
  { data: path, validation, region, validationRegion }: RunConfig,
  data: LabelledData,
  onWarning: (sentence: string) => void,
): void {
  if (validation !== path || region || validationRegion) return;
  if (data.kind === "classification" && splitsOf(data).includes("val")) return;
  onWarning(
    `The validation data are those that are trained on ("${path}"), so its values tell nothing about other scans: give these, or set a share aside, such as 0.2 (--validation).`,
  );
}

/** What a classifier is trained with; a single score answers yes or no. */
const usualLoss = (model: Model): string =>
  readScores(model.graph).classes === 1 ? "binaryCrossEntropy" : "crossEntropy";

function trainerOf(model: Model, options: TrainerOptions): Trainer {
  const trainer = new Trainer(model, options);
  const [, , ...scores] = trainer.step.output;
  if (scores.join() === options.size.join() || isClassifier(model.graph)) return trainer;
  throw inputError(
    `The network gives scores of [${scores.join(", ")}] voxels for patches of [${options.size.join(", ")}], ` +
      "and training needs one for every voxel: choose a size that its strides divide, such as a multiple of 32, " +
      "or a network that ends at the size of its input.",
  );
}

/** What prediction and evaluation have to know of a network that is trained so. */
function taskOf(
  model: Model,
  { classes, channels }: LabelledData,
  config: TrainPlan["config"],
  seen: CaseSets["seen"],
): Task {
  const { spacing, orientation, window, size: patch } = config;
  // What its file says goes before what it shows.
  const scores = model.task?.scores ?? readScores(model.graph).scores;
  return {
    scores,
    classes: { names: classes.names, values: classes.values.map(([first]) => first!) },
    channels: channels ?? seen,
    patch,
    preparation: { spacing, orientation, window, normalize: normalizationOf(config) },
  };
}
