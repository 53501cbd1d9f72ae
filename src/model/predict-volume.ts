/**
 * @file From a scan to its segmentation: everything between a volume as it was read and a result on the same grid.
 *
 *   turn → resample → intensities → sliding windows → scores back on the scan's grid → labels → turn back
 *
 * Resampling and intensities happen window by window as the network reads, and scores go back plane by plane, so memory
 * is bounded by the scan, its result and the planes under one row of windows.
 */

import { AcsconvError, inputError, runtimeError } from "../base/errors.ts";
import { LIMITS } from "../run/convert.ts";
import type { Session } from "../run/session.ts";
import { type PlaneSink, toLabels, toMasks, toProbabilities } from "../run/sinks.ts";
import { slidingWindow, type SlidingWindowOptions } from "../run/sliding-window.ts";
import { sameGrid } from "../volume/geometry.ts";
import { extremes } from "../volume/intensity.ts";
import { orientationOf, reorient } from "../volume/reorient.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { allocate } from "../base/memory.ts";
import { type Grid, type Volume, type Voxels, voxelCount, withData } from "../volume/volume.ts";
import type { Normalization } from "./intensity.ts";
import { choosePatch, feedsOf, type Network, networkOf, scoresOf } from "./network.ts";
import { boxReader, normalizationOf, prepareScan } from "./prepare.ts";
import { resampledSink } from "./resampled-sink.ts";
import { type PredictOptions, type Settled, settle } from "./settle.ts";

/**
 * Runs a 3D network over a volume of any size, in overlapping windows.
 *
 * @param session - a network with one input [N, C, D, H, W] (or channels last) and a score per voxel, or coarser by
 *   whole factors; `model.session()` also knows the model's task and what its scores mean
 * @param volume - one channel (given to each of the network's), or as many as the network has
 * @returns a volume on the grid of `volume`
 * @throws {@link AcsconvError} `input` if network, volume and options do not fit, or if the options do not say what
 *   cannot be told from the network; `runtime` if the network fails
 *
 * @example
 * const scan = await readVolume("scan.nii.gz");
 * const labels = await predictVolume(session, scan, { window: [-160, 240], patch: [32, 96, 96] });
 * await writeVolume(labels, "labels.nii.gz");
 */
export async function predictVolume(
  session: Pick<Session, "inputs" | "outputs" | "run">,
  volume: Volume,
  options: PredictOptions = {},
): Promise<Volume> {
  const network = networkOf(session, volume.channels, options.layout);
  return predictSettled(session, network, volume, settle(session, network, options));
}

/** As {@link predictVolume}, where nothing is left open. */
export async function predictSettled(
  session: Pick<Session, "run">,
  network: Network,
  volume: Volume,
  settled: Settled,
): Promise<Volume> {
  const { options, output, preparation } = settled;
  const { onNote, onWarning } = options;
  const prepared = prepareScan(volume, network.channels, preparation, onWarning);
  const { scan, grid } = prepared;
  const patch = choosePatch(network, grid.shape, settled.patch);

  if (network.channels > volume.channels)
    onNote?.(`the volume's one channel feeds all ${network.channels} of the network`);
  if (!sameGrid(grid, scan))
    onNote?.(`resampled from [${scan.shape.join(", ")}] to [${grid.shape.join(", ")}] voxels`);
  onNote?.(
    `windows of [${patch.join(", ")}] voxels, intensities: ${describeIntensities(normalizationOf(preparation), preparation.window)}`,
  );

  const sink = sinkFor(scan, settled);
  const isLabels = settled.scores === "labels" && output !== "features";
  const how = isLabels ? "nearest" : "linear";
  const result = await runWindows(session, network, {
    shape: grid.shape,
    channels: network.channels,
    read: boxReader(prepared),
    patch,
    batch: options.batch,
    overlap: options.overlap,
    blending: options.blending,
    onProgress: options.onProgress,
    signal: options.signal,
    labels: isLabels,
    sink: sameGrid(grid, scan) ? sink : resampledSink(grid, scan, sink, how),
    onWarning,
  });
  return preparation.orientation ? reorient(result, orientationOf(volume)) : result;
}

type WindowOptions<T> = Omit<SlidingWindowOptions<T>, "predict"> & {
  readonly onWarning?: ((sentence: string) => void) | undefined;
};

