/**
 * @file An experiment as a list of stages. A stage that is done has left its file, so an experiment goes on
 * where it was ended; each runs in a process of its own, so that its memory is its own.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { AcsconvError, type Model } from "acsconv";
import { elementCount } from "acsconv/graph";
import { type TrainEvent, readLog, trainLog, parametersOf, type Trainer } from "acsconv/train";
import { makeFolder, writeJson } from "./files.ts";
import type { Facts } from "./results.ts";

/** A piece of an experiment. */
export interface Stage {
  /** Its folder, from that of the experiment. */
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
  /** Of what is measured without training. */
  readonly onProgress: (done: number, total: number) => void;
}

/** @throws {@link AcsconvError} `input` for a name that is none */
export function stageNamed(stages: readonly Stage[], name: string): Stage {
  const stage = stages.find((one) => one.name === name);
  if (stage) return stage;
  throw new AcsconvError(
    "input",
    `There is no stage "${name}" in this experiment: its stages are ${stages.map((one) => one.name).join(", ")}.`,
  );
}

/** What is told of a training. */
interface TrainingOptions extends Pick<Stage, "name" | "title"> {
  /** Images or volumes that an evaluation goes through. */
  readonly testExamples: number;
  /** What else is done with the trained network, which is in the folder as `model.onnx`. */
  readonly finish?: (folder: string, signal: AbortSignal) => Promise<void>;
}

/** A training as a stage, in the folder `name` of the experiment's. */
export function trainingStage(
  out: string,
  { name, title, testExamples, finish }: TrainingOptions,
  trainer: (folder: string) => Trainer | Promise<Trainer>,
): Stage {
  const folder = join(out, name);
  return {
    name,
    title,
    isDone: existsSync(join(folder, "facts.json")),
    isTraining: true,
    async work(options) {
      const facts = await train(await trainer(folder), folder, testExamples, options);
      if (!facts) return;
      await finish?.(folder, options.signal);
      writeJson(join(folder, "facts.json"), facts);
    },
  };
}

/** Trains to the end, from where the folder says that training was; then the network is saved. Gives what it took. */
async function train(
  trainer: Trainer,
  folder: string,
  testExamples: number,
  { signal, onEvent, machine }: StageOptions,
): Promise<Facts | undefined> {
  makeFolder(folder);
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
  if (interrupted) return undefined;
  const model = trainer.model("last");
  await model.save(join(folder, "model.onnx"));
  const parameters = countParameters(model);
  return {
    ...timesOf(readLog(logPath), testExamples),
    parameters,
    bytes: 4 * parameters,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    machine,
  };
}

/** What training changes: weights, biases, and those of BatchNorm. */
const countParameters = ({ graph }: Model): number =>
  parametersOf(graph, true).reduce((sum, name) => sum + elementCount(graph.initializers.get(name)!.dims), 0);

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
