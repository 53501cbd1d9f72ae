/** @file Small graphs by hand, and ONNX Runtime to run them. */

import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { Attrs, Graph, Node, ValueInfo } from "../../src/graph/graph.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { encodeModel } from "../../src/onnx/encode.ts";

export const node = (op: string, inputs: string[], outputs: string[], attrs: Attrs = {}): Node => ({
  op,
  domain: "",
  name: "",
  inputs,
  outputs,
  attrs,
});

export const value = (name: string, shape?: number[], dtype: ValueInfo["dtype"] = "float32"): ValueInfo => ({
  name,
  dtype,
  ...(shape && { shape }),
});

export function graphOf(
  nodes: Node[],
  { inputs = [value("x")], outputs = [value("y")], initializers = {}, opset = 18 }: GraphParts = {},
): Graph {
  return {
    name: "g",
    inputs,
    outputs,
    nodes,
    initializers: new Map(Object.entries(initializers)),
    valueInfos: new Map(),
    opsets: new Map([["", opset]]),
    metadata: new Map(),
  };
}

interface GraphParts {
  readonly inputs?: ValueInfo[];
  readonly outputs?: ValueInfo[];
  readonly initializers?: Record<string, Tensor>;
  readonly opset?: number;
}

export const concat = (chunks: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(chunks));

/** Numbers with their sizes; float32 where they are fed. */
export interface Floats {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** What ONNX Runtime computed, widened to float32, and its element type. */
export interface Computed extends Floats {
  readonly type: string;
}

/** Runs a graph, or the bytes or the file of one, on float32 inputs, on one thread. */
export async function evaluate(
  model: Graph | Uint8Array | string,
  feeds: Record<string, Floats>,
): Promise<Record<string, Computed>> {
  const source =
    typeof model === "string" || model instanceof Uint8Array ? model : concat(encodeModel(model));
  const options = { logSeverityLevel: 4, intraOpNumThreads: 1 } as const;
  const session = await (typeof source === "string"
    ? InferenceSession.create(source, options)
    : InferenceSession.create(source, options));
  try {
    const results = await session.run(
      Object.fromEntries(
        Object.entries(feeds).map(([name, { dims, data }]) => [name, new OrtTensor("float32", data, dims)]),
      ),
    );
    return Object.fromEntries(
      Object.entries(results).map(([name, { dims, data, type }]) => [
        name,
        { type, dims, data: Float32Array.from(data as Float32Array, Number) },
      ]),
    );
  } finally {
    await session.release();
  }
}

/** As {@link evaluate}, with outputs as plain numbers. */
export async function runInOrt(
  model: Graph | Uint8Array | string,
  feeds: Record<string, Floats>,
): Promise<Record<string, number[]>> {
  const results = await evaluate(model, feeds);
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, Array.from(data)]));
}
