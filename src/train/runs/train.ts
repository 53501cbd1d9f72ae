/** @file The work of `acsconv train`: plan, check, train, and what is written on the way. */

import { basename } from "node:path";
import { AcsconvError } from "../../base/errors.ts";
import type { Picture } from "../../report/html/pictures.ts";
import { trainingReport } from "./report.ts";
import { type TrainConfig, completeConfig } from "./config.ts";
import type { TrainEvent } from "../events.ts";
import { readLog, trainLog } from "../log.ts";
import { estimateMemory } from "../memory.ts";
import type { Trainer } from "../trainer.ts";
import { Interrupted, interruptible } from "../../cli/interrupt.ts";
import { metricTables } from "../../cli/metric-tables.ts";
import type { GlobalOptions } from "../../cli/global-options.ts";
import { readConfig } from "./config-file.ts";
import { configOfFlags } from "../../cli/train/flags.ts";
import {
  type RunFolder,
  checkEmpty,
  clearRun,
  configOfRun,
  hasCheckpoint,
  runFolder,
  tidyRun,
  writeConfig,
  writeText,
} from "./folder.ts";
import { describePlan, measureSpeed } from "../../cli/train/describe.ts";
import { casePictures } from "./pictures.ts";
import { checkMemory } from "./memory-check.ts";
import { type TrainPlan, createTrainer, planTraining } from "./plan.ts";
import { startTrainView } from "../../cli/train/view.ts";

/** As parsed: these, and those of the configuration by their names. */
export interface TrainFlags extends GlobalOptions, Readonly<Record<string, unknown>> {
  readonly out?: string;
  readonly config?: string;
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
}

/** @throws {@link AcsconvError} for what cannot be trained; {@link Interrupted} after Ctrl-C, when all is saved */
export async function runTraining(flags: TrainFlags): Promise<void> {
  const { out, config: file, resume = false, overwrite = false, dryRun = false } = flags;
  if (resume && (overwrite || file !== undefined)) {
    const other = overwrite ? "--overwrite" : "--config";
    throw new AcsconvError(
      "input",
      `--resume goes on with what the folder's config.json says: leave ${other} out.`,
    );
  }
  if (out === undefined && (resume || !dryRun)) {
    throw new AcsconvError("input", "Name a folder for the run: -o FOLDER.");
  }
  const folder = out === undefined ? undefined : runFolder(out);
  const before = resume ? await configOfRun(folder!) : file === undefined ? {} : await readConfig(file);
  const config = completeConfig({ ...before, ...configOfFlags(flags) });
  if (folder && !resume && !overwrite && !dryRun) await checkEmpty(folder);

  const plan = await planTraining(config, dryRun ? undefined : folder?.path);
  const trainer = createTrainer(plan);
  const memory = estimateMemory(trainer.step.graph).peakBytes;
  checkMemory(memory, config);
  if (dryRun) {
    await dryRunOf(plan, trainer, memory);
    return;
  }
  const goesOn = resume && (await hasCheckpoint(folder!));
  if (goesOn) {
    checkSameData(before, plan.config, folder!);
    await trainer.resume();
    await tidyRun(folder!);
  } else await clearRun(folder!);
  await writeConfig(folder!, plan.config);
  if (!flags.quiet) process.stderr.write(`${describePlan(plan, trainer, memory)}\n\n`);
  await train(plan, trainer, folder!, flags.quiet ?? false);
}

/** What examples and values are made from. Of all else that decides over a run, its checkpoint knows. */
const DATA_SETTINGS = [
  "validation",
  "region",
  "validationRegion",
  "spacing",
  "orientation",
  "window",
  "normalize",
  "patchesPerCase",
  "foreground",
  "augment",
] as const satisfies readonly (keyof TrainConfig)[];

