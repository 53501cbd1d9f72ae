/** @file A loaded model that can be run: the one way into ONNX Runtime, the same in Node and in browsers. */

import { openEngine } from "#ort";
import { inputError, messageOf, readable, runtimeError } from "../base/errors.ts";
import type { Device } from "../compile/targets/index.ts";
import type { Engine, EngineOptions, ValueSpec } from "./engine.ts";
import { checkFeeds, ownFeeds } from "./feeds.ts";
import type { RunTensor, RunTensors } from "./tensor.ts";

/** As {@link EngineOptions}, where `device` is `cpu` unless named. */
export type SessionOptions = Partial<EngineOptions>;

/** How to run once. */
export interface RunOptions {
  /** The outputs wanted, by name; all of them where absent. */
  readonly fetch?: readonly string[];
  /** Gives the feeds' arrays away, which saves a copy: they cannot be used any more afterwards. */
  readonly transfer?: boolean;
  /** Cancels a run that has not started yet. One that has is finished first. */
  readonly signal?: AbortSignal;
}

/**
 * Loads a model into ONNX Runtime.
 *
 * In Node the model lives in a worker thread: `run` never blocks the event loop, and an idle session does not keep the
 * process alive. In a browser `wasm` computes on the calling thread: create the session in a module worker if a page
 * has to stay responsive.
 *
 * @param model - the bytes of an ONNX file, or its path (in Node; external data is found beside it) or URL (in a
 *   browser)
 * @throws {@link AcsconvError} `runtime` if the device is missing or the model cannot be loaded
 *
 * @example
 * const session = await createSession(bytes, { device: "cpu" });
 * const { output } = await session.run({ input: { dtype: "float32", dims: [1, 1, 8, 8, 8], data } });
 * await session.dispose();
 */
export async function createSession(
  model: Uint8Array | string,
  { device = "cpu", ...options }: SessionOptions = {},
): Promise<Session> {
  const engine = await openEngine(model, { device, ...options });
  if (engine.outputs.some(({ name }) => name === UNFETCHABLE)) {
    await engine.release();
    throw inputError(
      `The network has an output called "${UNFETCHABLE}", which ONNX Runtime's JavaScript cannot hand out: rename it in the file.`,
    );
  }
  return new Session(engine, device);
}

/** Results are put into an object by assignment, which sets its prototype instead. */
const UNFETCHABLE = "__proto__";

/** A model in ONNX Runtime. Runs that are asked for together are done one after the other. */
export class Session {
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly device: Device;
  readonly #engine: Engine;
  #last: Promise<unknown> = Promise.resolve();
  #released: Promise<void> | undefined;

  /** @internal Made by {@link createSession}. */
  constructor(engine: Engine, device: Device) {
    this.#engine = engine;
    this.inputs = engine.inputs;
    this.outputs = engine.outputs;
    this.device = device;
  }

  /**
   * Computes the model's outputs. The feeds are read before this returns, so
   * their arrays may be changed while the result is awaited.
   *
   * @throws {@link AcsconvError} `input` if the feeds are not what the model declares, `runtime` if the
   *   session is disposed or ONNX Runtime fails; the signal's reason if it aborts before the run starts
   */
  async run(feeds: RunTensors, options: RunOptions = {}): Promise<Record<string, RunTensor>> {
    const fetch = options.fetch ?? this.outputs.map((output) => output.name);
    this.#check(feeds, fetch);
    const own = ownFeeds(feeds, options.transfer ?? false);
    const result = this.#last.then(async () => {
      options.signal?.throwIfAborted();
      try {
        return await this.#engine.run(own, fetch);
      } catch (error) {
        throw runtimeError(`ONNX Runtime failed on ${this.device}: ${readable(messageOf(error))}.`);
      }
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Frees the model and its memory, after the runs asked for so far. May be called again. */
  dispose(): Promise<void> {
    this.#released ??= this.#last.then(() => this.#engine.release());
    return this.#released;
  }

  #check(feeds: RunTensors, fetch: readonly string[]): void {
    if (this.#released)
      throw runtimeError("This session is disposed: create another one.", { code: "E_DISPOSED" });
    checkFeeds(this.inputs, feeds);
    const unknown = fetch.find((name) => !this.outputs.some((output) => output.name === name));
    if (unknown === undefined && fetch.length > 0) return;
    const names = this.outputs.map((output) => `"${output.name}"`).join(", ");
    throw inputError(
      `Cannot fetch ${unknown === undefined ? "nothing" : `"${unknown}"`}: the model's outputs are ${names}.`,
    );
  }
}
