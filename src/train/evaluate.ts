/**
 * @file What a network makes of a data set, measured. Volumes go through it in
 * windows of the size that it was trained with, whatever their own size is.
 */

import type { Dataset, Example } from "../data/dataset.ts";
import { AcsconvError } from "../base/errors.ts";
import { seedFor, uniform } from "../base/random.ts";
import type { Metric, Prediction } from "../metrics/metric.ts";
import type { Model } from "../model/model.ts";
import { networkOf } from "../model/network.ts";
import type { Session, SessionOptions } from "../run/session.ts";
import { type PlaneSink, toLabels, toProbabilities } from "../run/sinks.ts";
import { slidingWindow } from "../run/sliding-window.ts";
import type { RunTensor, Size3 } from "../run/tensor.ts";
import { cropTo } from "../volume/crop.ts";
import { type Voxels, plainGrid, withData } from "../volume/volume.ts";
import type { Metrics } from "./events.ts";

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
 * @param data - with classes as targets. Volumes may have any size, images for a 2D network or a classifier have
 *   `size`
 * @returns the values of all metrics
 * @throws {@link AcsconvError} `input` for an example that the network or a metric cannot take; the signal's
 *   reason if it aborts
 */
export async function evaluate(
  model: Model,
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
      const prediction = await predict(session, example, fixed.size, signal);
      for (const metric of metrics) metric.add(prediction);
    }
  } finally {
    await session.dispose();
  }
  return Object.assign({}, ...metrics.map((metric) => metric.value())) as Metrics;
}

async function predict(
  session: Session,
  { name, image, target }: Example,
  patch: Size3 | undefined,
  signal: AbortSignal | undefined,
): Promise<Prediction> {
  if (target.dtype !== "uint8") {
    throw new AcsconvError(
      "input",
      `Metrics compare classes (uint8), but the target of "${name}" is ${target.dtype}.`,
    );
  }
  const isVolume = patch && target.dims.length === 3;
  const scored = isVolume ? await windows(session, image, patch, signal) : await whole(session, image);
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
  return slidingWindow({
    shape,
    channels: channels!,
    read: (origin, box, into) => into.set(cropTo(volume, origin, box).data),
    patch,
    batch: network.batch ?? 1,
    sink: toScored(shape),
    predict: async (input) => {
      const feeds = { [network.input]: input };
      return (await session.run(feeds, { fetch: [network.output], transfer: true }))[network.output]!;
    },
    ...(signal && { signal }),
  });
}

/** An image as it is: of a 2D network, or with one class for all of it. */
async function whole(session: Session, { dims, data }: RunTensor<"float32">): Promise<Scored> {
  const [input, output] = [session.inputs[0]!.name, session.outputs[0]!.name];
  const feeds = { [input]: { dtype: "float32", dims: [1, ...dims], data } } as const;
  const { [output]: logits } = await session.run(feeds, { fetch: [output] });
  const [, classes, ...sizes] = logits!.dims;
  const shape: Size3 = [1, 1, sizes.reduce((a, b) => a * b, 1)];
  const sink = toScored(shape);
  sink.plane(0, logits!.data as Float32Array, classes!);
  return sink.result();
}

/** Scores that are kept of one volume: 0.5 GB, as many as a metric that ranks by them can take. */
const MOST_SCORES = 2 ** 27;

/** Both the classes and, unless they are too many, the logits that they come from. */
function toScored(shape: Size3): PlaneSink<Scored> {
  const labels = toLabels(shape, "sigmoid");
  const logits = toProbabilities(shape, "none");
  let isSmall = false;
  return {
    plane(z, scores, classes) {
      labels.plane(z, scores, classes);
      isSmall = classes * shape[0] * shape[1] * shape[2] <= MOST_SCORES;
      if (isSmall) logits.plane(z, scores, classes);
    },
    result: () => ({ classes: labels.result(), ...(isSmall && { scores: logits.result() }) }),
  };
}
