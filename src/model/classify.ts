/**
 * @file From a scan to its class: the network sees the middle of the scan at once, in the size that it was trained with,
 * and gives one score for each class.
 *
 *   turn → resample → middle, cut or padded to the size → intensities → network → probabilities
 *
 * Prediction, evaluation and training read scans by the same code, `readMiddle`.
 */

import { inputError } from "../base/errors.ts";
import type { Session } from "../run/session.ts";
import { type Scores, toLabels, toProbabilities } from "../run/sinks.ts";
import type { Size3 } from "../run/tensor.ts";
import type { Vec3 } from "../volume/vec3.ts";
import type { Volume } from "../volume/volume.ts";
import { feedsOf, type Network, networkOf, scoresOf } from "./network.ts";
import { middleOf, prepareScan, readMiddle } from "./prepare.ts";
import { type PredictOptions, type Settled, settle } from "./settle.ts";

/**
 * How to classify. `patch` is what the network sees of the scan, around its middle: by default as in its training, the
 * model's own size, or all of it.
 */
export type ClassifyOptions = Omit<
  PredictOptions,
  "output" | "overlap" | "blending" | "batch" | "onProgress" | "signal"
>;

/** What a network says of a scan. */
export interface Classification {
  /** Names of the classes, in the network's order: those of its task, else their numbers. */
  readonly classes: readonly string[];
  /** The probability of each class. */
  readonly probabilities: readonly number[];
  /** The most probable class, as its place in `classes`. */
  readonly predicted: number;
}

/** As `Model.classify`, for whoever holds the session. */
export async function classifyVolume(
  session: Pick<Session, "inputs" | "outputs" | "run">,
  volume: Volume,
  options: ClassifyOptions = {},
  name?: string,
): Promise<Classification> {
  const network = networkOf(session, volume.channels, options.layout, "scan");
  const settled = settle(session, network, options);
  const found = await scoresOfScan(session, network, volume, settled, name);
  return classification(found, settled);
}

/** What the scores of a scan say. */
export function classification(
  scores: Float32Array,
  { scores: kind, activation, classes }: Settled,
): Classification {
  const found = Array.from(probabilitiesOf(scores, kind, activation));
  const probabilities = found.length === 1 ? [1 - found[0]!, found[0]!] : found;
  return {
    classes: classes?.names ?? probabilities.map((_, k) => String(k)),
    probabilities,
    predicted: mostProbable(scores, kind),
  };
}

function probabilitiesOf(
  scores: Float32Array,
  kind: Scores,
  activation: Settled["activation"],
): Float32Array {
  const sink = toProbabilities(ONE, kind, activation);
  sink.plane(0, scores.slice(), scores.length);
  return sink.result().data;
}

/** The class with the highest score; of a single score the second of two where it is the more probable one. */
function mostProbable(scores: Float32Array, kind: Scores): number {
  const sink = toLabels(ONE, kind === "logits" ? "logits" : "probabilities");
  sink.plane(0, scores, scores.length);
  return sink.result()[0]!;
}

/** A scan with one class for all of it is one voxel to what reads scores. */
const ONE: Size3 = [1, 1, 1];

/**
 * The scores [K] that a classifier gives a scan, as they come out.
 *
 * @param name - of the scan, for messages
 * @throws {@link AcsconvError} `input` if network, volume and options do not fit, or a score is NaN
 */
export async function scoresOfScan(
  session: Pick<Session, "run">,
  network: Network,
  volume: Volume,
  settled: Settled,
  name = "the scan",
): Promise<Float32Array> {
  const { onNote, onWarning } = settled.options;
  requireDistribution(settled.scores, network.reading?.classes ?? 1);
  const prepared = prepareScan(volume, network.channels, settled.preparation, onWarning);
  const size = sizeOf(network, prepared.grid.shape, settled.patch);
  if (network.channels > volume.channels)
    onNote?.(`the volume's one channel feeds all ${network.channels} of the network`);
  onNote?.(`the middle [${size.join(", ")}] of [${prepared.grid.shape.join(", ")}] voxels`);
  const data = readMiddle(middleOf(prepared, size), size);
  const feeds = feedsOf(network, { dtype: "float32", dims: [1, network.channels, ...size], data });
  const { [network.output]: found } = await session.run(feeds, { fetch: [network.output] });
  const { data: scores, dims } = scoresOf(network, found!);
  if (dims.length !== 2 || dims[0] !== 1)
    throw inputError(
      `Classification needs an output with scores of the whole scan, [N, K], and "${network.output}" is [${dims.join(", ")}].`,
    );
  // Also where the network did not say how many there are.
  requireDistribution(settled.scores, scores.length);
  requireNumbers(scores, name);
  settled.values?.(scores.length);
  return scores;
}

/**
 * NaN is no less than anything, so that the first class would pass for the most probable one.
 *
 * @throws {@link AcsconvError} `input` for scores of which there are no probabilities
 */
export function requireNumbers(scores: Float32Array, name: string): void {
  const odd = scores.find((score) => Number.isNaN(score) || score === Infinity);
  if (odd === undefined) return;
  throw inputError(
    `The network's scores of ${name} are no numbers (${odd}): its weights are broken, or the scan's intensities are far from those that it was trained with.`,
  );
}

/** What the network sees of a scan: what the model fixes, else what is wanted, else all of it. */
function sizeOf({ size }: Network, shape: Vec3, wanted: Vec3 | undefined): Vec3 {
  const chosen = shape.map((extent, axis) => size[axis] ?? wanted?.[axis] ?? extent) as unknown as Vec3;
  if (wanted?.some((extent, axis) => extent !== chosen[axis]))
    throw inputError(
      `The model takes scans of [${size.map((extent) => extent ?? "any").join(", ")}] voxels, not [${wanted.join(", ")}]; ` +
        "lift it again without a size to leave them open.",
    );
  return chosen;
}

/** Of classes that exclude one another there is one for each scan; a single score tells two apart. */
function requireDistribution(scores: Scores, classes: number): void {
  if (scores === "labels")
    throw inputError(
      "The network gives the number of a class and no scores, of which there are no probabilities: name what comes before its arg max as the output.",
    );
  if (scores === "regions" && classes > 1)
    throw inputError(
      "The network gives a probability to each class by itself, so that a scan may have several: end it in a softmax, or say by the option scores (--scores) that these are probabilities of classes that exclude one another.",
    );
}
