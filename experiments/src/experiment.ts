/** @file What an experiment is to the command that runs it. */

import type { Stage } from "./stages.ts";

/** What every experiment is told; kept as `config.json` in its folder. */
export interface ExperimentConfig {
  /** Rows of the table, by their ids. */
  readonly models: readonly string[];
  /** Of weights and batches. The data stay the same. */
  readonly seeds: readonly number[];
}

export interface Experiment<Config extends ExperimentConfig> {
  /** As the command line has it. */
  readonly name: string;
  /** Has every field of a configuration. */
  readonly defaults: Config;
  /** In the order in which they have to run. */
  readonly stagesOf: (out: string, config: Config) => Stage[];
  /**
   * All that would fail after hours.
   *
   * @throws an error `input`
   */
  readonly check: (config: Config) => void | Promise<void>;
  /**
   * What is known so far: the content of `results.json` and of `report.html`.
   *
   * @throws the signal's reason if it aborts
   */
  readonly report: (
    out: string,
    config: Config,
    signal: AbortSignal,
  ) => Promise<{ readonly results: unknown; readonly page: string }>;
  /** The same for a terminal. */
  readonly tableText: (out: string, config: Config) => string | Promise<string>;
}
