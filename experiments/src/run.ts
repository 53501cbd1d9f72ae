/**
 * @file The work of the command: the stages of an experiment, one process for each, so that each
 * one's memory is its own, and the report after every training.
 */

import { fork } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { AcsconvError } from "acsconv";
import type { Experiment, ExperimentConfig } from "./experiment.ts";
import { type Stage, stageNamed } from "./stages.ts";
import { makeFolder, writeJson, writeWhole } from "./files.ts";
import { Interrupted, interruptible } from "./interrupt.ts";
import { startStatus, trainingStatus } from "./terminal.ts";

/** Of every experiment, as parsed. */
export interface ExperimentFlags {
  readonly quiet?: boolean;
  readonly out?: string;
  readonly stage?: string;
}

/**
 * @param configure - the configuration that is asked for; one of its stages has that of the folder
 * @throws {@link Interrupted} after Ctrl-C, when all is saved
 */
export async function runExperiment<Config extends ExperimentConfig>(
  experiment: Experiment<Config>,
  { out, stage, quiet = false }: ExperimentFlags,
  configure: () => Config | Promise<Config>,
): Promise<void> {
  if (out === undefined) {
    throw new AcsconvError("input", "Name a folder for the experiment: -o FOLDER.");
  }
  if (stage !== undefined) {
    await runStage(stageNamed(experiment.stagesOf(out, readConfig(experiment, out)), stage), quiet);
    return;
  }
  const config = await configure();
  await begin(experiment, out, config);
  await interruptible("interrupted: the same command goes on.", async (signal) => {
    const stages = experiment.stagesOf(out, config);
    for (const [i, one] of stages.entries()) {
      const place = `${i + 1}/${stages.length}  ${one.title}`;
      if (!quiet) process.stderr.write(one.isDone ? `${place}: done before\n` : `\n${place}\n`);
      if (one.isDone) continue;
      await inProcess(experiment.name, one, out, quiet, signal);
      if (one.isTraining) await report(experiment, out, config, signal);
    }
    await report(experiment, out, config, signal);
  });
  if (!quiet) {
    const table = await experiment.tableText(out, config);
    process.stdout.write(`\n${table}\n\nreport  ${join(out, "report.html")}\n`);
  }
}

// ── The folder ──────────────────────────────────────────────────────────────

/** What may change while an experiment grows: its rows and seeds. All else decides over the networks that are there. */
const GROWING: readonly string[] = ["models", "seeds"] satisfies (keyof ExperimentConfig)[];

/**
 * Keeps the configuration in the folder; one that is there has to agree.
 *
 * @throws {@link AcsconvError} `input` for all that would fail after hours, or spoil what is there
 */
async function begin<Config extends ExperimentConfig>(
  experiment: Experiment<Config>,
  out: string,
  config: Config,
): Promise<void> {
  await experiment.check(config);
  makeFolder(out);
  if (existsSync(configPath(out))) checkSame(out, readConfig(experiment, out), config);
  else if (readdirSync(out).length > 0) {
    throw new AcsconvError("input", `"${out}" is not empty, and holds no experiment: name another folder.`);
  }
  writeJson(configPath(out), config);
}

function checkSame<Config extends ExperimentConfig>(out: string, before: Config, config: Config): void {
  for (const name of Object.keys(config) as (keyof Config & string)[]) {
    const [there, here] = [before[name], config[name]].map((value) => JSON.stringify(value));
    if (there === here || GROWING.includes(name)) continue;
    throw new AcsconvError(
      "input",
      `The experiment in "${out}" was begun with "${name}" ${there}, and here it is ${here}: ` +
        `go on with the same, or name another folder.`,
    );
  }
  const [first] = before.seeds;
  if (config.seeds[0] === first) return;
  throw new AcsconvError(
    "input",
    `The first seed of the experiment in "${out}" is ${first}: name this one first, then others.`,
  );
}

const configPath = (out: string): string => join(out, "config.json");

function readConfig<Config extends ExperimentConfig>(
  { name, defaults }: Experiment<Config>,
  out: string,
): Config {
  const path = configPath(out);
  if (!existsSync(path)) {
    throw new AcsconvError(
      "input",
      `There is no experiment in "${out}", for it has no config.json: leave --stage out to begin one.`,
    );
  }
  const wrong = (why: string): AcsconvError =>
    new AcsconvError(
      "input",
      `"${path}" is not the configuration of an experiment "${name}" (${why}): name another folder.`,
    );
  let config: Partial<Config> | null;
  try {
    config = JSON.parse(readFileSync(path, "utf8")) as Partial<Config> | null;
  } catch (error) {
    throw wrong((error as Error).message);
  }
  const missing = Object.keys(defaults).find((field) => config?.[field as keyof Config] === undefined);
  if (missing !== undefined) throw wrong(`it has no "${missing}"`);
  return config as Config;
}

async function report<Config extends ExperimentConfig>(
  experiment: Experiment<Config>,
  out: string,
  config: Config,
  signal: AbortSignal,
): Promise<void> {
  const { results, page } = await experiment.report(out, config, signal);
  writeJson(join(out, "results.json"), results);
  writeWhole(join(out, "report.html"), page);
}

// ── Processes ───────────────────────────────────────────────────────────────

/** @throws {@link Interrupted} if the signal ended it; an error that says nothing more if it failed, for it has said why */
async function inProcess(
  experiment: string,
  stage: Stage,
  out: string,
  quiet: boolean,
  signal: AbortSignal,
): Promise<void> {
  const args = [experiment, "--out", out, "--stage", stage.name, ...(quiet ? ["--quiet"] : [])];
  // A group of its own: Ctrl-C reaches this process only, which passes it on, once.
  const child = fork(process.argv[1]!, args, { detached: true });
  const pass = (): void => void child.kill("SIGINT");
  signal.addEventListener("abort", pass);
  const [code, killer] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (...ending) => resolve(ending));
  });
  signal.removeEventListener("abort", pass);
  if (signal.aborted) {
    throw new Interrupted(signal, `the same command goes on with "${stage.title}".`);
  }
  if (code !== 0) {
    throw new AcsconvError(
      "runtime",
      `The experiment ended in "${stage.title}"${killer ? ` by ${killer}` : ""}; what is done is kept in "${out}".`,
    );
  }
}

/** The process of one stage. */
async function runStage(stage: Stage, quiet: boolean): Promise<void> {
  // Nobody is left to stop it when the process that began it is killed.
  const end = (): void => void process.kill(process.pid, "SIGTERM");
  process.on("disconnect", end);
  // That may have been while this one started.
  if (process.send && !process.connected) end();
  process.channel?.unref();
  const status = startStatus(quiet);
  const [processor] = cpus();
  await interruptible(`interrupted${stage.isTraining ? ", and saved" : ""}.`, async (signal) => {
    try {
      await stage.work({
        signal,
        machine: `${processor?.model.trim() ?? "unknown processor"}, ${cpus().length} cores`,
        onEvent: trainingStatus(status),
        onProgress: (done, total) => status.show(`features: ${done}/${total} steps`),
      });
    } finally {
      status.stop();
    }
  });
}
