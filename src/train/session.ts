/**
 * @file A training step in ONNX Runtime, and the state that goes round through it:
 * each step's outputs are the next one's feeds, handed over without a copy.
 */

import { inputError, trainError } from "../base/errors.ts";
import { seedFor } from "../base/random.ts";
import { elementCount, floatTensor, type Tensor } from "../graph/tensor.ts";
import { open } from "../run/open.ts";
import type { Session, SessionOptions } from "../run/session.ts";
import { arrayTypeOf, type RunDType, type RunTensor } from "../run/tensor.ts";
import { explain, type Feeds, REMEDY } from "./diagnose.ts";
import { drawMask } from "./masks.ts";
import type { Feed, TrainingStep } from "./step.ts";
import { accumulator, GRADIENT_NORM, LEARNING_RATE, LOSS, next, TARGET } from "./update.ts";

/** What one update reads. */
export interface TrainingBatch {
  /** float32 [accumulate · B, C, ...size] */
  readonly image: RunTensor;
  /** [accumulate · B, ...], as the step's `target` says. */
  readonly target: RunTensor;
}

/** What one update tells. */
export interface StepResult {
  /** Of the batch, before the update; of micro-batches the mean. */
  readonly loss: number;
  /** Of all parameters together, before clipping. */
  readonly gradientNorm: number;
}

/** What changes from update to update. */
export interface StepSettings {
  readonly learningRate: number;
  /** Of the dropout masks. */
  readonly seed: number;
}

/** A training step that can be run. */
export class TrainingSession {
  readonly #step: TrainingStep;
  readonly #options: SessionOptions;
  readonly #graph: Session;
  readonly #update: Session | undefined;
  /** Undefined while a step has it, and after a failure that lost it. */
  #state: Feeds | undefined;

  private constructor(
    step: TrainingStep,
    options: SessionOptions,
    graph: Session,
    update: Session | undefined,
  ) {
    this.#step = step;
    this.#options = options;
    this.#graph = graph;
    this.#update = update;
  }

  /**
   * @param state - a checkpoint's; where absent, what the step begins with
   * @throws {@link AcsconvError} as {@link createSession} and {@link load}
   */
  static async open(
    step: TrainingStep,
    options: SessionOptions = {},
    state: ReadonlyMap<string, Tensor> = step.state,
  ): Promise<TrainingSession> {
    const graph = await open(step.graph, options);
    const update = step.update && (await open(step.update, options));
    const session = new TrainingSession(step, options, graph, update);
    session.load(state);
    return session;
  }

