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

import { AcsconvError } from "../errors.ts";
import type { Session } from "../run/session.ts";
import { type Activation, type PlaneSink, toLabels, toProbabilities } from "../run/sinks.ts";
import { slidingWindow } from "../run/sliding-window.ts";
import type { Blending } from "../run/window-axis.ts";
import { countNonFinite } from "../volume/finite.ts";
import { gridWithSpacing, sameGrid, subgrid } from "../volume/geometry.ts";
import { orientationOf, reorient } from "../volume/reorient.ts";
import { resampleLike } from "../volume/resample.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { type Grid, type Volume, allocate, checkVolume, voxelCount, withData } from "../volume/volume.ts";
import { type Line, type Normalization, applyLine, intensityLines } from "./intensity.ts";
import { choosePatch, networkOf } from "./network.ts";
import { resampledSink } from "./resampled-sink.ts";

/**
 * - `labels`: the most probable class of each voxel, uint8; 1 where a single score is above one half
 * - `probabilities`: of every class, float32, one channel each
 * - `features`: the network's output as it is, one channel each
 */
export type PredictionKind = "labels" | "probabilities" | "features";

/** How to predict. Every field has a default, which suits most scans. */
export interface PredictOptions {
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
  /** Millimetres along D, H, W at which the network works; by default the scan's own. */
  readonly spacing?: Vec3;
  /** How the scan is turned for the network, such as `LPS` (axial slices, as radiologists look at them); by default not. */
  readonly orientation?: string;
  /** Intensities are clamped to this range; unless normalised otherwise, it becomes 0…1. */
  readonly window?: readonly [low: number, high: number];
  /** By default `zscore`, or `none` where a window is given. */
  readonly normalize?: Normalization;
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
  const normalize = options.normalize ?? (options.window ? "none" : "zscore");
  checkVolume(volume);
  const network = networkOf(session, volume.channels);
  const finite = withoutNonFinite(volume, onWarning);
  const scan = options.orientation ? reorient(finite, options.orientation) : finite;
  const grid = options.spacing ? checkedGrid(scan, options.spacing) : scan;
  const lines = intensityLines(scan, network.channels, normalize, options.window);
  const patch = choosePatch(network, grid.shape, options.patch);
  const batch = chooseBatch(network.batch, options.batch);

  if (network.channels > volume.channels)
    onNote?.(`the volume's one channel feeds all ${network.channels} of the network`);
  if (!sameGrid(grid, scan))
    onNote?.(`resampled from [${scan.shape.join(", ")}] to [${grid.shape.join(", ")}] voxels`);
  onNote?.(
    `windows of [${patch.join(", ")}] voxels, intensities: ${describeIntensities(normalize, options.window)}`,
  );

  const sink = sinkFor(scan, output, options.activation);
  const result = await slidingWindow({
    shape: grid.shape,
    channels: network.channels,
    read: reader(scan, grid, lines),
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

/** Reading a window: from the scan itself, or from its interpolation where the network works on another grid. */
function reader(scan: Volume, grid: Grid, lines: readonly Line[]) {
  const isSame = sameGrid(grid, scan);
  return (origin: Vec3, size: Vec3, into: Float32Array): void => {
    const part = isSame
      ? boxOf(scan, origin, size)
      : resampleLike(scan, subgrid(grid, origin, size), "linear").data;
    const length = size[0] * size[1] * size[2];
    lines.forEach((line, c) => {
      const values = into.subarray(c * length, (c + 1) * length);
      const from = scan.channels === 1 ? 0 : c * length;
      values.set(part.subarray(from, from + length));
      applyLine(values, line);
    });
  };
}

/** The voxels `[channels, ...size]` from `origin` on. */
function boxOf({ data, channels, shape: [D, H, W] }: Volume, origin: Vec3, size: Vec3): Float32Array {
  const [depth, height, width] = size;
  const box = new Float32Array(channels * depth * height * width);
  let to = 0;
  for (let c = 0; c < channels; c++) {
    for (let d = 0; d < depth; d++) {
      for (let h = 0; h < height; h++, to += width) {
        const from = ((c * D + origin[0] + d) * H + origin[1] + h) * W + origin[2];
        box.set(data.subarray(from, from + width), to);
      }
    }
  }
  return box;
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

function withoutNonFinite(volume: Volume, onWarning: PredictOptions["onWarning"]): Volume {
  const count = countNonFinite(volume);
  if (count === 0) return volume;
  onWarning?.(`Voxels that are NaN or infinite are taken as 0: ${count} of ${volume.data.length}.`);
  return withData(
    volume,
    volume.data.map((value) => (Number.isFinite(value) ? value : 0)),
    volume.channels,
  );
}

/** Voxels a scan may be resampled to: 25 times a CT of the whole body. Windows over it are counted in thousands. */
const MAX_VOXELS = 2 ** 32;

function checkedGrid(scan: Grid, spacing: Vec3): Grid {
  if (!spacing.every((mm) => Number.isFinite(mm) && mm > 0)) {
    throw new AcsconvError(
      "input",
      `Spacing is three positive numbers of millimetres, not [${spacing.join(", ")}].`,
    );
  }
  const grid = gridWithSpacing(scan, spacing);
  if (voxelCount(grid) > MAX_VOXELS) {
    throw new AcsconvError(
      "input",
      `At a spacing of [${spacing.join(", ")}] mm the scan has [${grid.shape.join(", ")}] voxels, more than can be worked on: choose a coarser one.`,
    );
  }
  return grid;
}

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
