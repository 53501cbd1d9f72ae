/**
 * @file The work of `acsconv experiment poc`: one process per stage, so that each
 * stage's memory is its own, and the report after every one of them.
 */

import { fork } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { AcsconvError } from "../../errors.ts";
import { type PocConfig, DATA_SEED } from "../../experiments/poc/config.ts";
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
  await interruptible(async (signal) => {
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

/** Keeps the configuration in the folder; one that is there has to agree. */
async function begin(out: string, config: PocConfig): Promise<void> {
  const path = join(out, "config.json");
  if (existsSync(path)) {
    const before = readConfig(out);
    for (const name of Object.keys(config) as (keyof PocConfig)[]) {
      const [there, here] = [before[name], config[name]].map((value) => JSON.stringify(value));
      if (there === here || GROWING.includes(name)) continue;
      throw new AcsconvError(
        "input",
        `The experiment in "${out}" was begun with "${name}" ${there}, and here it is ${here}: ` +
          `go on with the same, or name another folder.`,
      );
    }
  }
  await makeFolder(out);
  await writeText(path, `${JSON.stringify(config, undefined, 2)}\n`);
}

function readConfig(out: string): PocConfig {
  const path = join(out, "config.json");
  try {
    return JSON.parse(readFileSync(path, "utf8")) as PocConfig;
  } catch (error) {
    throw new AcsconvError(
      "input",
      `"${path}" is not the configuration of an experiment (${(error as Error).message}): name another folder.`,
    );
  }
}

/** @throws {@link Interrupted} if the signal ended it; an error that says nothing more if it failed, for it has said why */
async function inProcess(stage: Stage, out: string, quiet: boolean, signal: AbortSignal): Promise<void> {
  const args = ["experiment", "poc", "--out", out, "--stage", stage.name, ...(quiet ? ["--quiet"] : [])];
  // A group of its own: Ctrl-C reaches this process only, which passes it on, once.
  const child = fork(process.argv[1]!, args, { detached: true });
  const pass = (): void => void child.kill("SIGINT");
  signal.addEventListener("abort", pass);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", resolve);
  });
  signal.removeEventListener("abort", pass);
  if (signal.aborted) {
    throw new Interrupted(signal, `interrupted, and saved: the same command goes on with "${stage.title}".`);
  }
  if (code !== 0) {
    throw new AcsconvError(
      "runtime",
      `The experiment ended in "${stage.title}"; what is done is kept in "${out}".`,
    );
  }
}

/** The process of one stage. */
async function runStage(out: string, name: string, quiet: boolean): Promise<void> {
  // Nobody is left to stop it when the process that began it is killed.
  process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel?.unref();
  const stage = stageNamed(stagesOf(out, readConfig(out)), name);
  const view = startTrainView("dice", quiet);
  const progress = startProgress("features", "steps", quiet);
  const [processor] = cpus();
  await interruptible(async (signal) => {
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
    if (signal.aborted) throw new Interrupted(signal, "interrupted, and saved.");
  });
}

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
  await interruptible(async (signal) => {
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
}
