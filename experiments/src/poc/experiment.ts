/** @file The proof of concept as an experiment that a command can run. */

import { AcsconvError } from "acsconv";
import type { Experiment } from "../experiment.ts";
import { BATCHES, type PocConfig, PAPER } from "./config.ts";
import { pocPictures } from "./pictures.ts";
import { pocReport } from "./report.ts";
import { readResults } from "./results.ts";
import { stagesOf } from "./stages.ts";
import { resultsJson, tableText } from "./table.ts";

export const POC: Experiment<PocConfig> = {
  name: "poc",
  defaults: PAPER,
  stagesOf,
  check(config) {
    for (const [name, batch] of Object.entries(BATCHES) as [keyof typeof BATCHES, number][]) {
      if (config[name] >= batch) continue;
      throw new AcsconvError(
        "input",
        `A training step takes ${batch} ${name}, and --${name} is ${config[name]}: ask for ${batch} or more.`,
      );
    }
  },
  async report(out, config, signal) {
    const results = readResults(out, config);
    const pictures = await pocPictures(out, results, { signal });
    return { results: resultsJson(results), page: pocReport(results, pictures) };
  },
  tableText: (out, config) => tableText(readResults(out, config)),
};