/** A network over all of a volume, whatever its own type and axes are. */
export function runWindows<T>(
  session: Pick<Session, "run">,
  network: Network,
  { onWarning, ...options }: WindowOptions<T>,
): Promise<T> {
  const { patch } = options;
  let isTold = false;
  return slidingWindow({
    ...options,
    batch: chooseBatch(network.batch, options.batch),
    predict: async (input) => {
      const limits = LIMITS[network.dtype];
      if (limits && !isTold && input.data.some((x) => x < limits[0] || x > limits[1])) {
        isTold = true;
        onWarning?.(
          `Intensities beyond ${limits.join(" to ")}, the limits of the network's ${network.dtype} input, are clamped.`,
        );
      }
      const outputs = await session
        .run(feedsOf(network, input), { fetch: [network.output], transfer: true })
        .catch((error: unknown) => {
          throw patchHint(error, patch);
        });
      return scoresOf(network, outputs[network.output]!);
    },
  });
}

/** The planes become a volume on the scan's grid. */
function sinkFor(
  scan: Grid,
  { output, scores, activation, values, assumed, options: { onWarning } }: Settled,
): PlaneSink<Volume> {
  const make = (classes: number): PlaneSink<Volume> => {
    if (output === "features") return perClass(scan, toProbabilities(scan.shape, "probabilities"));
    if (output === "probabilities") return perClass(scan, toProbabilities(scan.shape, scores, activation));
    if (scores === "regions") return perClass(scan, toMasks(scan.shape));
    const own = values?.(classes);
    return mapped(toLabels(scan.shape, scores, { activation, values: own }), (data) =>
      withData(scan, data, 1),
    );
  };
  let missing = 0;
  const seen = assumed && output !== "features" ? limitsSeen() : undefined;
  let sink: PlaneSink<Volume> | undefined;
  return {
    plane(z, found, classes) {
      const bytes = output === "labels" ? (scores === "regions" ? classes : 1) : 4 * classes;
      sink ??= allocate(() => make(classes), voxelCount(scan) * bytes);
      if (classes === 1 || output === "probabilities") seen?.add(found);
      missing += countMissing(found, classes);
      sink.plane(z, found, classes);
    },
    result() {
      seen?.check();
      if (missing > 0)
        onWarning?.(
          `The network gives no numbers (NaN or infinity) in ${missing} of ${voxelCount(scan)} voxels: what is written there means nothing.`,
        );
      return sink!.result();
    },
  };
}

/** Voxels of a plane `[K, H, W]` with scores that are no numbers; -Infinity is one where a class cannot be. */
function countMissing(scores: Float32Array, classes: number): number {
  const isMissing = (score: number): boolean => Number.isNaN(score) || score === Infinity;
  if (!scores.some(isMissing)) return 0;
  const size = scores.length / classes;
  let count = 0;
  for (let i = 0; i < size; i++) {
    let k = 0;
    while (k < classes && !isMissing(scores[k * size + i]!)) k++;
    if (k < classes) count++;
  }
  return count;
}

/** Numbers that were taken for logits, of a network of which nothing is known, should not all look like probabilities. */
function limitsSeen(): { add(scores: Float32Array): void; check(): void } {
  let limits: readonly number[] = [];
  return {
    add: (scores) => void (limits = extremes([...limits, ...extremes(scores)])),
    check() {
      const [least, largest] = limits as [number, number];
      if (!(least >= 0 && largest <= 1 && least < largest)) return;
      throw inputError(
        `All scores lie between 0 and 1, as probabilities do, but nothing says what they are: name them by the option scores (--scores), such as "probabilities" or "logits".`,
      );
    },
  };
}

const perClass = (
  grid: Grid,
  sink: PlaneSink<{ readonly classes: number; readonly data: Voxels }>,
): PlaneSink<Volume> => mapped(sink, ({ classes, data }) => withData(grid, data, classes));

const mapped = <T, U>(sink: PlaneSink<T>, change: (value: T) => U): PlaneSink<U> => ({
  plane: (z, scores, classes) => sink.plane(z, scores, classes),
  result: () => change(sink.result()),
});

function chooseBatch(fixed: number | undefined, wanted: number | undefined): number {
  if (fixed !== undefined && wanted !== undefined && fixed !== wanted)
    throw inputError(`The network was made for batches of ${fixed}, not ${wanted}.`);
  return wanted ?? fixed ?? 1;
}

const describeIntensities = (normalize: Normalization, window: PredictOptions["window"]): string =>
  window
    ? `${window[0]} to ${window[1]}${normalize === "none" ? " as 0 to 1" : `, then ${normalize}`}`
    : normalize;

/** ONNX Runtime's own words for a window that shrinks to nothing do not say so. */
function patchHint(error: unknown, patch: Vec3): unknown {
  if (!(error instanceof AcsconvError) || error.kind !== "runtime") return error;
  return runtimeError(
    `The network fails on windows of [${patch.join(", ")}] voxels; if they are too small for it or do not divide by its ` +
      `strides, give another patch, such as a multiple of 32. ${error.message}`,
    { cause: error },
  );
}
