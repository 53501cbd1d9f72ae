/** @file The work of `acsconv train`: flags in, the run on the screen. */

import { inputError } from "../../base/errors.ts";
import { CONFIG_FIELDS } from "../../train/runs/config-fields.ts";
import { readConfig } from "../../train/runs/config-file.ts";
import type { TrainConfig } from "../../train/runs/config.ts";
import { type TrainPlan, planTraining } from "../../train/runs/plan.ts";
import { measureSpeed } from "../../train/runs/speed.ts";
import { type TrainOptions, type TrainResult, train } from "../../train/runs/train.ts";
import { warn } from "../errors.ts";
import { type GlobalOptions, valuesOfFlags } from "../flags.ts";
import { Interrupted, interruptible, interrupts } from "../interrupt.ts";
import { countedIn, metricTables } from "../metric-tables.ts";
import { importDefault } from "./config-module.ts";
import { describePlan, describeTime } from "./describe.ts";
import { type TrainView, startTrainView } from "./view.ts";
import { print, printNote } from "../print.ts";

/** As parsed: these, and those of the configuration by their names. */
export interface TrainFlags extends GlobalOptions, Readonly<Record<string, unknown>> {
  readonly out?: string;
  readonly config?: string;
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
}

export async function runTraining(flags: TrainFlags): Promise<void> {
  const { out, config: file, resume = false, overwrite = false, dryRun = false, quiet = false } = flags;
  if (resume && (overwrite || file !== undefined)) {
    const other = overwrite ? "--overwrite" : "--config";
    throw inputError(`--resume goes on with what the folder's config.json says: leave ${other} out.`);
  }
  if (out === undefined && (resume || !dryRun)) throw inputError("Name a folder for the run: -o FOLDER.");
  const config = {
    ...(file !== undefined && (await readConfig(file, importDefault))),
    ...valuesOfFlags<TrainConfig>(CONFIG_FIELDS, flags),
  };
  const options = { folder: out, resume, overwrite, onWarning: warn };
  if (dryRun) {
    const plan = await planTraining(config, options);
    print(describePlan(plan));
    const seconds = await interruptible((signal) => measureSpeed(plan, signal));
    print(describeTime(seconds, plan));
    return;
  }
  const { plan, result, signal } = await watched(config, options, quiet);
  if (result.interrupted) {
    const all = plan.config.epochs * plan.trainer.stepsPerEpoch;
    throw new Interrupted(
      signal,
      `interrupted after step ${result.steps} of ${all}, and saved: "acsconv train --resume -o ${out}" goes on.`,
    );
  }
  if (!quiet) print(describeResult(result, plan));
}

/** Trains, with progress on stderr. While there is something to save, the first Ctrl-C only asks for an end. */
async function watched(
  config: TrainConfig,
  options: TrainOptions,
  quiet: boolean,
): Promise<{ plan: TrainPlan; result: TrainResult; signal: AbortSignal }> {
  const controller = new AbortController();
  const { signal } = controller;
  const seen: { plan?: TrainPlan; view?: TrainView } = {};
  signal.addEventListener("abort", () => {
    seen.view?.say("ending after this step, and saving; Ctrl-C once more ends at once");
  });
  try {
    const result = await train(config, {
      ...options,
      signal,
      onPlan(plan) {
        if (!quiet) printNote(`${describePlan(plan)}\n`);
        Object.assign(seen, { plan, view: startTrainView(plan.monitor, quiet) });
        interrupts(controller);
      },
      onEvent(event) {
        seen.view?.onEvent(event);
        if (event.type === "end") interrupts(undefined);
      },
    });
    return { plan: seen.plan!, result, signal };
  } finally {
    interrupts(undefined);
    seen.view?.stop();
  }
}

/** What the best epoch is worth, and where everything is. */
function describeResult({ best, folder }: TrainResult, { data }: TrainPlan): string {
  const hasMetrics = best && Object.keys(best.metrics).length > 0;
  return [
    ...(hasMetrics
      ? [
          `epoch ${best.epoch}, the best:`,
          metricTables(best.metrics, data.classes.names, countedIn(data)),
          "",
        ]
      : []),
    `network  ${folder!.model}`,
    `report   ${folder!.report}`,
  ].join("\n");
}
