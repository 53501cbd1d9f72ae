/**
 * @file The work of `acsconv experiment poc`: one process per stage, so that each
 * stage's memory is its own, and the report after every one of them.
 */

import { fork } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { AcsconvError } from "../../errors.ts";
import { BATCHES, type PocConfig, DATA_SEED, PAPER } from "../../experiments/poc/config.ts";
import { samples2d, samples3d } from "../../experiments/poc/data.ts";
import { pocPictures } from "../../experiments/poc/pictures.ts";
import { pocReport } from "../../experiments/poc/report.ts";
import { readResults } from "../../experiments/poc/results.ts";
import { saveSamples } from "../../experiments/poc/save.ts";
import { type Stage, stageNamed, stagesOf } from "../../experiments/poc/stages.ts";
import { resultsJson, tableText } from "../../experiments/poc/table.ts";
import { makeFolder } from "../../files.ts";
import { Interrupted, interruptible } from "../interrupt.ts";
import type { GlobalOptions } from "../program.ts";
import { startProgress } from "../progress.ts";
import { writeText } from "../train/folder.ts";
import { startTrainView } from "../train/view.ts";

/** As parsed. */
export interface PocFlags extends GlobalOptions, Omit<PocConfig, "testImages"> {
  readonly out?: string;
  readonly save?: string;
  readonly stage?: string;
}

/** @throws {@link Interrupted} after Ctrl-C, when all is saved */
export async function runPoc(flags: PocFlags): Promise<void> {
  const { quiet = false, save, stage } = flags;
  const config = configOf(flags);
  if (save !== undefined) {
    await saveData(config, save, quiet);
    return;
  }
  const { out } = flags;
  if (out === undefined) {
    throw new AcsconvError("input", "Name a folder for the experiment: -o FOLDER.");
  }
  if (stage !== undefined) {
    await runStage(out, stage, quiet);
    return;
  }
  await begin(out, config);
  await endingWith("interrupted: the same command goes on.", async (signal) => {
    const stages = stagesOf(out, config);
    for (const [i, stage] of stages.entries()) {
      const place = `${i + 1}/${stages.length}  ${stage.title}`;
      if (!quiet) process.stderr.write(stage.isDone ? `${place}: done before\n` : `\n${place}\n`);
      if (stage.isDone) continue;
      await inProcess(stage, out, quiet, signal);
      if (stage.isTraining) await report(out, config, signal);
    }
    await report(out, config, signal);
  });
  if (!quiet)
    process.stdout.write(`\n${tableText(readResults(out, config))}\n\nreport  ${join(out, "report.html")}\n`);
}

/** A fifth of the images again are for testing, as in the paper. */
function configOf(flags: PocFlags): PocConfig {
  const { models, epochs, testEvery, seeds, rotate, images, volumes, testVolumes } = flags;
  const testImages = Math.ceil(images / 5);
  return { models, epochs, testEvery, seeds, rotate, images, testImages, volumes, testVolumes };
}

/** What may change while an experiment grows: its rows and seeds. All else decides over the networks that are there. */
const GROWING: readonly (keyof PocConfig)[] = ["models", "seeds"];

/**
 * Keeps the configuration in the folder; one that is there has to agree.
 *
 * @throws {@link AcsconvError} `input` for all that would fail after hours, or spoil what is there
 */
async function begin(out: string, config: PocConfig): Promise<void> {
  for (const [name, batch] of Object.entries(BATCHES) as [keyof typeof BATCHES, number][]) {
    if (config[name] >= batch) continue;
    throw new AcsconvError(
      "input",
      `A training step takes ${batch} ${name}, and --${name} is ${config[name]}: ask for ${batch} or more.`,
    );
  }
  await makeFolder(out);
  if (existsSync(configPath(out))) checkSame(out, readConfig(out), config);
  else if (readdirSync(out).length > 0) {
    throw new AcsconvError("input", `"${out}" is not empty, and holds no experiment: name another folder.`);
  }
  await writeText(configPath(out), `${JSON.stringify(config, undefined, 2)}\n`);
}

