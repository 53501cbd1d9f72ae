/**
 * @file Colours that hold up for colour-blind readers: one per label, and a
 * scale for values.
 *
 * @see Okabe & Ito, "Color Universal Design", https://jfly.uni-koeln.de/color/
 * @see viridis, https://bids.github.io/colormap/ (CC0)
 */

import type { Rgb } from "./image.ts";

const OKABE_ITO: readonly Rgb[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [213, 94, 0],
  [204, 121, 167],
  [0, 114, 178],
];

/** The colour of label 1, 2, …; from 8 on the same hues return, darker and then lighter. */
export function labelColour(label: number): Rgb {
  const index = Math.max(0, Math.round(label) - 1);
  const hue = OKABE_ITO[index % OKABE_ITO.length]!;
  switch (Math.floor(index / OKABE_ITO.length) % 3) {
    case 0:
      return hue;
    case 1:
      return blend([0, 0, 0], hue, 0.6);
    default:
      return blend([255, 255, 255], hue, 0.5);
  }
}

/** viridis at nine equal steps from dark violet to yellow; between them it is nearly straight. */
const VIRIDIS: readonly Rgb[] = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 140],
  [40, 174, 128],
  [94, 201, 98],
  [173, 220, 48],
  [253, 231, 37],
];

/** The colour of a value between 0 and 1; values outside are clamped. */
export function heatColour(value: number): Rgb {
  const at = clamp01(value) * (VIRIDIS.length - 1);
  const below = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return blend(VIRIDIS[below]!, VIRIDIS[below + 1]!, at - below);
}

/** NaN counts as 0. */
export const clamp01 = (value: number): number => (value > 0 ? Math.min(1, value) : 0);

/** `under` at weight 0, `over` at weight 1. */
export const blend = (under: Rgb, over: Rgb, weight: number): Rgb => [
  Math.round(under[0] + (over[0] - under[0]) * weight),
  Math.round(under[1] + (over[1] - under[1]) * weight),
  Math.round(under[2] + (over[2] - under[2]) * weight),
];
