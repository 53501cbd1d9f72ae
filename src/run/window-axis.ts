/**
 * @file Sliding windows along one axis: where they start, and which share each has in every position it covers.
 *
 * The blending weight of a window is a product over the three axes, and the windows form a grid, so the shares are
 * products over the axes too. Summing `share · score` is then the blended result: no weights are summed up in a volume
 * of their own and nothing is divided at the end.
 *
 * Starts as in nnU-Net (evenly spread); weights as in MONAI and nnU-Net:
 *
 *   gaussian   w(i) = exp(−(i − (n−1)/2)² / 2σ²),  σ = n/8,  between e⁻⁸ and 1
 *   constant   w(i) = 1
 *
 * @see Isensee et al., nnU-Net, https://doi.org/10.1038/s41592-020-01008-z
 * @see Cardoso et al., MONAI, https://arxiv.org/abs/2211.02701
 */

export type Blending = "gaussian" | "constant";

/** A window on one axis. */
export interface AxisWindow {
  /** Negative where the volume is smaller than the patch and is padded on both sides. */
  readonly start: number;
  /** The window's share in each of its positions; the shares of all windows in a position sum to 1. */
  readonly shares: Float64Array;
}

/**
 * @param size - voxels of the volume
 * @param patch - voxels of a window
 * @param overlap - part of a window that its neighbour covers at least, from 0 to below 1
 */
export function axisWindows(
  size: number,
  patch: number,
  overlap: number,
  blending: Blending,
): readonly AxisWindow[] {
  const starts = windowStarts(size, patch, overlap);
  const weight = blending === "gaussian" ? gaussian(patch) : () => 1;
  const totals = new Float64Array(Math.max(size, patch));
  const origin = starts[0]!;
  for (const start of starts) {
    for (let i = 0; i < patch; i++) totals[start - origin + i]! += weight(i);
  }
  return starts.map((start) => ({
    start,
    shares: Float64Array.from({ length: patch }, (_, i) => weight(i) / totals[start - origin + i]!),
  }));
}

function windowStarts(size: number, patch: number, overlap: number): readonly number[] {
  if (size <= patch) return [0 - Math.floor((patch - size) / 2)];
  const farthest = Math.max(1, patch * (1 - overlap));
  const steps = Math.ceil((size - patch) / farthest);
  return Array.from({ length: steps + 1 }, (_, i) => Math.round((i * (size - patch)) / steps));
}

function gaussian(patch: number): (i: number) => number {
  const centre = (patch - 1) / 2;
  const sigma = patch / 8;
  return (i) => Math.exp(-((i - centre) ** 2) / (2 * sigma ** 2));
}
