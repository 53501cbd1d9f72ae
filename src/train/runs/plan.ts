/**
 * @file From a configuration to a run: the network, lifted and with its head; the cases, and which of them
 * are set aside; and a trainer for them. Nothing is written. The headers of all scans are read, and the first
 * scans, for what is wrong with one is often wrong with all.
 */

import { type DataFolder, CaseStore, openFolder, patches, splitCases, wholeScans } from "../../data/index.ts";
import { type PreparedCase, checkGrids } from "../../data/cases.ts";
import type { CaseFiles } from "../../data/folders.ts";
import { IGNORED } from "../../data/labels.ts";
import { inTurn, mapDataset } from "../../data/transform.ts";
import { AcsconvError } from "../../base/errors.ts";
import { type Model, lift, load } from "../../index.ts";
import { withKind } from "../../lift/options.ts";
import type { Metric } from "../../metrics/metric.ts";
import { createMetric } from "../../metrics/registry.ts";
import { endsInActivation } from "../../model/index.ts";
import { shapeText } from "../../report/figures.ts";
import { createAugmentation, createLoss, createOptimiser, createSchedule } from "../choices.ts";
import { type RunConfig, memoryBytes, regionOf } from "./config.ts";
import type { Named } from "../../base/fields.ts";
import { replaceHead } from "../head.ts";
import { Trainer } from "../trainer.ts";
import type { TrainerOptions } from "../trainer-options.ts";
import { warn } from "../../cli/errors.ts";

/** Labelled cases of one purpose. */
export interface Cases {
  readonly files: readonly CaseFiles[];
  readonly store: CaseStore;
}

/** A run, ready to start. */
export interface TrainPlan {
  /** With all that was found out. */
  readonly config: RunConfig & Required<Pick<RunConfig, "size">>;
  readonly model: Model;
  readonly folder: DataFolder;
  readonly training: Cases;
  readonly validation: Cases | undefined;
  /** The first case that is trained on. */
  readonly first: PreparedCase;
  /** The value that makes an epoch the best; undefined for the loss. */
  readonly monitor: string | undefined;
  readonly options: TrainerOptions;
}

/** Patches [D, H, W] where neither the configuration nor the network says: two thirds of a gigabyte per 100 maps. */
const USUAL_SIZE = [64, 64, 64] as const;

/**
 * @throws {@link AcsconvError} as loading, lifting and opening the folder do; `input` where network, data and
 *   settings do not fit together
 */
export async function planTraining(config: RunConfig, checkpointFolder?: string): Promise<TrainPlan> {
  const { model: network, kind } = await network3d(config);
  const folder = await openFolder(config.data);
  const model =
    config.classes === undefined ? network : replaceHead(network, config.classes, { seed: config.seed });
  checkClasses(model, folder);

  const size = config.size ?? fixedSize(model) ?? USUAL_SIZE;
  const { training, validation } = await splitOf(config, model, folder);
  await checkGrids([...training.files, ...(validation?.files ?? [])]);
  const first = await training.store.load(0);
  await validation?.store.load(0);
  const augmentations = config.augment.map(createAugmentation);
  const ignore = folder.classes.ignore === undefined ? undefined : IGNORED;
  const drawn = patches(training.store, {
    size,
    perCase: config.patchesPerCase,
    foreground: config.foreground,
  });
  const scores = endsInActivation(model.graph) ? "probabilities" : "logits";
  const metrics = (): Metric[] => createMetrics(config.metrics, folder, scores);
  const values = metrics().flatMap((metric) => Object.keys(metric.value()));
  const options: TrainerOptions = {
    data: augmentations.length > 0 ? mapDataset(drawn, inTurn(...augmentations)) : drawn,
    loss: createLoss(config.loss, ignore),
    optimiser: createOptimiser(config.optimiser),
    schedule: createSchedule(config.schedule),
    learningRate: config.learningRate,
    epochs: config.epochs,
    batch: config.batch,
    accumulate: config.accumulate,
    size,
    groups: [...config.freeze.map((match) => ({ match, frozen: true })), ...config.groups],
    clipNorm: config.clipNorm,
    batchNorm: config.batchNorm,
    seed: config.seed,
    patience: config.patience,
    memory: config.memory === undefined ? undefined : memoryBytes(config.memory),
    monitor: config.monitor,
    session: { device: config.device, threads: config.threads },
    ...(validation && { validation: { data: wholeScans(validation.store), metrics } }),
    ...(checkpointFolder !== undefined && {
      checkpoint: { folder: checkpointFolder, everySteps: config.saveEvery },
    }),
  };
  return {
    config: { ...config, size, ...(kind && { kind }) },
    model,
    folder,
    training,
    validation,
    first,
    monitor: config.monitor ?? (validation && values[0]),
    options,
  };
}

/**
 * @throws {@link AcsconvError} `train` or `input` where the network has no such training step
 */
export function createTrainer({ model, options }: TrainPlan): Trainer {
  const trainer = new Trainer(model, options);
  const [, , ...scores] = trainer.step.output;
  if (scores.join() !== options.size.join()) {
    throw new AcsconvError(
      "input",
      `The network gives scores of [${scores.join(", ")}] voxels for patches of [${options.size.join(", ")}], ` +
        "and training needs one for every voxel: choose a size that its strides divide, such as a multiple of 32, " +
        "or a network that ends at the size of its input.",
    );
  }
  return trainer;
}

