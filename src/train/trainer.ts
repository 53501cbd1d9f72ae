/**
 * @file Training, from the first epoch to the last: batches, steps, metrics,
 * checkpoints, early stop. What happens is an event; what has to last is a file.
 *
 * Everything random is drawn from the seed and the position, so the same seed
 * gives the same bits on one machine, whether the run was interrupted or not.
 */

import { batches, batchesPerEpoch } from "../data/batches.ts";
import type { Dataset } from "../model/dataset.ts";
import { inputError } from "../base/errors.ts";
import { builtin, checkWritable, makeFolder } from "../base/files.ts";
import { seedFor } from "../base/random.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Metric } from "../metrics/metric.ts";
import { Model } from "../model/model.ts";
import { inSinglePrecision } from "../passes/single-precision.ts";
import {
  type Checkpoint,
  type Progress,
  type Settings,
  checkAgreement,
  networkFingerprint,
  readCheckpoint,
  removeUnfinished,
  writeCheckpoints,
} from "./checkpoint.ts";
import { type Metrics, evaluate, requireComparable } from "../model/evaluate.ts";
import type { Best, TrainEvent } from "./events.ts";
import { withinMemory } from "../compile/recompute.ts";
import type { Size3 } from "../run/tensor.ts";
import { learningRateFactor } from "./schedules.ts";
import { TrainingSession } from "./session.ts";
import { type TrainingStep, trainingStep } from "./step.ts";
import {
  type TrainerOptions,
  checkOptions,
  monitorOf,
  perUpdate,
  settingsOf,
  type Validation,
} from "./trainer-options.ts";

/** How to watch a run, and how to end it. */
export interface FitOptions {
  /** Ends training after the step that is running, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: TrainEvent) => void) | undefined;
}

/** Where a run stands when it ends. */
export interface FitResult {
  /** Whether the signal ended it; {@link Trainer.fit} goes on. */
  readonly interrupted: boolean;
  /** Epochs and steps that are done. */
  readonly epochs: number;
  readonly steps: number;
  readonly best: Best | undefined;
}

type State = ReadonlyMap<string, Tensor>;

const IN_USE = "This trainer is training already: wait for it, or abort its signal.";

/** Steps over which speed is averaged. */
const SPEED_STEPS = 20;

/**
 * Trains a network.
 *
 * @example
 * const trainer = new Trainer(model3d, {
 *   data, validation: { data: held, metrics: () => [dice({ classes })] },
 *   loss: diceCrossEntropy(), optimiser: adam(), learningRate: 1e-3,
 *   epochs: 100, batch: 4, size: [48, 48, 48], checkpoint: { folder: "run" },
 * });
 * await trainer.fit({ onEvent: trainLog("run/log.jsonl") });
 * await trainer.model("best").save("run/model.onnx");
 */
export class Trainer {
  /** The training step: its parameters, its graph. */
  readonly step: TrainingStep;
  readonly stepsPerEpoch: number;
  readonly #model: Model;
  readonly #options: TrainerOptions;
  readonly #seed: number;
  readonly #monitor: string;
  readonly #settings: Settings;
  #fingerprint: string | undefined;
  #progress: Progress = { epoch: 0, batch: 0, lossSum: 0 };
  /** Of the step, of a checkpoint, or of the session that had it last. */
  #source: { readonly state: State };
  #isTraining = false;
  /** Of the fit that goes on. */
  #emit: (event: TrainEvent) => void = () => undefined;
  #best: State | undefined;

  /**
   * @throws {@link AcsconvError} `input` for options that do not fit together or too little data, `train`
   *   if the network cannot be trained
   */
  constructor(model: Model, options: TrainerOptions) {
    checkOptions(options);
    if (options.validation) requireComparable(model.graph);
    this.#model = model;
    this.#options = options;
    this.#seed = options.seed ?? 0;
    this.#monitor = monitorOf(options);
    this.#settings = settingsOf(options, this.#seed, this.#monitor);
    this.stepsPerEpoch = batchesPerEpoch(options.data.length, perUpdate(options));
    const step = trainingStep(model.graph, { device: options.session?.device, ...options });
    this.step = options.memory === undefined ? step : withinMemory(step, options.memory);
    this.#source = this.step;
  }

  /** Steps that are done. */
  get steps(): number {
    return this.#progress.epoch * this.stepsPerEpoch + this.#progress.batch;
  }

