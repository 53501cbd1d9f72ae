/** @file Curves before they are drawn: smoothed, and thinned to what a screen can show. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The exponential moving average, over about `window` points:
 *
 *   sₜ = (1 − α)·sₜ₋₁ + α·yₜ      smoothed = sₜ / (1 − (1 − α)ᵗ)      α = 2 / (window + 1)
 *
 * Divided so that its beginning is an average too. What is not finite is left out.
 */
export function smoothed(points: readonly Point[], window: number): Point[] {
  const alpha = 2 / (window + 1);
  let sum = 0;
  let weight = 0;
  return points.flatMap(({ x, y }) => {
    if (!Number.isFinite(y)) return [];
    sum += alpha * (y - sum);
    weight += alpha * (1 - weight);
    return [{ x, y: sum / weight }];
  });
}

/**
 * At most 2 · `buckets` points: of so many stretches of equal length the lowest and the highest
 * each, in their order. As a line they look like all of them, and no spike is lost.
 */
export function thinned(points: readonly Point[], buckets: number): readonly Point[] {
  if (points.length <= 2 * buckets) return points;
  return Array.from({ length: buckets }, (_, i) => {
    const from = Math.floor((i * points.length) / buckets);
    const to = Math.floor(((i + 1) * points.length) / buckets);
    let [low, high] = [from, from];
    for (let j = from + 1; j < to; j++) {
      const { y } = points[j]!;
      if (y < points[low]!.y || Number.isNaN(points[low]!.y)) low = j;
      if (y > points[high]!.y || Number.isNaN(points[high]!.y)) high = j;
    }
    return low === high ? [points[low]!] : [points[Math.min(low, high)]!, points[Math.max(low, high)]!];
  }).flat();
}

/** The value that the part `fraction` of all finite ones does not exceed; NaN of none. */
export function quantile(points: readonly Point[], fraction: number): number {
  const sorted = Float64Array.from(points, ({ y }) => y)
    .filter(Number.isFinite)
    .sort();
  return sorted[Math.round(fraction * (sorted.length - 1))] ?? NaN;
}

/** For parts of a whole: the tenths between which all lie, so that small changes do not look large. */
export function tenths(points: readonly Point[]): readonly [low: number, high: number] | undefined {
  const [low, high] = [quantile(points, 0), quantile(points, 1)];
  if (!(low >= 0 && high <= 1)) return undefined;
  const from = Math.min(9, Math.floor(low * 10));
  return [from / 10, Math.max(from + 1, Math.ceil(high * 10)) / 10];
}
