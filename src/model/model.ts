/** @file The model as users hold it: loaded, lifted, saved and run. */

import { inputError, liftError } from "../base/errors.ts";
import { forInference, isLifted } from "../compile/inference.ts";
import { forSaving, restore } from "../compile/saving.ts";
import { targetOf } from "../compile/targets/index.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type LiftedGraph, liftGraph } from "../lift/index.ts";
import type { LiftOptions } from "../lift/options.ts";
import { encodeBytes } from "../onnx/encode.ts";
import { type ModelSource, readModel, writeModel } from "../onnx/model-file.ts";
import { requireRoom } from "../ops/infer.ts";
import { inSinglePrecision } from "../passes/single-precision.ts";
import { open } from "../run/open.ts";
import type { RunOptions, Session, SessionOptions } from "../run/session.ts";
import type { RunTensor, Size3 } from "../run/tensor.ts";
import type { Vec3 } from "../volume/vec3.ts";
import type { Volume } from "../volume/volume.ts";
import { type Classification, type ClassifyOptions, classifyVolume } from "./classify.ts";
import { type CasesOptions, type CasesResult, evaluateCases, type LabelledCase } from "./evaluate.ts";
import { knowSession } from "./network.ts";
import { predictVolume } from "./predict-volume.ts";
import type { PredictOptions } from "./settle.ts";
import { type Task, taskOf, withTaskOf } from "./task.ts";

/** The session that `Model.run` keeps: its options, the size it is for, and the last run asked of it. */
interface Current {
  readonly device: string;
  readonly size: string;
  readonly session: Promise<Session>;
  last: Promise<unknown>;
}

/** A network: a graph with its weights, and for a lifted one the 2D network it came from. */
export class Model {
  /** As typed graph; a lifted network holds acsconv's internal operators. */
  readonly graph: Graph;
  /** Where a lifted network came from. */
  readonly lifted: { readonly source: Graph; readonly options: LiftOptions } | undefined;
  /** What lifting did, node by node; absent for models read from files. */
  readonly report: Pick<LiftedGraph, "nodes" | "warnings"> | undefined;
  #current: Current | undefined;
  /** Sizes found to be large enough. */
  readonly #roomy = new Set<string>();

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

  /**
   * What its numbers mean and how it was made, as the file says; undefined where it says nothing.
   *
   * @throws {@link AcsconvError} ("format") if what the file says is broken, or of a newer acsconv
   */
  get task(): Task | undefined {
    return taskOf(this.graph);
  }

  /**
   * The same network with another task, which stays with it in its file.
   *
   * @throws {@link AcsconvError} ("input") for a task that is none
   */
  withTask(task: Task | undefined): Model {
    return new Model(withTaskOf(this.graph, task), this.lifted, this.report);
  }

  /**
   * The same network with other weights, by name; those not given stay.
   *
   * @throws {@link AcsconvError} ("input") for a name the network has not, or another shape
   */
  withWeights(weights: ReadonlyMap<string, Tensor>): Model {
    const initializers = new Map(this.graph.initializers);
    for (const [name, tensor] of weights) {
      const now = initializers.get(name);
      if (!now || now.dtype !== tensor.dtype || now.dims.join() !== tensor.dims.join()) {
        const found = now ? `${now.dtype} [${now.dims.join(", ")}]` : "no such weight";
        throw inputError(
          `Cannot set "${name}" to ${tensor.dtype} [${tensor.dims.join(", ")}]: the network has ${found} there.`,
        );
      }
      initializers.set(name, tensor);
    }
    return new Model({ ...this.graph, initializers }, this.lifted, this.report);
  }

