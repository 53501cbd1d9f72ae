/**
 * @file What a network makes of labelled scans, measured: of examples as training has them, after every epoch, and of
 * cases as they were read. Both go through the network as a prediction does, so that all three give the same numbers.
 */

import { inputError } from "../base/errors.ts";
import { plainName } from "../base/names.ts";
import { seedFor, uniform } from "../base/random.ts";
import type { Graph } from "../graph/graph.ts";
import type { Metric, Prediction } from "../metrics/metric.ts";
import type { Session, SessionOptions } from "../run/session.ts";
import { type PlaneSink, type Scores, toLabels, toProbabilities } from "../run/sinks.ts";
import type { RunTensor, Size3 } from "../run/tensor.ts";
import { cropTo } from "../volume/crop.ts";
import { type Volume, type Voxels, plainGrid, withData } from "../volume/volume.ts";
import type { Dataset, Example } from "./dataset.ts";
import { type Classification, classification, requireNumbers, scoresOfScan } from "./classify.ts";
import {
  factsOf,
  feedsOf,
  isClassifier,
  type Network,
  networkOf,
  type ScoresOf,
  scoresOf,
} from "./network.ts";
import { predictSettled, runWindows } from "./predict-volume.ts";
import { readScores } from "./scores.ts";
import { type PredictOptions, type Settled, settle, settledScores } from "./settle.ts";
import { taskOf } from "./task.ts";

/** Measures by name, as metrics give them. */
export type Metrics = Readonly<Record<string, number>>;

/** A model that can be run. */
interface Runnable {
  session(options: SessionOptions & { readonly size?: Size3 }): Promise<Session>;
}