function checkSame(out: string, before: PocConfig, config: PocConfig): void {
  for (const name of Object.keys(config) as (keyof PocConfig)[]) {
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
    `The 2D network of the experiment in "${out}" has the seed ${first}: name this one first, then others.`,
  );
}

const configPath = (out: string): string => join(out, "config.json");

function readConfig(out: string): PocConfig {
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
      `"${path}" is not the configuration of an experiment (${why}): name another folder.`,
    );
  let config: Partial<PocConfig> | null;
  try {
    config = JSON.parse(readFileSync(path, "utf8")) as Partial<PocConfig> | null;
  } catch (error) {
    throw wrong((error as Error).message);
  }
  const missing = Object.keys(PAPER).find((name) => config?.[name as keyof PocConfig] === undefined);
  if (missing !== undefined) throw wrong(`it has no "${missing}"`);
  return config as PocConfig;
}

/** @throws {@link Interrupted} if the signal ended it; an error that says nothing more if it failed, for it has said why */
async function inProcess(stage: Stage, out: string, quiet: boolean, signal: AbortSignal): Promise<void> {
  const args = ["experiment", "poc", "--out", out, "--stage", stage.name, ...(quiet ? ["--quiet"] : [])];
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
async function runStage(out: string, name: string, quiet: boolean): Promise<void> {
  // Nobody is left to stop it when the process that began it is killed.
  const end = (): void => void process.kill(process.pid, "SIGTERM");
  process.on("disconnect", end);
  // That may have been while this one started.
  if (process.send && !process.connected) end();
  process.channel?.unref();
  const stage = stageNamed(stagesOf(out, readConfig(out)), name);
  const view = startTrainView("dice", quiet);
  const progress = startProgress("features", "steps", quiet);
  const [processor] = cpus();
  await endingWith(`interrupted${stage.isTraining ? ", and saved" : ""}.`, async (signal) => {
    try {
      await stage.work({
        signal,
        machine: `${processor?.model.trim() ?? "unknown processor"}, ${cpus().length} cores`,
        onEvent: (event) => view.onEvent(event),
        onProgress: (done, total) => progress.update(done, total),
      });
    } finally {
      view.stop();
      progress.stop();
    }
  });
}

/** {@link interruptible} work, which may end by throwing the signal's reason; `message` says how it was left. */
const endingWith = (message: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> =>
  interruptible(async (signal) => {
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
    }
    if (signal.aborted) throw new Interrupted(signal, message);
  });

async function report(out: string, config: PocConfig, signal: AbortSignal): Promise<void> {
  const results = readResults(out, config);
  const pictures = await pocPictures(out, results, { signal });
  await writeText(join(out, "results.json"), `${JSON.stringify(resultsJson(results), undefined, 2)}\n`);
  await writeText(join(out, "report.html"), pocReport(results, pictures));
}

async function saveData(config: PocConfig, folder: string, quiet: boolean): Promise<void> {
  const { images, testImages, volumes, testVolumes, rotate } = config;
  const seed = DATA_SEED;
  const parts = [
    ["2d/train", samples2d({ part: "train", seed }), images, 2],
    ["2d/test", samples2d({ part: "test", seed }), testImages, 2],
    ["3d/train", samples3d({ part: "train", seed, rotate }), volumes, 3],
    ["3d/test", samples3d({ part: "test", seed, rotate }), testVolumes, 3],
  ] as const;
  await endingWith("interrupted: the files that are there are whole.", async (signal) => {
    for (const [name, samples, count, dimensions] of parts) {
      const progress = startProgress(name, "files", quiet);
      try {
        await saveSamples(samples, count, dimensions, join(folder, name), {
          signal,
          onProgress: (done: number, total: number) => progress.update(done, total),
        });
      } finally {
        progress.stop();
      }
    }
  });
  if (quiet) return;
  const lines = parts.map(([name, , count]) => `${String(count).padStart(6)} files  ${join(folder, name)}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}
