/**
 * @file Gradients against finite differences.
 *
 * The loss is Σ r·y over every output, with random r. Outputs come from ONNX
 * Runtime in float32 and are weighed and summed in double. Each difference is
 * taken at two steps, whose agreement says that it can be trusted (no kink of
 * Relu, no tie of MaxPool within reach); Richardson's extrapolation of the two
 * is what the gradient is compared with.
 */

import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { expect } from "vitest";
import type { Graph, Node } from "../../src/graph/graph.ts";
import { uniform } from "../../src/base/random.ts";
import { elementCount, floatTensor, type Tensor } from "../../src/graph/tensor.ts";
import { differentiate } from "../../src/grad/differentiate.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { GraphBuilder } from "../../src/ops/builder.ts";
import { Expressions } from "../../src/ops/expressions.ts";
import { MICROSOFT_DOMAIN } from "../../src/ops/lifted.ts";
import { lowerTrainBatchNorm } from "../../src/passes/train-batch-norm.ts";
import { concat, type Floats, graphOf } from "./graphs.ts";

/** Random numbers in [low, high). */
export function randomFloats(dims: readonly number[], seed = 1, low = -1, high = 1): Floats {
  const next = uniform(seed);
  return { dims, data: Float32Array.from({ length: elementCount(dims) }, () => low + (high - low) * next()) };
}

interface GradientCase {
  /** Ends in the outputs. */
  readonly nodes: readonly Node[];
  /** Values to differentiate by. */
  readonly inputs: Readonly<Record<string, Floats>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  /** Default: y. */
  readonly outputs?: readonly string[];
  /** Allowed deviation over the largest gradient of the same input. Default 2e-3. */
  readonly tolerance?: number;
  /** Step of the differences. Default 2e-2. */
  readonly step?: number;
  /** How many elements of each input are checked. Default 40. */
  readonly samples?: number;
  /** Default 18. */
  readonly opset?: number;
}

/** The forward half, ready to be built or to be differentiated. */
function forwardOf({ nodes, inputs, constants = {}, opset = 18 }: GradientCase): GraphBuilder {
  const builder = new GraphBuilder(
    opset,
    nodes.flatMap((node) => node.outputs),
  );
  for (const [name, { dims }] of Object.entries(inputs))
    builder.input({ name, dtype: "float32", shape: dims });
  for (const [name, tensor] of Object.entries(constants)) builder.initializer(name, tensor);
  for (const node of nodes) builder.push(node);
  return builder;
}

function built(builder: GraphBuilder, names: readonly string[], opset = 18): Graph {
  const opsets = new Map([
    ["", opset],
    [MICROSOFT_DOMAIN, 1],
  ]);
  const graph = builder.build(
    { ...graphOf([]), opsets },
    names.map((name) => ({ ...builder.known(name), name })),
  );
  return lowerTrainBatchNorm(graph);
}

/** ∂Σy/∂input as the engine says, by input; those it has no gradient for are missing. */
export async function gradientsAt(given: GradientCase): Promise<Record<string, number[]>> {
  const algebra = new Expressions(forwardOf(given));
  const gradients = differentiate(algebra, algebra.sum("y"), Object.keys(given.inputs));
  const names = [...gradients.values()];
  if (names.length === 0) return {};
  const session = await open(built(algebra.builder, names, given.opset));
  const feeds = Object.fromEntries(Object.entries(given.inputs).map(([name, { data }]) => [name, data]));
  const got = await run(session, given.inputs, feeds);
  await session.release();
  return Object.fromEntries([...gradients].map(([name, gradient]) => [name, Array.from(got[gradient]!)]));
}

/** Expects the engine's gradients to be those of the function that ONNX Runtime computes. */
export async function expectGradients(given: GradientCase): Promise<void> {
  const { inputs, outputs = ["y"], tolerance = 2e-3, step = 2e-2, samples = 40, opset } = given;
  const forward = forwardOf(given);
  const weights = new Map(
    outputs.map((name, i) => [name, randomFloats(forward.known(name).shape as number[], 100 + i)] as const),
  );
  const backward = forwardOf(given);
  const algebra = new Expressions(backward);
  const terms = outputs.map((name) => {
    const { dims, data } = weights.get(name)!;
    return algebra.sum(algebra.mul(name, algebra.constant(floatTensor(dims, data))));
  });
  const loss = terms.reduce((a, b) => algebra.add(a, b));
  const names = Object.keys(inputs);
  const gradients = differentiate(algebra, loss, names);
  const step1 = await open(built(backward, [...gradients.values()], opset));
  const model = await open(built(forward, outputs, opset));
  try {
    const feeds = Object.fromEntries(names.map((name) => [name, Float32Array.from(inputs[name]!.data)]));
    const got = await run(step1, inputs, feeds);
    const lossAt = async (): Promise<number> => {
      const y = await run(model, inputs, feeds);
      return outputs.reduce(
        (sum, name) => y[name]!.reduce((s, value, i) => s + value * weights.get(name)!.data[i]!, sum),
        0,
      );
    };
    for (const name of names) {
      const gradient = got[gradients.get(name) ?? ""] ?? new Float32Array(feeds[name]!.length);
      expect(gradient.length, `size of the gradient by ${name}`).toBe(feeds[name]!.length);
      const largest = gradient.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-3);
      const all = feeds[name]!.length;
      const stride = Math.max(1, Math.floor(all / samples));
      let trusted = 0;
      for (let i = 0; i < all; i += stride) {
        const at = feeds[name]![i]!;
        const difference = async (h: number): Promise<number> => {
          feeds[name]![i] = at + h;
          const high = feeds[name]![i]!;
          const up = await lossAt();
          feeds[name]![i] = at - h;
          const low = feeds[name]![i]!;
          const down = await lossAt();
          feeds[name]![i] = at;
          return (up - down) / (high - low);
        };
        const [coarse, fine] = [await difference(step), await difference(step / 2)];
        if (Math.abs(coarse - fine) > 4 * tolerance * largest) continue;
        trusted++;
        const extrapolated = (4 * fine - coarse) / 3;
        const message = `∂loss/∂${name}[${i}]: ${gradient[i]}, by differences ${extrapolated}`;
        expect(Math.abs(gradient[i]! - extrapolated) / largest, message).toBeLessThan(tolerance);
      }
      const tried = Math.ceil(all / stride);
      expect(trusted / tried, `share of trustworthy differences by ${name}`).toBeGreaterThan(0.7);
    }
  } finally {
    await Promise.all([step1.release(), model.release()]);
  }
}

const open = (graph: Graph): Promise<InferenceSession> =>
  InferenceSession.create(concat(encodeModel(graph)), { logSeverityLevel: 4, intraOpNumThreads: 1 });

async function run(
  session: InferenceSession,
  inputs: Readonly<Record<string, Floats>>,
  feeds: Readonly<Record<string, Float32Array>>,
): Promise<Record<string, Float32Array>> {
  const used = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
  const results = await session.run(
    Object.fromEntries(
      used.map(([name, data]) => [name, new OrtTensor("float32", data, inputs[name]!.dims)]),
    ),
  );
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
}
