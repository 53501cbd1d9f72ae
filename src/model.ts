/**
 * @file The model as users hold it: loaded, lifted, saved and run.
 */

import { AcsconvError } from "./errors.ts";
import type { Graph, ValueInfo } from "./graph/graph.ts";
import type { LiftedGraph } from "./lift/index.ts";
import { liftGraph } from "./lift/index.ts";
import { lowerForSaving, restore } from "./lift/metadata.ts";
import type { LiftOptions } from "./lift/options.ts";
import { encodeModel } from "./onnx/encode.ts";
import type { ModelSource } from "./onnx/files.ts";
import { readModel, writeModel } from "./onnx/files.ts";
import { upgradeGraph } from "./onnx/upgrade.ts";
import { LIFTED_DOMAIN } from "./ops/lifted.ts";
import { foldBatchNorm } from "./passes/fold-batch-norm.ts";
import { foldConstants } from "./passes/fold-constants.ts";
import { lower } from "./passes/lower.ts";
import { dropIdentities, dropUnused } from "./passes/tidy.ts";
import type { RunOptions, Session, SessionOptions } from "./run/session.ts";
import { createSession } from "./run/session.ts";
import type { RunTensor } from "./run/tensor.ts";
import type { Volume } from "./volume/volume.ts";

/** A network: a graph with its weights, and for a lifted one the 2D network it came from. */
export class Model {
  /** As typed graph; a lifted network holds acsconv's internal operators. */
  readonly graph: Graph;
  /** Where a lifted network came from. */
  readonly lifted: { readonly source: Graph; readonly options: LiftOptions } | undefined;
  /** What lifting did, node by node; absent for models read from files. */
  readonly report: Pick<LiftedGraph, "nodes" | "warnings"> | undefined;
  #session: Promise<Session> | undefined;
  #sessionKey = "";

  constructor(graph: Graph, lifted?: Model["lifted"], report?: Model["report"]) {
    this.graph = graph;
    this.lifted = lifted;
    this.report = report;
  }

  get inputs(): readonly ValueInfo[] {
    return this.graph.inputs;
  }

  get outputs(): readonly ValueInfo[] {
    return this.graph.outputs;
  }

  /** The bytes of a plain `.onnx` file that any runtime executes. */
  toBytes(): Uint8Array {
    return concatBytes(encodeModel(this.#plain()));
  }

  /**
   * Writes a plain `.onnx` file: aside first, then renamed. Weights of 1.5 GB
   * and more go to `<path>.data` beside it.
   *
   * @throws {@link AcsconvError} ("io") if the path cannot be written
   */
  async save(path: string): Promise<void> {
    await writeModel(this.#plain(), path);
  }

  /**
   * A session of one's own, optimised for inference: BatchNormalization folded
   * into the kernels, activations pushed into the views. Dispose it after use.
   */
  async session(options?: SessionOptions): Promise<Session> {
    return createSession(concatBytes(encodeModel(optimise(this.graph))), options);
  }

  /**
   * Runs the network. Volumes become float32 `[1, channels, D, H, W]`.
   *
   * @param feeds - by input name
   * @returns outputs by name
   * @throws {@link AcsconvError} ("input") where a feed is missing or has another type or shape than the input
   *
   * @example
   * const { logits } = await model3d.run({ input: volume });
   */
  async run(
    feeds: Readonly<Record<string, RunTensor | Volume>>,
    options: SessionOptions & RunOptions = {},
  ): Promise<Record<string, RunTensor>> {
    const { fetch, transfer, signal, ...session } = options;
    const key = JSON.stringify(session);
    if (this.#session && key !== this.#sessionKey) await this.dispose();
    this.#sessionKey = key;
    this.#session ??= this.session(session);
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => [name, "dims" in feed ? feed : tensorOfVolume(feed)]),
    );
    const open = await this.#session.catch((error: unknown) => {
      this.#session = undefined;
      throw error;
    });
    return open.run(tensors, {
      ...(fetch && { fetch }),
      ...(transfer && { transfer }),
      ...(signal && { signal }),
    });
  }

  /** Frees the session that {@link run} keeps. The model can be run again: that makes a new one. */
  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await (await session?.catch(() => undefined))?.dispose();
  }

  #plain(): Graph {
    return this.lifted ? lowerForSaving({ graph: this.graph, ...this.lifted }) : this.graph;
  }
}

/**
 * Loads an ONNX model from a path (or `file:` URL), a Blob or bytes. A 3D model
 * that acsconv saved comes back as the lifted network it is.
 *
 * @throws {@link AcsconvError} ("io" or "format") if it cannot be read
 */
export async function load(source: ModelSource): Promise<Model> {
  const graph = await readModel(source);
  const restored = restore(graph);
  if (!restored) return new Model(graph);
  const { source: source2d, options } = restored;
  return new Model(restored.graph, { source: source2d, options });
}

/**
 * Lifts a 2D convolutional network to a natively 3D one that keeps every 2D
 * weight: input `[N, C, H, W]` becomes `[N, C, D, H, W]`. A lifted network is
 * lifted anew, from its 2D form.
 *
 * @throws {@link AcsconvError} ("lift") naming the node that has no 3D reading, and why
 * @see Yang et al., arXiv:1911.10477
 *
 * @example
 * const model3d = lift(await load("resnet18.onnx"), { kind: "acs" });
 */
export function lift(model: Model, options: LiftOptions = {}): Model {
  const { graph, source, nodes, warnings } = liftGraph(model.lifted ? unlift(model).graph : model.graph, options);
  return new Model(graph, { source, options }, { nodes, warnings });
}

/**
 * The 2D network of a lifted one, with the weights as they are now.
 *
 * @throws {@link AcsconvError} ("lift") if the model was not lifted by acsconv
 */
export function unlift(model: Model): Model {
  if (!model.lifted) {
    throw new AcsconvError("lift", "Expected a model that acsconv lifted; this one has no 2D form in its metadata.");
  }
  const { source } = model.lifted;
  const initializers = new Map(
    [...source.initializers].map(([name, tensor]) => {
      const now = model.graph.initializers.get(name);
      return [name, now && now.dims.join() === tensor.dims.join() ? now : tensor];
    }),
  );
  return new Model({ ...source, initializers });
}

/** Plain ONNX for inference. */
function optimise(graph: Graph): Graph {
  const lifted = graph.nodes.some(({ domain }) => domain === LIFTED_DOMAIN);
  if (!lifted) return graph;
  const folded = foldBatchNorm(dropUnused(dropIdentities(foldConstants(upgradeGraph(graph)))));
  return dropUnused(lower(folded).graph);
}

function tensorOfVolume({ data, channels, shape }: Volume): RunTensor {
  return { dtype: "float32", dims: [1, channels, ...shape], data: Float32Array.from(data) };
}

function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
