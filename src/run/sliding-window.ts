/**
 * @file Runs a network over a volume larger than it can take at once: windows that overlap, blended where they do.
 *
 * Windows go through the volume in the order of its planes. A plane that no later window touches is finished and handed
 * on, so that only the planes under the current windows are held: about `patch depth · H · W · K` floats, whatever the
 * volume's depth.
 *
 * A volume smaller than the patch is padded with zeros on both sides.
 */

import { inputError } from "../base/errors.ts";
import type { PlaneSink } from "./sinks.ts";
import type { RunTensor, Size3 } from "./tensor.ts";
import { upsample } from "./upsample.ts";
import { axisWindows, type AxisWindow, type Blending } from "./window-axis.ts";

export interface SlidingWindowOptions<T> {
  /** The volume's `[D, H, W]`. */
  readonly shape: Size3;
  readonly channels: number;
  /** Copies the part of the volume at `origin` into `into` `[C, ...size]`. Never asked for voxels outside. */
  read(origin: Size3, size: Size3, into: Float32Array): void;
  /** The network's `[d, h, w]`. */
  readonly patch: Size3;
  /** Part of a window that its neighbour covers at least: 0.5 unless given. */
  readonly overlap?: number;
  /** How overlapping windows are weighed: `gaussian` unless given, which trusts a window's centre most. */
  readonly blending?: Blending;
  /** Windows per call of `predict`: 1 unless given. The last call is filled up with zeros. */
  readonly batch?: number;
  /**
   * The network: `[B, C, d, h, w]` → scores `[B, K, d′, h′, w′]`. Coarser scores, by a whole factor per
   * axis, are interpolated. The batch is a new array in every call and may be transferred.
   */
  predict(batch: RunTensor<"float32">): Promise<RunTensor>;
  readonly sink: PlaneSink<T>;
  /** Whether the scores are numbers of classes: these are not blended, but taken from the window that weighs most. */
  readonly labels?: boolean;
  /** Told how many windows are done, after every call of `predict`. */
  onProgress?(done: number, total: number): void;
  /** Ends the work between two calls of `predict`. */
  readonly signal?: AbortSignal;
}

/**
 * Blends a network's scores over a whole volume.
 *
 * @returns the sink's result
 *
 * @example
 * const labels = await slidingWindow({
 *   shape, channels: 1, read, patch: [64, 128, 128], sink: toLabels(shape, "logits"),
 *   predict: async (input) => (await session.run({ input }, { transfer: true })).output!,
 * });
 */
export async function slidingWindow<T>(options: SlidingWindowOptions<T>): Promise<T> {
  const { shape, channels, patch, sink, signal, batch = 1, overlap = 0.5, blending = "gaussian" } = options;
  const { labels = false } = options;
  check(options);
  const along = shape.map((size, axis) => axisWindows(size, patch[axis]!, overlap, blending));
  const count = along.reduce((product, { length }) => product * length, 1);
  if (count > MAX_WINDOWS)
    throw inputError(
      `A volume [${shape.join(", ")}] takes ${count} windows of [${patch.join(", ")}] voxels, more than can be worked on: choose a larger patch or a smaller overlap.`,
      { code: "E_LIMIT" },
    );
  const windows = gridOf(along);
  const planes = planesOf(shape, patch, sink, labels);
  const inputLength = channels * voxels(patch);

  for (let first = 0; first < windows.length; first += batch) {
    signal?.throwIfAborted();
    const group = windows.slice(first, first + batch);
    const data = new Float32Array(batch * inputLength);
    group.forEach((window, i) => {
      readPatch(options, window, data.subarray(i * inputLength, (i + 1) * inputLength));
    });
    const output = await options.predict({ dtype: "float32", dims: [batch, channels, ...patch], data });
    const { classes, scores } = scoresOf(output, batch, patch, labels);
    const length = classes * voxels(patch);
    group.forEach((window, i) => {
      planes.add(window, scores.subarray(i * length, (i + 1) * length), classes);
    });
    const next = windows[first + batch];
    planes.finish(next ? next[0].start : shape[0]);
    options.onProgress?.(first + group.length, windows.length);
  }
  return sink.result();
}

type Window = readonly [AxisWindow, AxisWindow, AxisWindow];

const voxels = ([d, h, w]: Size3): number => d * h * w;

/** The list of windows alone would take gigabytes; scans take thousands. */
const MAX_WINDOWS = 2 ** 22;
/** Elements of one call's input: 2 GB, of which the network's own maps take many times as much. */
const MAX_INPUT = 2 ** 29;

function check({ shape, channels, patch, batch = 1, overlap = 0.5 }: SlidingWindowOptions<unknown>): void {
  if (![...shape, ...patch, batch].every((size) => Number.isInteger(size) && size > 0))
    throw inputError(
      `Sliding windows need sizes of whole voxels: got a volume [${shape.join(", ")}], a patch [${patch.join(", ")}] and batches of ${batch}.`,
    );
  if (batch * channels * voxels(patch) > MAX_INPUT)
    throw inputError(
      `${batch} windows of [${patch.join(", ")}] voxels at once do not fit into memory: choose a smaller patch or batch.`,
      { code: "E_MEMORY" },
    );
  if (!(overlap >= 0 && overlap < 1))
    throw inputError(`The overlap of windows is a part of the patch, from 0 to below 1, not ${overlap}.`);
}