/** How to evaluate. */
export interface EvaluateOptions {
  /** Sizes of a window: [D, H, W], of a 2D network [H, W]. */
  readonly size: readonly number[];
  readonly seed?: number;
  readonly session?: SessionOptions;
  /** Ends the work between two windows. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Adds what the network predicts for every example to the metrics.
 *
 * @param data - with classes as targets. Volumes may have any size, images for a 2D network or a classifier have `size`
 * @returns the values of all metrics
 * @throws {@link AcsconvError} `input` for an example that the network or a metric cannot take, or for a network whose
 *   numbers are no scores of classes; the signal's reason if it aborts
 */
export async function evaluate(
  model: Runnable,
  data: Dataset,
  metrics: readonly Metric[],
  { size, seed = 0, session: sessionOptions, signal }: EvaluateOptions,
): Promise<Metrics> {
  const fixed = size.length === 3 ? { size: size as unknown as Size3 } : {};
  const session = await model.session({ ...sessionOptions, ...fixed });
  try {
    for (let index = 0; index < data.length; index++) {
      signal?.throwIfAborted();
      const example = await data.get(index, uniform(seedFor(seed, `evaluation:${index}`)));
      const prediction = await predictExample(session, example, fixed.size, signal);
      for (const metric of metrics) metric.add(prediction);
    }
  } finally {
    await session.dispose();
  }
  return valuesOf(metrics);
}

async function predictExample(
  session: Session,
  { name, image, target }: Example,
  patch: Size3 | undefined,
  signal: AbortSignal | undefined,
): Promise<Prediction> {
  if (target.dtype !== "uint8")
    throw inputError(`Metrics compare classes (uint8), but the target of "${name}" is ${target.dtype}.`);
  const isVolume = patch && target.dims.length === 3;
  const scored = isVolume ? await windows(session, image, patch, signal) : await whole(session, name, image);
  return { name, truth: target.data, ...scored };
}

type Scored = Pick<Prediction, "classes" | "scores">;

/** A volume, window by window. */
function windows(
  session: Session,
  { dims, data }: RunTensor<"float32">,
  patch: Size3,
  signal: AbortSignal | undefined,
): Promise<Scored> {
  const [channels, ...sizes] = dims;
  const shape = sizes as unknown as Size3;
  const volume = withData(plainGrid(shape), data as Voxels, channels);
  const network = networkOf(session, channels!);
  const scores = settledScores(session, network.reading);
  return runWindows(session, network, {
    shape,
    channels: channels!,
    read: (origin, box, into) => into.set(cropTo(volume, origin, box).data),
    patch,
    labels: scores === "labels",
    sink: toScored(shape, scores),
    signal,
  });
}

/** An image as it is: of a 2D network, or with one class for all of it. */
async function whole(session: Session, name: string, { dims, data }: RunTensor<"float32">): Promise<Scored> {
  const [input, output] = [session.inputs[0]!, session.outputs[0]!];
  const facts = factsOf(session)?.reading;
  const reading = facts?.outputs.get(output.name);
  const network = { input: input.name, dtype: input.dtype, channelAxis: facts?.channelAxis ?? 1 };
  const feeds = feedsOf(network, { dtype: "float32", dims: [1, ...dims], data });
  const { [output.name]: found } = await session.run(feeds, { fetch: [output.name] });
  const classAxis = reading?.axis === undefined ? 1 : reading.axis;
  const logits = scoresOf({ classAxis }, found!);
  const [, classes, ...sizes] = logits.dims;
  const shape: Size3 = [1, 1, sizes.reduce((a, b) => a * b, 1)];
  if (sizes.length === 0) requireNumbers(logits.data, `"${name}"`);
  const sink = toScored(shape, settledScores(session, reading));
  sink.plane(0, logits.data, classes!);
  return sink.result();
}

/**
 * Makes sure that what a network says can be compared with labels, before work is done for it.
 *
 * @throws {@link AcsconvError} `input` if it gives regions that may overlap
 */
export function requireComparable(graph: Graph): void {
  const reading = readScores(graph);
  const scores = taskOf(graph)?.scores ?? reading.scores ?? "logits";
  if (scores === "regions" && isClassifier(graph) && reading.classes !== 1)
    throw inputError(
      `The network gives a probability to each class by itself, so that a scan may have several, and the data have one class for each scan: export the network without its sigmoid, so that it ends in one number for each class.`,
    );
  comparable(scores, reading.classes ?? 1);
}

/**
 * @param classes - of the network; a single one overlaps none
 * @throws {@link AcsconvError} `input` for classes that may overlap, of which a voxel may have several
 */
function comparable(scores: Scores, classes: number): Exclude<Scores, "regions"> {
  if (scores !== "regions") return scores;
  if (classes === 1) return "probabilities";
  throw inputError(
    "The network gives regions that may overlap, and labels have one class for each voxel: predict them by --output probabilities, or say by the option scores (--scores) that these are probabilities of classes.",
  );
}

/** Scores that are kept of one volume: 0.5 GB, as many as a metric that ranks by them can take. */
const MOST_SCORES = 2 ** 27;

/** Both the classes and, unless they are too many or there are none, the scores that they come from. */
function toScored(shape: Size3, given: Scores): PlaneSink<Scored> {
  const kept = toProbabilities(shape, "probabilities");
  let labels: ReturnType<typeof toLabels> | undefined;
  let isKept = false;
  return {
    plane(z, found, classes) {
      const kind = comparable(given, classes);
      labels ??= toLabels(shape, kind);
      labels.plane(z, found, classes);
      isKept = kind !== "labels" && classes * shape[0] * shape[1] * shape[2] <= MOST_SCORES;
      if (isKept) kept.plane(z, found, classes);
    },
    result: () => ({
      classes: labels!.result() as Uint8Array,
      ...(isKept && { scores: { ...kept.result(), kind: given === "logits" ? "logits" : "probabilities" } }),
    }),
  };
}

/** A labelled scan as it was read. */
export interface LabelledCase {
  readonly name: string;
  readonly image: Volume;
  /** Numbers of classes: one for each voxel, on the image's grid; or one for the whole scan, for a classifier. */
  readonly label: (Volume & { readonly data: Uint8Array }) | number;
}

/** How to evaluate labelled scans. */
export interface CasesOptions extends Omit<PredictOptions, "output"> {
  /** Names of the classes in the labels, in order; matched by name with those of the model's task. */
  readonly labels: readonly string[];
  /** Names of the images' channels, where known; they have to be those of the model's task. */
  readonly channels?: readonly string[] | undefined;
  /** Metrics that nothing was added to; called once for all cases together, and once for each. */
  readonly metrics: () => readonly Metric[];
  /** Whether metrics rank by scores, which then are probabilities. */
  readonly needsScores?: boolean;
  /** The part of each scan that counts. */
  readonly part?: (volume: Volume) => Volume;
  readonly session?: SessionOptions;
  /** Told of each case when it is done. */
  readonly onCase?: (result: CaseResult) => void;
}

/** What one case is worth. */
export interface CaseResult {
  readonly name: string;
  readonly metrics: Metrics;
  /** Of a scan with one class for all of it: what the network says, and the true class as its place in `classes`. */
  readonly classification?: Classification & { readonly truth: number };
}

/** What the network is worth on all cases, and on each. */
export interface CasesResult {
  readonly metrics: Metrics;
  readonly cases: readonly CaseResult[];
}

/** As `Model.evaluate`, for whoever holds the session. */
export async function evaluateCases(
  session: Session,
  cases: Iterable<LabelledCase> | AsyncIterable<LabelledCase>,
  options: CasesOptions,
): Promise<CasesResult> {
  const { metrics: make, onCase, onWarning } = options;
  const all = make();
  const results: CaseResult[] = [];
  let settled: Settled | undefined;
  for await (const one of cases) {
    const { name, image, label } = one;
    const network = networkOf(
      session,
      image.channels,
      options.layout,
      typeof label === "number" ? "scan" : "voxels",
    );
    if (!settled) {
      settled = settle(session, network, { ...options, output: "labels" });
      requireChannels(factsOf(session)?.task?.channels, options);
      if (network.channels > image.channels)
        options.onNote?.(`the images' one channel feeds all ${network.channels} of the network`);
    }
    const told = {
      ...options,
      onNote: undefined,
      onWarning: (sentence: string) => onWarning?.(`Case "${name}": ${sentence}`),
    };
    const predict = typeof label === "number" ? predictScan : predictVoxels;
    const { prediction, ...more } = await predict(
      session,
      network,
      one,
      { ...settled, options: told },
      options,
    );
    const own = make();
    for (const metric of [...all, ...own]) metric.add(prediction);
    const result = { name, metrics: valuesOf(own), ...more };
    results.push(result);
    onCase?.(result);
  }
  return { metrics: valuesOf(all), cases: results };
}

/** What a network says of a case, beside what is true. */
type Predicted = Pick<CaseResult, "classification"> & { readonly prediction: Prediction };

/** A case with a class for each voxel. */
async function predictVoxels(
  session: Session,
  network: Network,
  { name, image, label }: LabelledCase,
  settled: Settled,
  { labels, needsScores = false, part = (volume) => volume }: CasesOptions,
): Promise<Predicted> {
  const scores = comparable(settled.scores, network.reading?.classes ?? 1);
  const order = classOrder(settled, labels, "voxels");
  const found = await predictSettled(session, network, image, {
    ...settled,
    output: needsScores && scores !== "labels" ? "probabilities" : "labels",
    values: undefined,
  });
  comparable(settled.scores, found.channels);
  const truth = part(label as Volume).data as Uint8Array;
  return { prediction: { name, truth, ...inOrder(part(found), order) } };
}

/** A case with one class for the whole scan. */
async function predictScan(
  session: Session,
  network: Network,
  { name, image, label }: LabelledCase,
  settled: Settled,
  { labels }: CasesOptions,
): Promise<Predicted> {
  const truth = label as number;
  const found = await scoresOfScan(session, network, image, settled, `"${name}"`);
  const count = found.length === 1 ? 2 : found.length;
  if (count !== labels.length)
    throw inputError(
      `Case "${name}": the network tells ${count} classes apart, and there are labels of ${labels.length} (${labels.join(", ")}).`,
    );
  const data = found.slice();
  const order = classOrder(settled, labels, "scan");
  const kind = settled.scores === "logits" ? "logits" : "probabilities";
  // A single score is that of the second of two classes.
  if (order && found.length === 1) data[0] = kind === "logits" ? -found[0]! : 1 - found[0]!;
  else order?.forEach((to, from) => (data[to] = found[from]!));
  const said = { ...classification(data, settled), classes: labels };
  return {
    prediction: {
      name,
      truth: Uint8Array.of(truth),
      classes: Uint8Array.of(said.predicted),
      scores: { data, classes: data.length, kind },
    },
    classification: { ...said, truth },
  };
}

/** What the network saw in each of its channels has to be what it sees now. */
function requireChannels(
  trained: readonly string[] | undefined,
  { channels, onWarning }: CasesOptions,
): void {
  if (!trained || !channels || trained.length !== channels.length) return;
  const plain = (names: readonly string[]): string[] => names.map(plainName);
  const [ours, theirs] = [plain(trained), plain(channels)];
  if (ours.join() === theirs.join()) return;
  const both = `The network was trained on the channels ${trained.join(", ")}, and the data set has ${channels.join(", ")}`;
  if (ours.toSorted().join() === theirs.toSorted().join())
    throw inputError(`${both}: put the images in the network's order, in the files and in dataset.json.`);
  onWarning?.(`${both}: make sure that they are the same in the same order.`);
}

/** The classes of voxels as the data set numbers them, and their probabilities where there are some. */
function inOrder(found: Volume, order: readonly number[] | undefined): Scored {
  if (found.data instanceof Uint8Array) {
    const { data } = found;
    return { classes: order ? data.map((k) => order[k] ?? k) : data };
  }
  const length = found.data.length / found.channels;
  // A single probability is that of the second of two classes.
  const one = found.data as Float32Array;
  const isPair = order !== undefined && found.channels === 1;
  const data = isPair ? new Float32Array(2 * length) : one.slice();
  if (isPair)
    one.forEach((p, i) => ((data[order[0]! * length + i] = 1 - p), (data[order[1]! * length + i] = p)));
  else order?.forEach((to, from) => data.set(one.subarray(from * length, (from + 1) * length), to * length));
  const classes = isPair ? 2 : found.channels;
  const sink = toLabels([1, 1, length], "probabilities");
  sink.plane(0, data, classes);
  return { classes: sink.result() as Uint8Array, scores: { data, classes, kind: "probabilities" } };
}

/**
 * Where each class of the network stands among those of the labels, by its name; undefined where they stand in the same
 * order, or the model names none.
 */
function classOrder(
  { classes }: Settled,
  labels: readonly string[],
  of: ScoresOf,
): readonly number[] | undefined {
  if (!classes) return undefined;
  const there = labels.map(plainName);
  const ours = classes.names.map(plainName);
  // Background goes by many names; classes of scans have none.
  const isBackground = of === "voxels" && !ours.includes(there[0]!);
  const order = ours.map((name, k) => {
    const at = there.indexOf(name);
    return at < 0 && k === 0 && isBackground ? 0 : at;
  });
  const isWhole =
    order.length === labels.length && !order.includes(-1) && new Set(order).size === order.length;
  if (!isWhole)
    throw inputError(
      `The network tells the classes ${classes.names.join(", ")} apart, and the labels have ${labels.join(", ")}: both need the same names, in any order.`,
    );
  return order.every((to, from) => to === from) ? undefined : order;
}

const valuesOf = (metrics: readonly Metric[]): Metrics =>
  Object.assign({}, ...metrics.map((metric) => metric.value())) as Metrics;
