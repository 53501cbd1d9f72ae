/**
 * @file ONNX Runtime in the browser, as WebAssembly or on WebGPU.
 *
 * Always through `onnxruntime-web/webgpu`: the package's default entry is another WebGPU build, which computes grouped
 * 3D convolutions and slices with negative steps wrongly without saying so (seen in 1.30.0). It is imported when the
 * first model is opened, so that bundlers give it a file of its own.
 */

import type { InferenceSession } from "onnxruntime-web/webgpu";
import { messageOf, readable, runtimeError } from "../base/errors.ts";
import { targetOf } from "../compile/targets/index.ts";
import { commonOptions, missingDevice, runTensor, valueSpec, type OpenEngine } from "./engine.ts";
import type { RunTensor, RunTensors } from "./tensor.ts";

const PACKAGE = "onnxruntime-web";

/**
 * ONNX Runtime's loader and its WebAssembly, where a bundler put them. Threads start from the file that holds the
 * loader. Left to itself that is a bundler's chunk, whose imports then run in every thread: with Vite 8 the page's
 * own script may be among them, fail there for want of a `document`, and the threads never start.
 */
const FILES = {
  mjs: new URL("onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs", import.meta.url).href,
  wasm: new URL("onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm", import.meta.url).href,
};
/** Whether a bundler has put addresses there: unbundled, a package's name resolves to a folder beside this file. */
const isBundled = !FILES.mjs.startsWith(`${import.meta.url.replace(/[^/]*$/, "")}${PACKAGE}/`);

export const openEngine: OpenEngine = async (model, options) => {
  const { device } = options;
  const { provider } = targetOf(device);
  if (provider.browser === null || (provider.browser === "webgpu" && !(await adapter())))
    throw missingDevice(device, "browser", "wasm and webgpu in a browser");
  const ort = await import("onnxruntime-web/webgpu");
  ort.env.logLevel = "fatal";
  if (options.threads !== undefined) ort.env.wasm.numThreads = options.threads;
  if (options.wasmPaths !== undefined) ort.env.wasm.wasmPaths = options.wasmPaths;
  else if (isBundled) ort.env.wasm.wasmPaths ??= FILES;

  const settings = commonOptions(provider.browser, options.cpuNodes);
  // The overloads for bytes and addresses do the same.
  const loading = exclusively(() => ort.InferenceSession.create(model as string, settings));
  const session = await loading.catch((error: unknown) => {
    throw runtimeError(`ONNX Runtime cannot load the model on ${device}: ${readable(messageOf(error))}.`);
  });
  return {
    inputs: session.inputMetadata.map(valueSpec),
    outputs: session.outputMetadata.map(valueSpec),
    run: (feeds, fetch) => exclusively(() => run(ort.Tensor, session, feeds, fetch)),
    release: () => exclusively(() => session.release()),
  };
};

type Ort = typeof import("onnxruntime-web/webgpu");

async function run(
  Tensor: Ort["Tensor"],
  session: InferenceSession,
  feeds: RunTensors,
  fetch: readonly string[],
): Promise<Record<string, RunTensor>> {
  const tensors = Object.entries(feeds).map(([name, { dtype, data, dims }]) => [
    name,
    // The constructor's overloads tie each type to its array, which a loop over all types cannot.
    new Tensor(dtype as "float32", data as Float32Array, dims),
  ]);
  const results = await session.run(Object.fromEntries(tensors), fetch);
  return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, runTensor(result)]));
}

/** Whether the browser has a GPU to offer. TypeScript's DOM types do not know WebGPU yet. */
async function adapter(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } };
  return (await gpu?.requestAdapter()) != null;
}

let last: Promise<unknown> = Promise.resolve();

/** One call at a time, over all sessions: they share one WebAssembly instance, which cannot be entered twice. */
function exclusively<T>(call: () => Promise<T>): Promise<T> {
  const result = last.then(call);
  last = result.catch(() => undefined);
  return result;
}
