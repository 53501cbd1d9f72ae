/**
 * @file Runs models in ONNX Runtime in a process of its own, which may crash:
 * receives `{ model, feeds }`, answers `{ outputs }` or `{ error }`. Plain
 * JavaScript, because Node starts it without a transpiler.
 */

import * as ort from "onnxruntime-node";

const { InferenceSession, Tensor } = ort;

process.on("message", ({ model, feeds }) => void answer(model, feeds));

async function answer(model, feeds) {
  process.send(
    await run(model, feeds).then(
      (outputs) => ({ outputs }),
      (error) => ({ error: error instanceof Error ? error.message : String(error) }),
    ),
  );
}

async function run(model, feeds) {
  const session = await InferenceSession.create(model, {
    graphOptimizationLevel: "disabled",
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    const results = await session.run(
      Object.fromEntries(
        feeds.map(({ name, type, data, dims }) => [name, new Tensor(type, elementsOf(type, data), dims)]),
      ),
    );
    return session.outputNames.map((name) => {
      const { type, data, dims } = results[name];
      return { name, type, data: Array.isArray(data) ? data : bytesOf(data), dims: [...dims] };
    });
  } finally {
    await session.release();
  }
}

const ELEMENTS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/** Bytes (of strings: the strings) as the array that ONNX Runtime expects for a type. */
function elementsOf(type, data) {
  if (type === "string") return data;
  if (!(type in ELEMENTS)) throw new Error(`no ${type} tensors in JavaScript`);
  return new ELEMENTS[type](data.slice().buffer);
}

const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