/** The network as 3D, and how it was lifted if it was lifted here. */
async function network3d({
  model: path,
  kind,
}: RunConfig): Promise<{ model: Model; kind?: RunConfig["kind"] }> {
  const model = await load(path);
  const is2d = model.inputs[0]?.shape?.length === 4;
  if (is2d || (kind !== undefined && model.lifted)) {
    const lifted = lift(model, withKind(model.lifted?.options ?? {}, kind ?? "acs"));
    for (const warning of lifted.report!.warnings) warn(warning);
    return { model: lifted, kind: kind ?? "acs" };
  }
  if (kind !== undefined) {
    throw new AcsconvError(
      "input",
      `"${path}" is a 3D network that acsconv did not lift, so it cannot become ${kind}: leave the kind out.`,
    );
  }
  return { model };
}

/** @throws {@link AcsconvError} `input` unless it is a 3D network that scores the classes of the data */
export function checkClasses(model: Model, { classes: { names } }: DataFolder): void {
  const [input] = model.inputs;
  if (input?.shape?.length === 4) {
    throw new AcsconvError(
      "input",
      `This is a 2D network ("${input.name}" is ${shapeText(input.shape)}): lift it first, as with "acsconv lift".`,
    );
  }
  const [output] = model.outputs;
  const shape = output?.shape;
  if (shape && shape.length !== 5) {
    throw new AcsconvError(
      "input",
      `Expected an output with a score for every voxel, [N, K, D, H, W], and "${output.name}" is ${shapeText(shape)}: use a segmentation network.`,
    );
  }
  const scores = shape?.[1];
  // One score tells two classes apart.
  if (typeof scores !== "number" || scores === names.length || (scores === 1 && names.length === 2)) return;
  throw new AcsconvError(
    "input",
    `The network tells ${scores} classes apart and the data set has ${names.length} (${names.join(", ")}): ` +
      `train with --classes ${names.length}, which gives the network a new last layer.`,
  );
}

/**
 * Metrics by name for the classes of a data set.
 *
 * @param scores - what those that rank will be given
 */
export const createMetrics = (
  metrics: readonly Named[],
  { classes }: DataFolder,
  scores: "logits" | "probabilities",
): Metric[] =>
  metrics.map((metric) => {
    const { name, ...options } = typeof metric === "string" ? { name: metric } : metric;
    return createMetric(name, {
      classes: classes.names,
      ...(classes.ignore !== undefined && { ignoreIndex: IGNORED }),
      ...(name === "rocAuc" && { scores }),
      ...options,
    });
  });

/** Which cases are trained on, and which are set aside. */
async function splitOf(
  config: RunConfig,
  model: Model,
  folder: DataFolder,
): Promise<Pick<TrainPlan, "training" | "validation">> {
  const { spacing, orientation, window, normalize, region, validation, validationRegion } = config;
  const channels = channelsOf(model, folder);
  const preparation = {
    channels,
    onWarning: warn,
    ...(spacing && { spacing }),
    ...(orientation !== undefined && { orientation }),
    ...(window && { window }),
    ...(normalize && { normalize }),
  };
  const casesOf = (files: readonly CaseFiles[], part: RunConfig["region"], from = folder): Cases => ({
    files,
    store: new CaseStore(files, from, { ...preparation, ...(part && { region: regionOf(part) }) }),
  });
  if (typeof validation === "string") {
    const other = await openFolder(validation);
    checkSameClasses(folder, other, validation);
    return {
      training: casesOf(folder.cases, region),
      validation: casesOf(other.cases, validationRegion, other),
    };
  }
  if (validation !== undefined && validation > 0) {
    const parts = splitCases(folder.cases, validation, config.seed);
    return {
      training: casesOf(parts.training, region),
      validation: casesOf(parts.validation, validationRegion),
    };
  }
  return {
    training: casesOf(folder.cases, region),
    validation: validationRegion && casesOf(folder.cases, validationRegion),
  };
}

function checkSameClasses(a: DataFolder, b: DataFolder, path: string): void {
  const [ours, theirs] = [a, b].map(({ classes: { names, values } }) =>
    names.map((name, k) => `${values[k]!.join(", ")} (${name})`).join(", "),
  );
  if (ours === theirs) return;
  throw new AcsconvError(
    "input",
    `The validation data "${path}" have the classes ${theirs}, and the training data ${ours}: both need the same.`,
  );
}

/** The network's input channels; where it leaves them open, those of the data. */
function channelsOf(model: Model, { channels }: DataFolder): number {
  const own = model.inputs[0]?.shape?.[1];
  return typeof own === "number" ? own : (channels?.length ?? 1);
}

function fixedSize(model: Model): RunConfig["size"] {
  const [, , ...size] = model.inputs[0]?.shape ?? [];
  return size.length === 3 && size.every((n) => typeof n === "number")
    ? (size as unknown as RunConfig["size"])
    : undefined;
}
