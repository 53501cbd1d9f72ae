/**
 * @file ONNX Runtime in Node: each model lives in a worker thread of its own, because onnxruntime-node computes on the
 * thread that calls it.
 *
 * Arrays cross to the worker and back by transfer, never by copy. A worker at rest does not keep the process alive.
 */

import type { InferenceSession } from "onnxruntime-node";
import { messageOf, readable, runtimeError, type AcsconvError } from "../base/errors.ts";
import type { Device } from "../compile/targets/index.ts";
import {
  commonOptions,
  missingDevice,
  runTensor,
  valueSpec,
  type OpenEngine,
  type OrtTensor,
  type OrtValue,
} from "./engine.ts";
import { owned } from "./feeds.ts";
import type { RunTensors } from "./tensor.ts";
import { Thread } from "../base/thread.ts";

/** What the worker is asked. */
export type Request =
  | { readonly call: "backends" }
  | {
      readonly call: "load";
      readonly model: Uint8Array | string;
      readonly options: InferenceSession.SessionOptions;
    }
  | { readonly call: "run"; readonly feeds: RunTensors; readonly fetch: readonly string[] }
  | { readonly call: "release" };

/** What it answers to each call. */
interface Answers {
  backends: readonly { readonly name: string; readonly bundled: boolean }[];
  load: { readonly inputs: readonly OrtValue[]; readonly outputs: readonly OrtValue[] };
  run: readonly (OrtTensor & { readonly name: string })[];
  release: undefined;
}

/** An answer, and the buffers it gives away. */
export interface Answer {
  readonly value: Answers[Request["call"]];
  readonly transfer?: ArrayBuffer[];
}

export const openEngine: OpenEngine = async (model, options) => {
  const thread = new Thread(new URL("./ort-worker.js", import.meta.url), "runs the model");
  const ask = <R extends Request>(request: R, transfer?: ArrayBuffer[]): Promise<Answers[R["call"]]> =>
    thread.ask(request, transfer);
  const stop = async (): Promise<void> => {
    await ask({ call: "release" }).catch(() => undefined);
    await thread.stop();
  };
  try {
    const backends = await ask({ call: "backends" });
    if (!backends.some(({ name }) => name === options.device)) throw missing(options.device, backends);
    const bytes = typeof model === "string" ? model : owned(model, options.transfer ?? false);
    const { device, threads, cpuNodes } = options;
    const intraOp = threads === undefined ? {} : { intraOpNumThreads: threads };
    const request = {
      call: "load",
      model: bytes,
      options: { ...commonOptions(device, cpuNodes), ...intraOp },
    } as const;
    const { inputs, outputs } = await ask(request, buffersOf([bytes])).catch((error: unknown) => {
      throw options.device === "cpu"
        ? runtimeError(`ONNX Runtime cannot load the model: ${readable(messageOf(error))}.`)
        : missing(options.device, backends, error);
    });
    return {
      inputs: inputs.map(valueSpec),
      outputs: outputs.map(valueSpec),
      async run(feeds, fetch) {
        const arrays = Object.values(feeds).map(({ data }) => data);
        const results = await ask({ call: "run", feeds, fetch }, buffersOf(arrays));
        return Object.fromEntries(results.map((result) => [result.name, runTensor(result)]));
      },
      release: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

function missing(device: Device, backends: Answers["backends"], cause?: unknown): AcsconvError {
  const built = backends.filter(({ bundled }) => bundled).map(({ name }) => name);
  return missingDevice(device, "node", `${built.join(" and ")} on this system`, cause);
}

const buffersOf = (arrays: readonly unknown[]): ArrayBuffer[] => [
  ...new Set(
    arrays.flatMap((array) =>
      ArrayBuffer.isView(array) && array.buffer instanceof ArrayBuffer ? [array.buffer] : [],
    ),
  ),
];