  /**
   * One update. Steps are asked for one after the other.
   *
   * @throws {@link AcsconvError} ("train") where loss or gradient are not finite, naming the first node or parameter
   *   that is not; the state stays as it was. ("input") for a batch that does not fit the step
   */
  async run(batch: TrainingBatch, settings: StepSettings): Promise<StepResult> {
    const { accumulate, image, target } = this.#step;
    requireBatch(batch.image, image, accumulate);
    requireBatch(batch.target, target, accumulate);
    const state = this.#present();
    const micro = Array.from({ length: accumulate }, (_, i) => this.#microBatch(batch, settings, i));
    this.#state = undefined;
    const done = await (
      this.#update ? this.#accumulated(this.#update, state, micro) : this.#whole(state, micro[0]!)
    ).catch((error: unknown) => {
      // What was refused before it was handed over is still here.
      if ([...state.values()].every(({ data }) => data.length > 0)) this.#state = state;
      throw error;
    });
    this.#state = done.state;
    const result = { loss: done.loss, gradientNorm: done.gradientNorm };
    if (Number.isFinite(result.loss) && Number.isFinite(result.gradientNorm)) return result;
    throw trainError(await this.#complaint(result, micro), { code: "E_NOT_FINITE" });
  }

  /** All that a checkpoint needs, copied: parameters, optimiser state, running statistics, updates done. */
  get state(): ReadonlyMap<string, Tensor> {
    const copy = ({ dtype, dims, data }: RunTensor): Tensor => {
      const { buffer, byteOffset, byteLength } = data as Float32Array;
      return { dtype, dims, bytes: new Uint8Array(buffer, byteOffset, byteLength).slice() };
    };
    return new Map([...this.#present()].map(([name, tensor]) => [name, copy(tensor)]));
  }

  /**
   * Replaces the whole state.
   *
   * @throws {@link AcsconvError} ("train") naming the first tensor that is missing, too many, or not of the step's sizes
   */
  load(state: ReadonlyMap<string, Tensor>): void {
    const refuse = (what: string): never => {
      throw trainError(`${what}; it belongs to another network, optimiser or choice of frozen parameters.`, {
        code: "E_STATE",
      });
    };
    for (const [name, { dtype, dims }] of this.#step.state) {
      const found = state.get(name);
      if (found?.dtype === dtype && found.dims.join() === dims.join()) continue;
      const what = found ? `${found.dtype} [${found.dims.join(", ")}]` : "nothing";
      refuse(`Expected "${name}" in the training state as ${dtype} [${dims.join(", ")}], found ${what}`);
    }
    const unknown = [...state.keys()].find((name) => !this.#step.state.has(name));
    if (unknown !== undefined)
      refuse(`The training state holds "${unknown}", which this step does not train`);
    this.#state = new Map([...state].map(([name, tensor]) => [name, feedOf(tensor)]));
  }

  /** Frees the sessions, after the step that may be running. */
  async dispose(): Promise<void> {
    await Promise.all([this.#graph.dispose(), this.#update?.dispose()]);
  }

  #present(): Feeds {
    if (this.#state) return this.#state;
    throw trainError(
      "The training state is not here: a step is running, or failed with it; await the step, or load a checkpoint.",
    );
  }

  #microBatch({ image, target }: TrainingBatch, { learningRate, seed }: StepSettings, i: number): Feeds {
    const step = this.#step;
    const masks = step.masks.map((mask) => [mask.name, drawMask(mask, seedFor(seed, String(i)))] as const);
    return new Map<string, RunTensor>([
      [step.image.name, part(image, step.image, i)],
      [step.target.name, part(target, step.target, i)],
      [LEARNING_RATE, feedOf(floatTensor([], [learningRate]))],
      ...masks,
    ]);
  }

  async #whole(state: Feeds, batch: Feeds): Promise<Done> {
    // What is fed is given away, and the batch may be wanted for a diagnosis.
    const results = await run(this.#graph, new Map([...copied(batch), ...state]), true);
    return {
      loss: numberOf(results, LOSS),
      gradientNorm: numberOf(results, GRADIENT_NORM),
      state: nextOf(state, results),
    };
  }

  async #accumulated(update: Session, state: Feeds, micro: readonly Feeds[]): Promise<Done> {
    let [now, sums] = [state, this.#zeros()];
    let loss = 0;
    for (const batch of micro) {
      const results = await run(this.#graph, new Map([...batch, ...now, ...sums]), false);
      loss += numberOf(results, LOSS) / micro.length;
      [now, sums] = [nextOf(now, results), nextOf(sums, results)];
    }
    if (!Number.isFinite(loss)) return { loss, gradientNorm: Number.NaN, state };
    const rate = [LEARNING_RATE, micro[0]!.get(LEARNING_RATE)!] as const;
    const results = await run(update, new Map([...copied(new Map([rate])), ...now, ...sums]), true);
    const gradientNorm = numberOf(results, GRADIENT_NORM);
    // Parameters were kept by the graph; running statistics are not known to it.
    return { loss, gradientNorm, state: nextOf(Number.isFinite(gradientNorm) ? now : state, results) };
  }

  /** What gradients are added to. */
  #zeros(): Feeds {
    const zero = (dims: readonly number[]): RunTensor =>
      feedOf(floatTensor(dims, new Float32Array(elementCount(dims))));
    return new Map(this.#step.parameters.map(({ name, dims }) => [accumulator(name), zero(dims)]));
  }

  async #complaint({ loss, gradientNorm }: StepResult, micro: readonly Feeds[]): Promise<string> {
    const what = Number.isFinite(loss) ? `The gradient's norm is ${gradientNorm}` : `The loss is ${loss}`;
    for (const batch of micro) {
      const feeds = new Map([...batch, ...this.#present(), ...this.#zeros()]);
      const why = await explain(this.#step, feeds, this.#options);
      if (why !== undefined) return `${what}: ${why}; the parameters are as before the step.`;
    }
    return `${what}: sums of finite values overflow; ${REMEDY}; the parameters are as before the step.`;
  }
}

interface Done extends StepResult {
  readonly state: Feeds;
}

async function run(session: Session, feeds: Feeds, transfer: boolean): Promise<Feeds> {
  const wanted = session.inputs.map(({ name }) => [name, feeds.get(name)!]);
  return new Map(Object.entries(await session.run(Object.fromEntries(wanted), { transfer })));
}

/** The state with what a graph made of it. */
const nextOf = (state: Feeds, results: Feeds): Feeds =>
  new Map([...state].map(([name, tensor]) => [name, results.get(next(name)) ?? tensor]));

const numberOf = (results: Feeds, name: string): number => Number(results.get(name)!.data[0]);

const copied = (feeds: Feeds): Feeds =>
  new Map([...feeds].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() } as RunTensor]));

/** A tensor in an array of its own. */
function feedOf({ dtype, dims, bytes }: Tensor): RunTensor {
  const type = arrayTypeOf(dtype as RunDType) as Float32ArrayConstructor;
  return { dtype, dims, data: new type(bytes.slice().buffer) } as RunTensor;
}

/** Micro-batch `i` of a batch. */
function part(tensor: RunTensor, { dims }: Feed, i: number): RunTensor {
  const size = elementCount(dims);
  return { ...tensor, dims, data: tensor.data.slice(i * size, (i + 1) * size) } as RunTensor;
}

function requireBatch({ dtype, dims, data }: RunTensor, feed: Feed, accumulate: number): void {
  const wanted = [feed.dims[0]! * accumulate, ...feed.dims.slice(1)];
  if (dtype === feed.dtype && dims.join() === wanted.join() && data.length === elementCount(dims)) return;
  const which = feed.name === TARGET ? "targets" : "images";
  throw inputError(
    `Expected ${which} as ${feed.dtype} [${wanted.join(", ")}], found ${dtype} [${dims.join(", ")}].`,
    { code: "E_FEED" },
  );
}