  /** The bytes of a plain `.onnx` file that any runtime executes. */
  toBytes(): Uint8Array {
    return encodeBytes(this.#plain());
  }

  /**
   * Writes a plain `.onnx` file: aside first, then renamed. Weights of 1.5 GB and more go to `<path>.data` beside it.
   *
   * @throws {@link AcsconvError} ("io") if the path cannot be written
   */
  async save(path: string): Promise<void> {
    await writeModel(this.#plain(), path);
  }

  /**
   * A session of one's own, optimised for inference: BatchNormalization folded
   * into the kernels, activations pushed into the views. Dispose it after use.
   *
   * Networks of double compute in float32, for which there are kernels.
   *
   * @param options.size - [D, H, W] that every run will have; such a session is faster
   */
  async session({ size, ...options }: SessionOptions & { size?: Size3 } = {}): Promise<Session> {
    const sizes = new Map(size && (["D", "H", "W"] as const).map((name, i) => [name, size[i]!]));
    if (size) this.#requireRoom(sizes);
    const single = inSinglePrecision(this.graph, ["float64"]);
    if (single !== this.graph) return new Model(single, this.lifted).session({ ...options, size });
    const session = await this.#open(sizes, options);
    knowSession(session, this.graph);
    return session;
  }

  /**
   * Runs the network over a scan of any size, in overlapping windows, prepared as the model's task says and with its
   * patch; options go before it.
   *
   * @param options.session - where it is computed
   * @returns a volume on the scan's grid: labels under the numbers that the task gives them, unless `output` says
   *   otherwise
   * @throws {@link AcsconvError} as {@link predictVolume}
   *
   * @example
   * const labels = await model.predict(await readVolume("scan.nii.gz"));
   */
  async predict(
    scan: Volume,
    { session, ...options }: PredictOptions & { readonly session?: SessionOptions } = {},
  ): Promise<Volume> {
    return this.#within({ ...options, session }, (opened) => predictVolume(opened, scan, options));
  }

  /**
   * The class of a whole scan, of a network that gives one score for each class, [N, K]. It sees the middle of the scan
   * in the size that it was trained with, prepared as the model's task says; options go before it.
   *
   * @param options.session - where it is computed
   * @throws {@link AcsconvError} `input` if network, scan and options do not fit, or the network gives scores of every
   *   voxel; `runtime` if it fails
   *
   * @example
   * const { classes, probabilities, predicted } = await model.classify(await readVolume("scan.nii.gz"));
   * console.log(classes[predicted], probabilities[predicted]);
   */
  async classify(
    scan: Volume,
    { session, ...options }: ClassifyOptions & { readonly session?: SessionOptions } = {},
  ): Promise<Classification> {
    return this.#within({ ...options, session }, (opened) => classifyVolume(opened, scan, options));
  }

  /**
   * Measures the network on labelled scans, which it sees as {@link predict}, or of a classifier {@link classify}, shows
   * them to it. Classes are matched by their names.
   *
   * @returns the values of all metrics, for all cases together and for each
   * @throws {@link AcsconvError} as {@link predict}; `input` if the labels have other classes than the network, or a
   *   metric cannot take a case
   */
  async evaluate(
    cases: Iterable<LabelledCase> | AsyncIterable<LabelledCase>,
    { session, ...options }: CasesOptions,
  ): Promise<CasesResult> {
    return this.#within({ ...options, session }, (opened) => evaluateCases(opened, cases, options));
  }

  /** With a session for windows of the size that options or task name. */
  async #within<T>(
    { patch = this.task?.patch, session }: { patch?: Vec3; session: SessionOptions | undefined },
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    const opened = await this.session({ ...session, size: patch });
    try {
      return await work(opened);
    } finally {
      await opened.dispose();
    }
  }

  #open(sizes: ReadonlyMap<string, number>, options: SessionOptions): Promise<Session> {
    return open(forInference(this.graph, sizes, targetOf(options.device)), options);
  }

