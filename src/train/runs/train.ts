/** @file A whole training run: plan, check, train, and the files that are written on the way. */

import { inputError } from "../../base/errors.ts";
import { builtin } from "../../base/files.ts";
import type { Model } from "../../model/model.ts";
import type { EventOf, TrainEvent } from "../events.ts";
import { readLog, trainLog } from "../log.ts";
import type { FitResult } from "../trainer.ts";
import type { TrainConfig } from "./config.ts";
import {
  type RunFolder,
  checkEmpty,
  checkSameCases,
  checkSameData,
  clearRun,
  hasCheckpoint,
  runFolder,
  tidyRun,
  writeCases,
  writeConfig,
  writeText,
} from "./folder.ts";
import { hashOfCases } from "./run-data.ts";
import { type PlanOptions, type TrainPlan, configOf, makePlan } from "./plan.ts";

type EpochEvent = EventOf<"epoch">;

/** How to train, beside what the configuration says. */
export interface TrainOptions extends PlanOptions {
  /** Where the run's files go; without it nothing is written. It has to be empty, but to resume or overwrite. */
  readonly folder?: string | undefined;
  /** Begins anew where there is a run in the folder. */
  readonly overwrite?: boolean | undefined;
  /** Ends training after the step that is running, with all saved. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the run when everything is checked, and before anything is done. */
  readonly onPlan?: ((plan: TrainPlan) => void) | undefined;
  readonly onEvent?: ((event: TrainEvent) => void) | undefined;
}

/** What came of a run. */
export interface TrainResult extends Pick<FitResult, "interrupted" | "epochs" | "steps"> {
  /** The end of the best epoch, with its metrics; undefined where no epoch has ended, or all were NaN. */
  readonly best: EpochEvent | undefined;
  /** Of the best epoch; where there is none, of the last step. */
  readonly model: Model;
  /** Paths of the run's files. */
  readonly folder: RunFolder | undefined;
}

/**
 * Trains a network on labelled scans, as `acsconv train` does: a segmentation network on labels of voxels, a classifier on
 * scans with one class each. The folder of the run gets `config.json`,
 * `log.jsonl`, checkpoints, `model.onnx` (of the best epoch) and `report.html`; a run that was interrupted or killed
 * goes on by `resume`, to the same bits.
 *
 * @throws {@link AcsconvError} as {@link planTraining} and {@link Trainer.fit}; `input` for a folder that is not empty,
 *   or a run that goes on with other data; `io` if a file cannot be written
 *
 * @example
 * const { best, model } = await train(
 *   { model: "unet.onnx", data: "Task09_Spleen", validation: 0.2, size: [64, 64, 64] },
 *   { folder: "run", onEvent: ({ type, step }) => console.log(type, step) },
 * );
 */
export async function train(given: TrainConfig, options: TrainOptions = {}): Promise<TrainResult> {
  const { resume = false, overwrite = false, signal, onWarning } = options;
  if (resume && overwrite) throw inputError("A run is either resumed or overwritten: leave one of them out.");
  const folder = options.folder === undefined ? undefined : runFolder(options.folder);
  const { config, before } = await configOf(given, options);
  if (folder && !resume && !overwrite) await checkEmpty(folder);
  const plan = await makePlan(config, folder?.path, onWarning);
  if (folder) await prepareFolder(folder, plan, before);
  options.onPlan?.(plan);

  const { trainer, task } = plan;
  const modelOf = (weights: "best" | "last"): Model => trainer.model(weights).withTask(task);
  const log = folder && trainLog(folder.log);
  // Files are written one after the other beside the training; the first failure is told at the end.
  let written: Promise<void> = Promise.resolve();
  const write = (make: () => Promise<void>): void => {
    written = written.then(make);
    written.catch(() => undefined);
  };
  const epochs: EpochEvent[] = [];
  const onEvent = (event: TrainEvent): void => {
    log?.(event);
    options.onEvent?.(event);
    if (event.type !== "epoch") return;
    epochs.push(event);
    if (!folder) return;
    if (event.best) {
      const best = modelOf("best");
      write(() => best.save(folder.model));
    }
    write(() => writeReport(plan, folder));
  };
  const fitted = await trainer.fit({ signal, onEvent });
  // Everything that training depends on is saved: what ends this is made up for by resuming.
  await written;
  const ended = folder ? readLog(folder.log).filter((event) => event.type === "epoch") : epochs;
  const best = ended.findLast((epoch) => epoch.best);
  const model = modelOf(best ? "best" : "last");
  if (folder && fitted.interrupted) await writeReport(plan, folder);
  else if (folder) {
    await model.save(folder.model);
    await writeReport(plan, folder, model);
  }
  return { interrupted: fitted.interrupted, epochs: fitted.epochs, steps: fitted.steps, best, model, folder };
}

/** Makes the folder of a new run, or goes to where the run in it stands. */
async function prepareFolder(
  folder: RunFolder,
  plan: TrainPlan,
  before: TrainConfig | undefined,
): Promise<void> {
  const { trainer, config } = plan;
  const cases = hashOfCases(plan, plan.data);
  if (before && (await hasCheckpoint(folder))) {
    checkSameData(before, config, folder);
    await checkSameCases(folder, cases);
    await trainer.resume();
    await tidyRun(folder);
  } else await clearRun(folder);
  await writeConfig(folder, config);
  await writeCases(folder, cases);
}

/** @param model - of a run that has ended, for pictures of what it says */
async function writeReport(plan: TrainPlan, folder: RunFolder, model?: Model): Promise<void> {
  const { config, data } = plan;
  // Charts load libraries that whoever only imports this need not have.
  const { trainingReport } = await import("./report.ts");
  const pictures = model ? await (await import("./pictures.ts")).casePictures(plan, model) : [];
  const text = trainingReport({
    title: `${data.name} · ${builtin("node:path").basename(config.model)}`,
    events: readLog(folder.log),
    config: { ...config },
    classes: data.classes.names,
    [data.kind === "segmentation" ? "overlays" : "scans"]: pictures,
  });
  await writeText(folder.report, text);
}