/** Every window, in the order of the planes they start at. */
function gridOf([alongD, alongH, alongW]: readonly (readonly AxisWindow[])[]): readonly Window[] {
  return alongD!.flatMap((z) => alongH!.flatMap((y) => alongW!.map((x): Window => [z, y, x])));
}

/** Fills `into` `[C, ...patch]` from the volume; what lies outside it stays zero. */
function readPatch(options: SlidingWindowOptions<unknown>, window: Window, into: Float32Array): void {
  const { shape, channels, patch } = options;
  const starts = window.map((axis) => axis.start);
  const origin = starts.map((start) => Math.max(start, 0)) as unknown as Size3;
  const size = shape.map((voxelsOnAxis, axis) => Math.min(voxelsOnAxis, patch[axis]!)) as unknown as Size3;
  if (voxels(size) === voxels(patch)) {
    options.read(origin, size, into);
    return;
  }
  const inside = new Float32Array(channels * voxels(size));
  options.read(origin, size, inside);
  const [d, h, w] = size;
  const [bd, bh, bw] = starts.map((start) => Math.max(-start, 0)) as unknown as Size3;
  for (let c = 0; c < channels; c++) {
    for (let z = 0; z < d; z++) {
      for (let y = 0; y < h; y++) {
        const from = ((c * d + z) * h + y) * w;
        const to = ((c * patch[0] + z + bd) * patch[1] + y + bh) * patch[2] + bw;
        into.set(inside.subarray(from, from + w), to);
      }
    }
  }
}

/** The network's scores on the patch's own grid: `[B, K, ...patch]`. */
function scoresOf(
  output: RunTensor,
  batch: number,
  patch: Size3,
  isLabels: boolean,
): { classes: number; scores: Float32Array } {
  const { dims, dtype, data } = output;
  const [b, classes, ...coarse] = dims;
  const factors = patch.map((size, axis) => size / coarse[axis]!) as unknown as Size3;
  if (dtype !== "float32" || b !== batch || coarse.length !== 3 || !factors.every(Number.isInteger))
    throw inputError(
      `Sliding windows need scores for every voxel, float32 [${batch}, K, ${patch.join(", ")}] or coarser by whole ` +
        `factors, but the network gives ${dtype} [${dims.join(", ")}].`,
    );
  const scores = upsample(
    data,
    batch * classes!,
    coarse as unknown as Size3,
    factors,
    isLabels ? "nearest" : "linear",
  );
  return { classes: classes!, scores };
}

/** The planes under the current windows, as far as they are blended. */
function planesOf([D, H, W]: Size3, [d, h, w]: Size3, sink: PlaneSink<unknown>, labels: boolean) {
  /** `[K, H, W]` each, of labels `[2, H, W]`, their weights second; the first is plane `finished`. */
  const open: Float32Array[] = [];
  const spare: Float32Array[] = [];
  let finished = 0;
  let classes = 0;
  const planeAt = (z: number): Float32Array => {
    while (open.length <= z - finished)
      open.push(spare.pop() ?? new Float32Array((labels ? 2 : classes) * H * W));
    return open[z - finished]!;
  };
  return {
    /** Adds each score, `[K, ...patch]`, times the window's share in its voxel. */
    add([alongD, alongH, alongW]: Window, scores: Float32Array, count: number): void {
      classes = count;
      const z0 = Math.max(alongD.start, 0);
      const y0 = Math.max(alongH.start, 0);
      const x0 = Math.max(alongW.start, 0);
      const x1 = Math.min(alongW.start + w, W);
      for (let z = z0; z < Math.min(alongD.start + d, D); z++) {
        const plane = planeAt(z);
        const shareD = alongD.shares[z - alongD.start]!;
        for (let k = 0; k < classes; k++) {
          for (let y = y0; y < Math.min(alongH.start + h, H); y++) {
            const share = shareD * alongH.shares[y - alongH.start]!;
            const from = ((k * d + z - alongD.start) * h + y - alongH.start) * w - alongW.start;
            const to = (k * H + y) * W;
            for (let x = x0; x < x1; x++) {
              const weight = share * alongW.shares[x - alongW.start]!;
              if (!labels) plane[to + x]! += weight * scores[from + x]!;
              else if (weight > plane[H * W + to + x]!) {
                plane[H * W + to + x] = weight;
                plane[to + x] = scores[from + x]!;
              }
            }
          }
        }
      }
    },
    /** Hands on the planes before `z`, which no later window touches. */
    finish(z: number): void {
      for (; finished < z; finished++) {
        const plane = open.shift()!;
        sink.plane(finished, plane.subarray(0, classes * H * W), classes);
        spare.push(plane.fill(0));
      }
    },
  };
}
