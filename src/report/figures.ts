/** @file Numbers and shapes as people read them. */

import type { Dim } from "../graph/dim.ts";

/** 11.7 M, 4.66 k, 389 */
export function compact(value: number | undefined): string {
  if (value === undefined) return "?";
  const unit = Object.entries({ T: 1e12, G: 1e9, M: 1e6, k: 1e3 }).find(
    ([, size]) => Math.abs(value) >= size,
  );
  return unit ? `${significant(value / unit[1])} ${unit[0]}` : String(Math.round(value));
}

/** 46.8 MB (powers of ten, as model files are listed) */
export const bytes = (value: number | undefined): string =>
  value === undefined ? "?" : `${compact(value)}B`.replace(/^(\d+)B$/, "$1 B");

const significant = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** A size longer than this says less than it takes to read. */
const READABLE_SIZE = 24;

/** `[N, 3, D, H, W]`; sizes that are long expressions become `…`. */
export const shapeText = (shape: readonly Dim[] | undefined): string =>
  `[${shape?.map((dim) => (String(dim).length > READABLE_SIZE ? "…" : String(dim))).join(", ") ?? "?"}]`;
