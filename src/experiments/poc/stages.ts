/**
 * @file The experiment as a list of stages: the 2D network, then for every 3D
 * network what its features are worth before training, and its training. A stage
 * that is done has left its file, so an experiment goes on where it was ended.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { AcsconvError } from "../../errors.ts";
import { makeFolder, writeFiles } from "../../files.ts";
import { elementCount } from "../../graph/tensor.ts";
import { type Model, load } from "../../model.ts";
import { slotsOf } from "../../passes/untie.ts";
import type { TrainEvent } from "../../train/events.ts";
import { readLog, trainLog } from "../../train/log.ts";
import type { Trainer } from "../../train/trainer.ts";
import { DATA_SEED, type PocConfig } from "./config.ts";
import { samples3d } from "./data.ts";
import { meanAuc } from "./features.ts";
import { type Facts, type FeatureResult, folders, labelOf, rowsOf } from "./results.ts";
import { type Run, networkOf, runsOf } from "./runs.ts";
import { pretraining, training } from "./train.ts";

/** A piece of the experiment, which runs in a process of its own. */
export interface Stage {
  /** Its folder, from that of the experiment; of features, with `/features`. */
  readonly name: string;
  readonly title: string;
  readonly isDone: boolean;
  /** Whether it takes long, and leaves something to look at. */
  readonly isTraining: boolean;
  readonly work: (options: StageOptions) => Promise<void>;
}

/** How to watch a stage, and how to end it: all is saved then. */
export interface StageOptions {
  readonly signal: AbortSignal;
  /** What the process runs on, for the record. */
  readonly machine: string;
  readonly onEvent: (event: TrainEvent) => void;
  /** Of the features: maps that are ranked, of all. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Of the folder `out`, in the order in which they have to run. */
export function stagesOf(out: string, config: PocConfig): Stage[] {
  const runs = runsOf(rowsOf(config));
  const seeded = runs.flatMap((run) => config.seeds.map((seed) => ({ run, seed })));
  const source = folders.pretraining(out);
  const first: Stage = {
    name: "unet-2d",
    title: "2D UNet",
    isDone: existsSync(join(source, "facts.json")),
    isTraining: true,
    work: (options) => train(pretraining(config, source), source, config.testImages, options),
  };
  return [
    first,
    ...seeded.map(({ run, seed }) => featureStage(out, config, run, seed)),
    ...seeded.map(({ run, seed }) => trainingStage(out, config, run, seed)),
  ];
}

const titleOf = (run: Run, seed: number): string => `${labelOf(run)}, seed ${seed}`;

const pretrainedIn = (out: string): Promise<Model> => load(join(folders.pretraining(out), "model.onnx"));

function featureStage(out: string, config: PocConfig, run: Run, seed: number): Stage {
  const folder = folders.run(out, run.id, seed);
  const path = join(folder, "features.json");
  return {
    name: `${run.id}/seed-${seed}/features`,
    title: `mAUC without training: ${titleOf(run, seed)}`,
    isDone: existsSync(path),
    isTraining: false,
    async work({ signal, onProgress }) {
      await makeFolder(folder);
      const source = await pretrainedIn(out);
      const samples = samples3d({ part: "test", seed: DATA_SEED, rotate: config.rotate });
      const measure = async (interpolation: "nearest" | "linear", half: 0 | 1) => {
        const network = networkOf(run, seed, source, { output: "features", interpolation });
        return meanAuc(network, samples, config.testVolumes, {
          signal,
          onProgress: (done, total) => onProgress(half * total + done, 2 * total),
        });
      };
      const nearest = await measure("nearest", 0);
      await writeJson(path, { nearest, linear: await measure("linear", 1) } satisfies FeatureResult);
    },
  };
}

function trainingStage(out: string, config: PocConfig, run: Run, seed: number): Stage {
  const folder = folders.run(out, run.id, seed);
  return {
    name: `${run.id}/seed-${seed}`,
    title: titleOf(run, seed),
    isDone: existsSync(join(folder, "facts.json")),
    isTraining: true,
    async work(options) {
      const network = networkOf(run, seed, await pretrainedIn(out));
      await train(training(config, network, seed, folder), folder, config.testVolumes, options);
    },
  };
}

/** Trains to the end, from where the folder says that training was; then the network is saved, and what it took. */
async function train(
  trainer: Trainer,
  folder: string,
  testExamples: number,
  { signal, onEvent, machine }: StageOptions,
): Promise<void> {
  await makeFolder(folder);
  if (existsSync(join(folder, "last.safetensors"))) await trainer.resume();
  const logPath = join(folder, "log.jsonl");
  const log = trainLog(logPath);
  const { interrupted } = await trainer.fit({
    signal,
    onEvent: (event) => {
      log(event);
      onEvent(event);
    },
  });
  if (interrupted) return;
  const model = trainer.model("last");
  await model.save(join(folder, "model.onnx"));
  const parameters = countParameters(model);
  const facts: Facts = {
    ...timesOf(readLog(logPath), testExamples),
    parameters,
    bytes: 4 * parameters,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    machine,
  };
  await writeJson(join(folder, "facts.json"), facts);
}

/** What training changes: weights, biases, and those of BatchNorm. */
function countParameters({ graph }: Model): number {
  const names = [...slotsOf(graph).values()].flatMap(({ parameters }) => parameters.map(({ name }) => name));
  return [...new Set(names)].reduce((sum, name) => sum + elementCount(graph.initializers.get(name)!.dims), 0);
}

/** Medians: other work on the machine slows single steps down. */
function timesOf(events: readonly TrainEvent[], testExamples: number) {
  const steps: number[] = [];
  const evaluations: number[] = [];
  let spent = 0;
  for (const event of events) {
    // An epoch that was begun again counts its time from there.
    if (event.type === "start") spent = 0;
    if (event.type === "step") {
      steps.push(event.seconds);
      spent += event.seconds;
    }
    if (event.type !== "epoch") continue;
    if (Object.keys(event.metrics).length > 0) evaluations.push((event.seconds - spent) / testExamples);
    spent = 0;
  }
  return { secondsPerStep: median(steps), secondsPerExample: median(evaluations) };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}

const writeJson = (path: string, value: unknown): Promise<void> =>
  writeFiles([{ path, chunks: [new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`)] }]);

/** @throws {@link AcsconvError} `input` for a name that is none */
export function stageNamed(stages: readonly Stage[], name: string): Stage {
  const stage = stages.find((one) => one.name === name);
  if (stage) return stage;
  throw new AcsconvError(
    "input",
    `There is no stage "${name}" in this experiment: its stages are ${stages.map((one) => one.name).join(", ")}.`,
  );
}
