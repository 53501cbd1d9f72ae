// @ts-check
/**
 * @file The thread that makes examples, out of the way of whoever trains with
 * them. Answers thread-dataset.ts, one message per request, in their order.
 */

import { parentPort } from "node:worker_threads";
import { uniform } from "../base/uniform.js";

/** @import { Reply } from "../base/thread.ts" */
/** @import { Dataset } from "./dataset.ts" */
/** @import { DatasetModule, Request } from "./thread-dataset.ts" */

if (!parentPort) throw new Error("dataset-worker.js is started by thread-dataset.ts as a worker thread.");
const port = parentPort;

/** @type {Dataset | undefined} */
let dataset;

/** @param {Request} request */
async function answer(request) {
  if ("module" in request) {
    const { default: make } = /** @type {DatasetModule} */ (await import(request.module));
    dataset = await make(request.options);
    return dataset.length;
  }
  return dataset?.get(request.index, uniform(request.seed));
}

/**
 * @param {Request} request
 * @returns {Promise<Reply>}
 */
async function reply(request) {
  try {
    return { value: await answer(request) };
  } catch (error) {
    if (!(error instanceof Error)) return { error: String(error) };
    return error.name === "AcsconvError" && "kind" in error
      ? { error: error.message, kind: /** @type {"input"} */ (error.kind) }
      : { error: error.message };
  }
}

/** @type {Promise<void>} */
let last = Promise.resolve();
port.on("message", (/** @type {Request} */ request) => {
  last = last.then(async () => port.postMessage(await reply(request)));
});
