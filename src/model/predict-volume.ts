/**
 * @file From a scan to its segmentation: everything between a volume as it was
 * read and a result on the same grid.
 *
 *   turn → resample → intensities → sliding windows → scores back on the scan's grid → labels → turn back
 *
 * Resampling and intensities happen window by window as the network reads, and
 * scores go back plane by plane, so memory is bounded by the scan, its result
 * and the planes under one row of windows.
 */

import { AcsconvError } from "../base/errors.ts";
import type { Session } from "../run/session.ts";
import { type Activation, type PlaneSink, toLabels, toProbabilities } from "../run/sinks.ts";
import { slidingWindow } from "../run/sliding-window.ts";
import type { Blending } from "../run/window-axis.ts";
import { sameGrid } from "../volume/geometry.ts";
import { orientationOf, reorient } from "../volume/reorient.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { type Grid, type Volume, allocate, voxelCount, withData } from "../volume/volume.ts";
import type { Normalization } from "./intensity.ts";
import { choosePatch, networkOf } from "./network.ts";
import { type Preparation, boxReader, normalizationOf, prepareScan } from "./prepare.ts";
import { resampledSink } from "./resampled-sink.ts";

/**
 * - `labels`: the most probable class of each voxel, uint8; 1 where a single score is above one half
 * - `probabilities`: of every class, float32, one channel each
 * - `features`: the network's output as it is, one channel each
 */
export type PredictionKind = "labels" | "probabilities" | "features";

/** How to predict. Every field has a default, which suits most scans. */
export interface PredictOptions extends Preparation {
  /** `labels` unless given. */
  readonly output?: PredictionKind;
  /** Voxels [D, H, W] that the network sees at once; by default the model's own size, else what suits the volume. */
  readonly patch?: Vec3;
  /** Part of a window that its neighbour covers at least: 0.5 unless given. */
  readonly overlap?: number;
  /** How overlapping windows are weighed: `gaussian` unless given. */
  readonly blending?: Blending;
  /** Windows at once: the model's own batch size, else 1. */
  readonly batch?: number;
  /** What turns scores into probabilities: by default softmax, or sigmoid for a single class. */
  readonly activation?: Activation;
  /** Told what is odd, such as voxels that are no numbers. */
  readonly onWarning?: (sentence: string) => void;
  /** Told what was chosen where the options leave it open. */
  readonly onNote?: (sentence: string) => void;
  /** Told how many windows are done. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the work between two windows. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a 3D network over a volume of any size, in overlapping windows.
 *
 * @param session - a network with one input [N, C, D, H, W] and a score per voxel, or coarser by whole factors
 * @param volume - one channel (given to each of the network's), or as many as the network has
 * @returns a volume on the grid of `volume`
 * @throws {@link AcsconvError} `input` if network, volume and options do not fit; `runtime` if the network fails
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
  const { output = "labels", onNote, onWarning } = options;
  const network = networkOf(session, volume.channels);
  const prepared = prepareScan(volume, network.channels, options, onWarning);
  const { scan, grid } = prepared;
  const patch = choosePatch(network, grid.shape, options.patch);
  const batch = chooseBatch(network.batch, options.batch);

  if (network.channels > volume.channels)
    onNote?.(`the volume's one channel feeds all ${network.channels} of the network`);
  if (!sameGrid(grid, scan))
    onNote?.(`resampled from [${scan.shape.join(", ")}] to [${grid.shape.join(", ")}] voxels`);
  onNote?.(
    `windows of [${patch.join(", ")}] voxels, intensities: ${describeIntensities(normalizationOf(options), options.window)}`,
  );

  const sink = sinkFor(scan, output, options.activation);
  const result = await slidingWindow({
    shape: grid.shape,
    channels: network.channels,
    read: boxReader(prepared),
    patch,
    batch,
    overlap: options.overlap,
    blending: options.blending,
    onProgress: options.onProgress,
    signal: options.signal,
    sink: sameGrid(grid, scan) ? sink : resampledSink(grid, scan, sink),
    predict: async (input) => {
      const feeds = { [network.input]: input };
      const outputs = await session
        .run(feeds, { fetch: [network.output], transfer: true })
        .catch((error: unknown) => {
          throw patchHint(error, patch);
        });
      return outputs[network.output]!;
    },
  });
  return options.orientation ? reorient(result, orientationOf(volume)) : result;
}

/** The planes become a volume on the scan's grid. Which activation is meant may depend on the number of classes. */
function sinkFor(scan: Grid, kind: PredictionKind, activation: Activation | undefined): PlaneSink<Volume> {
  const kindOf = (classes: number): Activation => activation ?? (classes === 1 ? "sigmoid" : "softmax");
  const make = (classes: number): PlaneSink<Volume> => {
    if (kind === "labels")
      return mapped(toLabels(scan.shape, kindOf(classes)), (data) => volumeOf(scan, data, 1));
    const sink = toProbabilities(scan.shape, kind === "features" ? "none" : kindOf(classes));
    return mapped(sink, ({ data }) => volumeOf(scan, data, classes));
  };
  let sink: PlaneSink<Volume> | undefined;
  return {
    plane(z, scores, classes) {
      sink ??= allocate(() => make(classes), voxelCount(scan) * (kind === "labels" ? 1 : 4 * classes));
      sink.plane(z, scores, classes);
    },
    result: () => sink!.result(),
  };
}

const volumeOf = (grid: Grid, data: Uint8Array | Float32Array, channels: number): Volume =>
  withData(grid, data as Volume["data"], channels);

const mapped = <T, U>(sink: PlaneSink<T>, change: (value: T) => U): PlaneSink<U> => ({
  plane: (z, scores, classes) => sink.plane(z, scores, classes),
  result: () => change(sink.result()),
});

function chooseBatch(fixed: number | undefined, wanted: number | undefined): number {
  if (fixed !== undefined && wanted !== undefined && fixed !== wanted) {
    throw new AcsconvError("input", `The network was made for batches of ${fixed}, not ${wanted}.`);
  }
  return wanted ?? fixed ?? 1;
}

const describeIntensities = (normalize: Normalization, window: PredictOptions["window"]): string =>
  window
    ? `${window[0]} to ${window[1]}${normalize === "none" ? " as 0 to 1" : `, then ${normalize}`}`
    : normalize;

/** ONNX Runtime's own words for a window that shrinks to nothing do not say so. */
function patchHint(error: unknown, patch: Vec3): unknown {
  if (!(error instanceof AcsconvError) || error.kind !== "runtime") return error;
  return new AcsconvError(
    "runtime",
    `The network fails on windows of [${patch.join(", ")}] voxels; if they are too small for it or do not divide by its ` +
      `strides, give another patch, such as a multiple of 32. ${error.message}`,
    { cause: error },
  );
}
