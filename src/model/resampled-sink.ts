/**
 * @file From the network's grid back to the scan's, score by score and plane by plane: interpolating scores and then
 * taking the largest keeps borders smooth, which labels would lose, and only two planes are held.
 *
 * Both grids have the same axes, so trilinear interpolation is three times linear: along W and H when a plane comes in,
 * along D between two planes.
 */

import type { PlaneSink } from "../run/sinks.ts";
import { indexMap } from "../volume/geometry.ts";
import type { Grid } from "../volume/volume.ts";

/** Position i of an axis lies between `below[i]` and `below[i] + 1`, `weight[i]` of the way. */
interface AxisMap {
  readonly below: Int32Array;
  readonly weight: Float64Array;
}

/**
 * A sink for planes of `from`, which hands the same scores on as planes of `to`.
 * Beyond the outermost voxel centres their value holds.
 *
 * @param from - the grid of the planes that come in
 * @param to - the grid of those that `sink` takes; the same axes, other spacing
 * @param how - `nearest` for numbers of classes, between which there is nothing
 */
export function resampledSink<T>(
  from: Grid,
  to: Grid,
  sink: PlaneSink<T>,
  how: "linear" | "nearest" = "linear",
): PlaneSink<T> {
  const { start, steps } = indexMap(from, to);
  const axisMap = (axis: 0 | 1 | 2): AxisMap => {
    const last = from.shape[axis] - 1;
    const positions = Array.from({ length: to.shape[axis] }, (_, i) =>
      Math.min(Math.max(start[axis] + i * steps[axis][axis], 0), last),
    );
    const below = Int32Array.from(positions, (x) => Math.min(Math.floor(x), Math.max(0, last - 1)));
    const part = (x: number): number => (how === "linear" ? x : Math.round(x));
    return { below, weight: Float64Array.from(positions, (x, i) => part(x - below[i]!)) };
  };
  const [alongD, alongH, alongW] = [axisMap(0), axisMap(1), axisMap(2)];
  const [depth, height, width] = to.shape;
  let previous = new Float32Array();
  let next = 0;

  return {
    plane(z, scores, classes) {
      const current = new Float32Array(classes * height * width);
      for (let k = 0; k < classes; k++) {
        resamplePlane(
          scores.subarray(k * from.shape[1] * from.shape[2], (k + 1) * from.shape[1] * from.shape[2]),
          from.shape[2],
          current.subarray(k * height * width, (k + 1) * height * width),
          alongH,
          alongW,
        );
      }
      // Planes of `to` that lie at or before this one; the last plane ends the volume.
      const isLast = z === from.shape[0] - 1;
      for (; next < depth && (isLast || alongD.below[next]! < z); next++) {
        const weight = alongD.below[next] === z ? 0 : alongD.weight[next]!;
        const blended = new Float32Array(current.length);
        const before = alongD.below[next] === z ? current : previous;
        for (let i = 0; i < blended.length; i++)
          blended[i] = before[i]! + (current[i]! - before[i]!) * weight;
        sink.plane(next, blended, classes);
      }
      previous = current;
    },
    result: () => sink.result(),
  };
}

/** Bilinear: `source [H, W]` → `target [H′, W′]` */
function resamplePlane(
  source: Float32Array,
  sourceWidth: number,
  target: Float32Array,
  alongH: AxisMap,
  alongW: AxisMap,
): void {
  const [height, width] = [alongH.below.length, alongW.below.length];
  const right = sourceWidth > 1 ? 1 : 0;
  const down = source.length > sourceWidth ? sourceWidth : 0;
  for (let y = 0; y < height; y++) {
    const row = alongH.below[y]! * sourceWidth;
    const fy = alongH.weight[y]!;
    for (let x = 0; x < width; x++) {
      const at = row + alongW.below[x]!;
      const fx = alongW.weight[x]!;
      const top = source[at]! * (1 - fx) + source[at + right]! * fx;
      const bottom = source[at + down]! * (1 - fx) + source[at + down + right]! * fx;
      target[y * width + x] = top * (1 - fy) + bottom * fy;
    }
  }
}
