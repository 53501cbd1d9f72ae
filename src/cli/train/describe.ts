/** @file What a run is going to be and to take, before it begins: its plan, and its time. */

import { elementCount } from "../../graph/tensor.ts";
import { bytes, compact } from "../../report/figures.ts";
import { nameOf } from "../../base/fields.ts";
import { parametersOf } from "../../train/parameters.ts";
import type { Trainer } from "../../train/trainer.ts";
import type { Volume } from "../../volume/index.ts";
import { formatDuration } from "../progress.ts";
import type { TrainPlan } from "../../train/runs/plan.ts";

/** As wide as the longest title. */
const TITLE_WIDTH = "parameters".length;

/**
 * The plan as lines of text.
 *
 * @param memory - bytes that a step takes, as estimated
 */
export function describePlan(plan: TrainPlan, { step, stepsPerEpoch }: Trainer, memory: number): string {
  const { config, model, folder, training, validation, first, options } = plan;
  const { initializers } = step.network;
  const count = (names: readonly string[]): number =>
    names.reduce((sum, name) => sum + elementCount(initializers.get(name)!.dims), 0);
  const trained = step.parameters.map(({ name }) => name);
  const frozen = count(parametersOf(step.network, true)) - count(trained);
  const cases = (files: readonly unknown[]): string =>
    `${files.length} ${files.length === 1 ? "case" : "cases"}`;
  const { names, values } = folder.classes;
  const perStep = config.batch * config.accumulate;
  const lines: readonly (readonly [string, string])[] = [
    ["network", `${config.model}${model.lifted ? ` (lifted: ${model.lifted.options.kind ?? "acs"})` : ""}`],
    ["parameters", `${compact(count(trained))} trained, ${compact(frozen)} frozen`],
    ["data", `${folder.name}: ${cases(training.files)} of ${cases(folder.cases)}`],
    ["scans", `${describeGrid(first.image)}${folder.cases.length > 1 ? " (the first)" : ""}`],
    ["classes", names.map((name, k) => `${values[k]!.join("+")} ${name}`).join(", ")],
    ["validation", validation ? cases(validation.files) : "none: the best epoch is that of the lowest loss"],
    ["patches", `[${config.size.join(", ")}], ${config.patchesPerCase} of each case, ${perStep} in a step`],
    ["steps", `${stepsPerEpoch} in each of ${config.epochs} epochs`],
    ["loss", options.loss.name],
    [
      "optimiser",
      `${options.optimiser.name}, learning rate ${config.learningRate}, ${nameOf(config.schedule)}`,
    ],
    ["memory", `about ${bytes(memory)} in a step`],
  ];
  return lines.map(([title, text]) => `${title.padEnd(TITLE_WIDTH)}  ${text}`).join("\n");
}

const describeGrid = ({ channels, shape, spacing }: Volume): string =>
  `${channels} × [${shape.join(", ")}] voxels of ${spacing.map((mm) => +mm.toFixed(3)).join(" × ")} mm`;

/** Steps that are timed, after a first one that also prepares. */
const TIMED_STEPS = 2;

/**
 * Trains a few steps, keeps nothing of them, and tells how long all of them will take.
 *
 * @returns a line of text
 */
export async function measureSpeed(trainer: Trainer, epochs: number, signal: AbortSignal): Promise<string> {
  const enough = new AbortController();
  const seconds: number[] = [];
  await trainer.fit({
    signal: AbortSignal.any([signal, enough.signal]),
    onEvent(event) {
      if (event.type !== "step") return;
      seconds.push(event.seconds);
      if (seconds.length > TIMED_STEPS) enough.abort();
    },
  });
  // A run of one step has none but the first.
  const timed = seconds.length > 1 ? seconds.slice(1) : seconds;
  const mean = timed.reduce((sum, time) => sum + time, 0) / timed.length;
  const total = formatDuration(mean * trainer.stepsPerEpoch * epochs);
  return `${"time".padEnd(TITLE_WIDTH)}  ${mean.toPrecision(3)} s per step, ${total} in all without validation`;
}
