/** @file What a run is going to be and to take, before it begins, as text: its plan, and its time. */

import { elementCount } from "../../graph/tensor.ts";
import { bytes, compact } from "../../report/figures.ts";
import { nameOf } from "../../base/fields.ts";
import { parametersOf } from "../../train/parameters.ts";
import type { Volume } from "../../volume/index.ts";
import { formatDuration } from "../progress.ts";
import type { TrainPlan } from "../../train/runs/plan.ts";
import { printable } from "../../base/printable.ts";

/** As wide as the longest title. */
const TITLE_WIDTH = "parameters".length;

/** The plan as lines of text. */
export function describePlan(plan: TrainPlan): string {
  const { config, model, data, training, validation, scan, options, memory } = plan;
  const { step, stepsPerEpoch } = plan.trainer;
  const { initializers } = step.network;
  const count = (names: readonly string[]): number =>
    names.reduce((sum, name) => sum + elementCount(initializers.get(name)!.dims), 0);
  const trained = step.parameters.map(({ name }) => name);
  const frozen = count(parametersOf(step.network, true)) - count(trained);
  const cases = (files: readonly unknown[]): string =>
    `${files.length} ${files.length === 1 ? "case" : "cases"}`;
  const perStep = config.batch * config.accumulate;
  const lines: readonly (readonly [string, string])[] = [
    ["network", `${config.model}${model.lifted ? ` (lifted: ${model.lifted.options.kind ?? "acs"})` : ""}`],
    ["parameters", `${compact(count(trained))} trained, ${compact(frozen)} frozen`],
    ["data", `${data.name}: ${cases(training.files)} of ${cases(data.cases)}`],
    ["scans", `${describeGrid(scan)}${data.cases.length > 1 ? " (the first)" : ""}`],
    ["classes", describeClasses(plan)],
    ["validation", validation ? cases(validation.files) : "none: the best epoch is that of the lowest loss"],
    data.kind === "segmentation"
      ? [
          "patches",
          `[${config.size.join(", ")}], ${config.patchesPerCase} of each case, ${perStep} in a step`,
        ]
      : ["size", `[${config.size.join(", ")}] around the middle of each scan, ${perStep} in a step`],
    ["steps", `${stepsPerEpoch} in each of ${config.epochs} epochs`],
    ["loss", options.loss.name],
    [
      "optimiser",
      `${options.optimiser.name}, learning rate ${config.learningRate}, ${nameOf(config.schedule)}`,
    ],
    ["memory", `about ${bytes(memory)} in a step`],
  ];
  return lines.map(([title, text]) => `${title.padEnd(TITLE_WIDTH)}  ${printable(text)}`).join("\n");
}

/** With the labels of voxels that they have, or with how many scans are trained on. */
function describeClasses({ data, training }: TrainPlan): string {
  const { names, values } = data.classes;
  if (data.kind === "segmentation")
    return names.map((name, k) => `${values[k]!.join("+")} ${name}`).join(", ");
  const trained = new Set<unknown>(training.files);
  const counts = names.map(
    (_, k) => data.cases.filter((scan) => scan.label === k && trained.has(scan)).length,
  );
  return names.map((name, k) => `${name} (${counts[k]} trained on)`).join(", ");
}

const describeGrid = ({ channels, shape, spacing }: Volume): string =>
  `${channels} × [${shape.join(", ")}] voxels of ${spacing.map((mm) => +mm.toFixed(3)).join(" × ")} mm`;

/** The time of a whole run as such a line. */
export const describeTime = (secondsPerStep: number, { trainer, config }: TrainPlan): string =>
  `${"time".padEnd(TITLE_WIDTH)}  ${secondsPerStep.toPrecision(3)} s per step, ${formatDuration(secondsPerStep * trainer.stepsPerEpoch * config.epochs)} in all without validation`;