  /**
   * Goes back, or forward, to where a checkpoint was written; {@link fit} goes on from there.
   *
   * @param path - `last.safetensors` of the folder unless given; `best.safetensors` is read beside it
   * @throws {@link AcsconvError} `io` or `format` if it cannot be read, `train` if it is of another run
   */
  async resume(path = this.#path("last")): Promise<void> {
    if (path === undefined) throw inputError("Name the checkpoint from which to go on.");
    if (this.#isTraining) throw inputError(IN_USE);
    const paths = builtin("node:path");
    const best = paths.join(paths.dirname(path), "best.safetensors");
    const last = await this.#read(path);
    this.#best = last.progress.best && this.#weightsOf((await this.#read(best)).state);
    this.#source = last;
    this.#progress = last.progress;
  }

  async #read(path: string): Promise<Checkpoint> {
    const checkpoint = await readCheckpoint(path);
    checkAgreement(checkpoint, this.#checkpoint(this.step.state), path);
    return checkpoint;
  }

  /**
   * Trains to the last epoch, from where the trainer stands.
   *
   * @throws {@link AcsconvError} `train` if loss or gradients stop being finite, `input` for an example that does
   *   not fit, `io` if a checkpoint cannot be written, `runtime` if ONNX Runtime fails
   */
  async fit({ signal, onEvent = () => undefined }: FitOptions = {}): Promise<FitResult> {
    if (this.#isTraining) throw inputError(IN_USE);
    this.#isTraining = true;
    try {
      await this.#prepareFolder();
      const session = await TrainingSession.open(this.step, this.#options.session, this.#source.state);
      this.#source = session;
      try {
        this.#emit = onEvent;
        const interrupted = await this.#run(session, signal);
        const { epoch, best } = this.#progress;
        return { interrupted, epochs: epoch, steps: this.steps, best };
      } finally {
        await session.dispose();
      }
    } finally {
      this.#isTraining = false;
    }
  }

  /** @returns whether it was interrupted */
  async #run(session: TrainingSession, signal: AbortSignal | undefined): Promise<boolean> {
    const { data, epochs, patience } = this.#options;
    const { stepsPerEpoch } = this;
    this.#emit({ type: "start", ...this.#position(), epochs, stepsPerEpoch });
    const stream = batches(data, { batch: perUpdate(this.#options), seed: this.#seed }, this.#progress);
    const times: number[] = [];
    try {
      while (this.#progress.epoch < epochs && !this.#isStopped()) {
        const started = performance.now();
        while (this.#progress.batch < stepsPerEpoch && !signal?.aborted) {
          const began = performance.now();
          const { value: batch } = await stream.next();
          const learningRate = this.#learningRate();
          const seed = seedFor(this.#seed, `step:${this.steps}`);
          const result = await session.run(batch, { learningRate, seed });
          const { batch: done, lossSum } = this.#progress;
          this.#progress = { ...this.#progress, batch: done + 1, lossSum: lossSum + result.loss };
          const seconds = (performance.now() - began) / 1000;
          if (times.push(seconds) > SPEED_STEPS) times.shift();
          const stepsPerSecond = times.length / times.reduce((a, b) => a + b, 0);
          const event = { ...this.#position(), ...result, learningRate, seconds, stepsPerSecond };
          this.#emit({ type: "step", ...event });
          const { everySteps } = this.#options.checkpoint ?? {};
          if (everySteps && this.steps % everySteps === 0) await this.#save(this.#position(), ["last"]);
        }
        if (signal?.aborted || !(await this.#endEpoch(started, signal))) {
          await this.#save(this.#position(), ["last"]);
          this.#emit({ type: "interrupted", ...this.#position(), resume: this.#howToResume() });
          return true;
        }
      }
    } finally {
      await stream.return(undefined as never);
    }
    const { best } = this.#progress;
    const done = { epoch: this.#progress.epoch, step: this.steps };
    if (best && this.#isStopped()) this.#emit({ type: "stop", ...done, best, patience: patience! });
    this.#emit({ type: "end", ...done, best });
    return false;
  }

  /** @returns whether it came to an end before the signal aborted */
  async #endEpoch(started: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { validation, epochs } = this.#options;
    const number = this.#progress.epoch + 1;
    const isEvaluated = validation && (number % (validation.every ?? 1) === 0 || number === epochs);
    let metrics: Metrics = {};
    try {
      if (isEvaluated) metrics = await this.#validate(validation, signal);
    } catch (error) {
      if (signal?.aborted) return false;
      throw error;
    }
    const position = this.#position();
    const { lossSum, best } = this.#progress;
    const loss = lossSum / this.stepsPerEpoch;
    const value = this.#monitor === "loss" ? loss : (metrics[this.#monitor] ?? Number.NaN);
    const isBest = this.#isBetter(value, best?.value);
    const nowBest = isBest ? { epoch: position.epoch, value } : best;
    this.#progress = { epoch: position.epoch, batch: 0, lossSum: 0, ...(nowBest && { best: nowBest }) };
    if (isBest) this.#best = this.#weightsOf(this.#source.state);
    const seconds = (performance.now() - started) / 1000;
    this.#emit({ type: "epoch", ...position, loss, metrics, best: isBest, seconds });
    await this.#save(position, isBest ? ["best", "last"] : ["last"]);
    return true;
  }

  async #validate(validation: Validation, signal: AbortSignal | undefined): Promise<Metrics> {
    if ("data" in validation) return this.evaluate(validation.data, validation.metrics(), { signal });
    const { size, session = {} } = this.#options;
    const { metrics } = await this.model().evaluate(validation.cases(), {
      ...validation,
      patch: size as unknown as Size3,
      session,
      ...(signal && { signal }),
    });
    return metrics;
  }

  /**
   * Measures the network as it is now.
   *
   * @param data - with classes as targets; volumes of any size, which are gone through in windows of the step's size
   * @returns the values of all metrics
   * @throws {@link AcsconvError} as {@link evaluate}; the signal's reason if it aborts
   */
  evaluate(
    data: Dataset,
    metrics: readonly Metric[],
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Metrics> {
    const { size, session = {} } = this.#options;
    return evaluate(this.model(), data, metrics, { size, seed: this.#seed, session, signal });
  }

  /**
   * The network with its weights as they are now, or as they were after the best epoch.
   *
   * @throws {@link AcsconvError} `input` if no epoch has been the best yet
   */
  model(weights: "last" | "best" = "last"): Model {
    const chosen = weights === "last" ? this.#weightsOf(this.#source.state) : this.#best;
    if (!chosen) throw inputError("There are no best weights yet: an epoch has to end first.");
    const { lifted, report } = this.#model;
    const source = lifted && inSinglePrecision(lifted.source, ["float16", "float64"]);
    const origin = source && source !== lifted.source ? { ...lifted, source } : lifted;
    return new Model(this.step.network, origin, report).withWeights(chosen);
  }

  /** What of a state is part of the network. */
  #weightsOf(state: State): State {
    return new Map([...state].filter(([name]) => this.step.network.initializers.has(name)));
  }

  #position(): { epoch: number; step: number } {
    return { epoch: this.#progress.epoch + 1, step: this.steps };
  }

  #learningRate(): number {
    const { learningRate, schedule, epochs } = this.#options;
    if (!schedule) return learningRate;
    return learningRate * learningRateFactor(schedule, this.steps / this.stepsPerEpoch, epochs);
  }

  /** A loss should fall and metrics rise; NaN is never better. */
  #isBetter(value: number, best: number | undefined): boolean {
    if (best === undefined) return !Number.isNaN(value);
    return this.#monitor === "loss" ? value < best : value > best;
  }

  #isStopped(): boolean {
    const { epoch, best } = this.#progress;
    const { patience = Infinity } = this.#options;
    return best !== undefined && epoch - best.epoch >= patience;
  }

  #path(kind: "last" | "best"): string | undefined {
    const { checkpoint } = this.#options;
    return checkpoint && builtin("node:path").join(checkpoint.folder, `${kind}.safetensors`);
  }

  /** What cannot be written is better known before hours of work than after. */
  async #prepareFolder(): Promise<void> {
    const path = this.#path("last");
    if (path === undefined) return;
    const { folder } = this.#options.checkpoint!;
    await makeFolder(folder);
    await checkWritable(path);
    await Promise.all([path, this.#path("best")!].map(removeUnfinished));
  }

  #checkpoint(state: State): Checkpoint {
    this.#fingerprint ??= networkFingerprint(this.step.network, this.step.state);
    return { progress: this.#progress, settings: this.#settings, network: this.#fingerprint, state };
  }

  async #save(
    position: { readonly epoch: number; readonly step: number },
    kinds: readonly ("last" | "best")[],
  ): Promise<void> {
    if (!this.#options.checkpoint) return;
    const files = kinds.map((kind) => ({ kind, path: this.#path(kind)! }));
    await writeCheckpoints(
      files.map(({ path }) => path),
      this.#checkpoint(this.#source.state),
    );
    for (const file of files) this.#emit({ type: "checkpoint", ...position, ...file });
  }

  #howToResume(): string {
    const path = this.#path("last");
    const done = `Training was interrupted after step ${this.steps} of ${this.#options.epochs * this.stepsPerEpoch}`;
    return path === undefined
      ? `${done}; nothing is saved, because no folder for checkpoints was given, but fit() goes on while this process lives.`
      : `${done} and saved: resume("${path}") and then fit() go on.`;
  }
}
