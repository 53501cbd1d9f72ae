/** @file Few-shot segmentation of a real scan, as an experiment that a command can run. */

import type { Experiment } from "../experiment.ts";
import { trainingStage } from "../stages.ts";
import { type BrainConfig, DEFAULTS } from "./config.ts";
import { networkOf, sourceOf } from "./networks.ts";
import { brainPictures, keepPrediction } from "./pictures.ts";
import { brainReport } from "./report.ts";
import { readResults, runName } from "./results.ts";
import { rowsOf } from "./rows.ts";
import { resultsJson, tableText } from "./table.ts";
import { training } from "./train.ts";

export const BRAIN: Experiment<BrainConfig> = {
  name: "brain",
  defaults: DEFAULTS,
  stagesOf: (out, config) =>
    config.seeds.flatMap((seed) =>
      rowsOf(config).map((row) =>
        trainingStage(
          out,
          {
            name: runName(row.id, seed),
            title: `${row.label}, seed ${seed}`,
            testExamples: 1,
            ...(seed === config.seeds[0] && {
              finish: (folder, signal) => keepPrediction(config, folder, signal),
            }),
          },
          async (folder) => training(config, networkOf(row, seed, await sourceOf(config)), seed, folder),
        ),
      ),
    ),
  async check(config) {
    const source = await sourceOf(config);
    for (const row of rowsOf(config)) networkOf(row, 0, source);
  },
  async report(out, config) {
    const results = await readResults(out, config);
    return { results: resultsJson(results), page: brainReport(results, await brainPictures(out, results)) };
  },
  tableText: async (out, config) => tableText(await readResults(out, config)),
};
