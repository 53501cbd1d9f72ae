// @ts-check
/**
 * @file The thread that runs onnxruntime-node, whose `run()` blocks the thread
 * it is called on. Answers ort-node.ts, one message per request.
 *
 * Plain JavaScript, because a worker is started from a file: this one runs as
 * it is under every Node, beside the sources (in tests) and in the build.
 */

import { parentPort } from "node:worker_threads";
import ort from "onnxruntime-node";

/** @import { Answer, Request } from "./ort-node.ts" */
/** @import { Reply } from "../base/thread.ts" */

if (!parentPort) throw new Error("ort-worker.js is started by ort-node.ts as a worker thread.");
const port = parentPort;

// Failures come back as exceptions; a copy of them on stderr would only disturb a command's output.
ort.env.logLevel = "fatal";

/** @type {ort.InferenceSession | undefined} */
let session;

/**
 * @param {Request} request
 * @returns {Promise<Answer>}
 */
async function answer(request) {
  switch (request.call) {
    case "backends":
      return { value: ort.listSupportedBackends() };
    case "load": {
      const { model, options } = request;
      session =
        typeof model === "string"
          ? await ort.InferenceSession.create(model, options)
          : await ort.InferenceSession.create(model, options);
      return { value: { inputs: session.inputMetadata, outputs: session.outputMetadata } };
    }
    case "run": {
      if (!session) throw new Error("no model is loaded");
      // Not by assignment: an input may be called "__proto__".
      const feeds = Object.fromEntries(
        Object.entries(request.feeds).map(([name, { dtype, data, dims }]) => [
          name,
          // The constructor's overloads tie each type to its array, which a loop over all types cannot.
          new ort.Tensor(/** @type {"float32"} */ (dtype), /** @type {Float32Array} */ (data), dims),
        ]),
      );
      const results = Object.entries(await session.run(feeds, request.fetch));
      const value = results.map(([name, { type, dims, data }]) => ({ name, type, dims, data }));
      const buffers = value.flatMap(({ data }) =>
        "buffer" in data && data.buffer instanceof ArrayBuffer ? [data.buffer] : [],
      );
      return { value, transfer: [...new Set(buffers)] };
    }
    case "release":
      await session?.release();
      session = undefined;
      return { value: undefined };
  }
}

/** @param {Request} request */
async function reply(request) {
  try {
    const { value, transfer } = await answer(request);
    port.postMessage(/** @satisfies {Reply} */ ({ value }), transfer);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    port.postMessage(/** @satisfies {Reply} */ ({ error: message }));
  }
}

port.on("message", (/** @type {Request} */ request) => void reply(request));
