/**
 * @file Trilinear upsampling by whole factors, for networks whose scores are coarser than their input.
 *
 *   y(i) = (1 − t)·x(⌊s⌋) + t·x(⌊s⌋ + 1),   s = (i + ½)/f − ½,   t = s − ⌊s⌋
 *
 * with s clamped to the samples: `align_corners=False`, half-pixel centres.
 */

import type { Size3 } from "./tensor.ts";

/**
 * @param data - `[maps, d, h, w]`
 * @param size - `[d, h, w]`
 * @param factors - how much finer each axis becomes
 * @param how - `nearest` repeats values, where none lies between two of them
 * @returns `[maps, d·f₀, h·f₁, w·f₂]`
 */
export function upsample(
  data: Float32Array,
  maps: number,
  size: Size3,
  factors: Size3,
  how: "linear" | "nearest" = "linear",
): Float32Array {
  const [d, h, w] = size;
  const [fd, fh, fw] = factors;
  const alongW = upsampleAxis(data, maps * d * h, w, 1, fw, how);
  const alongH = upsampleAxis(alongW, maps * d, h, w * fw, fh, how);
  return upsampleAxis(alongH, maps, d, h * fh * w * fw, fd, how);
}

/** `[outer, n, inner]` → `[outer, n·factor, inner]` */
function upsampleAxis(
  data: Float32Array,
  outer: number,
  n: number,
  inner: number,
  factor: number,
  how: "linear" | "nearest",
): Float32Array {
  if (factor === 1) return data;
  const result = new Float32Array(data.length * factor);
  for (let i = 0; i < n * factor; i++) {
    const s = Math.min(Math.max((i + 0.5) / factor - 0.5, 0), n - 1);
    const below = Math.floor(s);
    const above = Math.min(below + 1, n - 1);
    const t = how === "linear" ? s - below : Math.round(s - below);
    for (let o = 0; o < outer; o++) {
      const a = (o * n + below) * inner;
      const b = (o * n + above) * inner;
      const to = (o * n * factor + i) * inner;
      for (let j = 0; j < inner; j++) result[to + j] = (1 - t) * data[a + j]! + t * data[b + j]!;
    }
  }
  return result;
}