/** @throws {@link AcsconvError} `input` if a run would go on with other data than it began with */
function checkSameData(before: TrainConfig, now: TrainConfig, { path }: RunFolder): void {
  const told = completeConfig({ ...before, model: now.model, data: now.data });
  for (const name of DATA_SETTINGS) {
    const [there, here] = [told[name], now[name]];
    // A folder may have been moved.
    if (typeof there === "string" && typeof here === "string" && name === "validation") continue;
    const [a, b] = [there, here].map((value) => JSON.stringify(value) ?? "not set");
    if (a === b) continue;
    throw new AcsconvError(
      "input",
      `The run in "${path}" began with "${name}" ${a}, and here it is ${b}: go on with the same, or begin anew.`,
    );
  }
}

async function dryRunOf(plan: TrainPlan, trainer: Trainer, memory: number): Promise<void> {
  process.stdout.write(`${describePlan(plan, trainer, memory)}\n`);
  const time = await interruptible((signal) => measureSpeed(trainer, plan.config.epochs, signal));
  process.stdout.write(`${time}\n`);
}

async function train(plan: TrainPlan, trainer: Trainer, folder: RunFolder, quiet: boolean): Promise<void> {
  const log = trainLog(folder.log);
  const view = startTrainView(plan.monitor, quiet);
  const later = new Later();
  const onEvent = (event: TrainEvent): void => {
    log(event);
    view.onEvent(event);
    if (event.type !== "epoch") return;
    if (event.best) {
      const best = trainer.model("best");
      later.add(() => best.save(folder.model));
    }
    later.add(() => writeReport(plan, folder));
  };
  await interruptible(async (signal) => {
    signal.addEventListener("abort", () => {
      view.say("ending after this step, and saving; Ctrl-C once more ends at once");
    });
    const { interrupted, steps } = await trainer.fit({ signal, onEvent }).finally(() => view.stop());
    if (!interrupted) return;
    await later.done();
    await writeReport(plan, folder);
    const all = plan.config.epochs * trainer.stepsPerEpoch;
    throw new Interrupted(
      signal,
      `interrupted after step ${steps} of ${all}, and saved: "acsconv train --resume -o ${folder.path}" goes on.`,
    );
  });
  // Everything that training depends on is saved: what ends this is made up for by resuming.
  await later.done();
  await finish(plan, trainer, folder, quiet);
}

/** The network of the best epoch, pictures of it, and what it is worth. */
async function finish(plan: TrainPlan, trainer: Trainer, folder: RunFolder, quiet: boolean): Promise<void> {
  const best = readLog(folder.log).findLast(
    (event): event is TrainEvent & { type: "epoch" } => event.type === "epoch" && event.best,
  );
  // Where every epoch was NaN, none is the best.
  const model = trainer.model(best ? "best" : "last");
  await model.save(folder.model);
  await writeReport(plan, folder, await casePictures(plan, model));
  if (quiet) return;
  const { names } = plan.folder.classes;
  const lines = [
    ...(best && Object.keys(best.metrics).length > 0
      ? [`epoch ${best.epoch}, the best:`, metricTables(best.metrics, names), ""]
      : []),
    `network  ${folder.model}`,
    `report   ${folder.report}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

async function writeReport(
  plan: TrainPlan,
  folder: RunFolder,
  overlays: readonly Picture[] = [],
): Promise<void> {
  const { config, folder: data } = plan;
  const text = trainingReport({
    title: `${data.name} · ${basename(config.model)}`,
    events: readLog(folder.log),
    config: { ...config },
    classes: data.classes.names,
    overlays,
  });
  await writeText(folder.report, text);
}

/** Work that is done in order beside the training; the first failure is told at the end. */
class Later {
  #last: Promise<void> = Promise.resolve();

  add(work: () => Promise<void>): void {
    this.#last = this.#last.then(work);
    // Whoever awaits done() gets it.
    this.#last.catch(() => undefined);
  }

  done(): Promise<void> {
    return this.#last;
  }
}