  /**
   * Runs the network. Volumes become float32 `[1, channels, D, H, W]`. The first run prepares for its size; runs of
   * other sizes after it share a session that takes any.
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
    { fetch, transfer, signal, ...options }: SessionOptions & RunOptions = {},
  ): Promise<Record<string, RunTensor>> {
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => [name, "dims" in feed ? feed : tensorOfVolume(feed)]),
    );
    const sizes = sizesOf(this.inputs, tensors);
    this.#requireRoom(sizes);
    const current = this.#sessionFor(sizes, options);
    const result = current.session.then((session) => session.run(tensors, { fetch, transfer, signal }));
    current.last = result.catch(() => undefined);
    return result;
  }

  #requireRoom(sizes: ReadonlyMap<string, number>): void {
    const key = [...sizes].join();
    if (this.#roomy.has(key) || !isLifted(this.graph)) return;
    requireRoom(this.graph, sizes);
    this.#roomy.add(key);
  }

  #sessionFor(sizes: ReadonlyMap<string, number>, options: SessionOptions): Current {
    const device = JSON.stringify(options);
    const size = [...sizes].join();
    const before = this.#current;
    if (before?.device === device && (before.size === size || before.size === ANY)) return before;
    const same = before?.device === device;
    const session = this.dispose().then(() => this.#open(same ? new Map() : sizes, options));
    const current = { device, size: same ? ANY : size, session, last: session.catch(() => undefined) };
    this.#current = current;
    session.catch(() => {
      if (this.#current === current) this.#current = undefined;
    });
    return current;
  }

  /** Frees the session that {@link run} keeps, after the runs asked for so far. Running again makes a new one. */
  async dispose(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.last;
    await (await current?.session.catch(() => undefined))?.dispose();
  }

  #plain(): Graph {
    return this.lifted ? forSaving({ graph: this.graph, ...this.lifted }) : this.graph;
  }
}

/** How {@link load} tells what it finds. */
export interface LoadOptions {
  /** Told what is odd about the file, a sentence at a time; the console unless given. */
  readonly onWarning?: (sentence: string) => void;
}

/**
 * Loads an ONNX model from a path (or `file:` URL), a Blob or bytes. A 3D model
 * that acsconv saved comes back as the lifted network it is, unless its graph was edited since: that is what counts, and
 * it is then a plain 3D network, with a warning.
 *
 * @throws {@link AcsconvError} ("io" or "format") if it cannot be read
 */
export async function load(
  source: ModelSource,
  { onWarning = (sentence) => console.warn(sentence) }: LoadOptions = {},
): Promise<Model> {
  const graph = await readModel(source);
  const restored = restore(graph, onWarning);
  if (!restored) return new Model(graph);
  const { source: source2d, options } = restored;
  return new Model(restored.graph, { source: source2d, options });
}

/**
 * Lifts a 2D convolutional network to a natively 3D one that keeps every 2D weight: input `[N, C, H, W]` becomes
 * `[N, C, D, H, W]`. A lifted network is lifted anew, from its 2D form.
 *
 * @throws {@link AcsconvError} ("lift") naming the node that has no 3D reading, and why
 * @see Yang et al., arXiv:1911.10477
 *
 * @example
 * const model3d = lift(await load("resnet18.onnx"), { kind: "acs" });
 */
export function lift(model: Model, options: LiftOptions = {}): Model {
  const { graph, source, nodes, warnings } = liftGraph(
    model.lifted ? unlift(model).graph : model.graph,
    options,
  );
  return new Model(graph, { source, options }, { nodes, warnings });
}

/**
 * The 2D network of a lifted one, with the weights as they are now.
 *
 * @throws {@link AcsconvError} ("lift") if the model was not lifted by acsconv
 */
export function unlift(model: Model): Model {
  if (!model.lifted)
    throw liftError("Expected a model that acsconv lifted; this one has no 2D form in its metadata.", {
      code: "E_NOT_LIFTED",
    });
  const { source } = model.lifted;
  const initializers = new Map(
    [...source.initializers].map(([name, tensor]) => {
      const now = model.graph.initializers.get(name);
      return [name, now && now.dims.join() === tensor.dims.join() ? now : tensor];
    }),
  );
  return new Model({ ...source, initializers, metadata: model.graph.metadata });
}

/** Marks a session that takes any size. */
const ANY = "any";

/** The numbers that feeds give to the inputs' open sizes. */
function sizesOf(
  inputs: readonly ValueInfo[],
  feeds: Readonly<Record<string, RunTensor>>,
): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { name, shape } of inputs) {
    shape?.forEach((dim, axis) => {
      const size = Object.hasOwn(feeds, name) ? feeds[name]?.dims[axis] : undefined;
      if (typeof dim !== "number" && ["D", "H", "W"].includes(dim.key) && size !== undefined)
        sizes.set(dim.key, size);
    });
  }
  return sizes;
}

function tensorOfVolume({ data, channels, shape }: Volume): RunTensor {
  return { dtype: "float32", dims: [1, channels, ...shape], data: Float32Array.from(data) };
}
