/**
 * @file Colours that hold up for colour-blind readers: one per label, and a
 * scale for values.
 *
 * @see Okabe & Ito, "Color Universal Design", https://jfly.uni-koeln.de/color/
 * @see viridis, https://bids.github.io/colormap/ (CC0)
 */

import type { Rgb } from "./image.ts";

/** Colours in hexadecimal digits. */
const colours = (text: string): readonly Rgb[] =>
  text.split(" ").map((digits) => {
    const colour = parseInt(digits, 16);
    return [colour >> 16, (colour >> 8) & 255, colour & 255];
  });

const OKABE_ITO = colours("e69f00 56b4e9 009e73 f0e442 d55e00 cc79a7 0072b2");

/** The colour of label 1, 2, …; from 8 on the same hues return, darker and then lighter. */
export function labelColour(label: number): Rgb {
  const index = Math.max(0, Math.round(label) - 1);
  const hue = OKABE_ITO[index % OKABE_ITO.length]!;
  const round = Math.floor(index / OKABE_ITO.length) % 3;
  if (round === 0) return hue;
  return round === 1 ? blend([0, 0, 0], hue, 0.6) : blend([255, 255, 255], hue, 0.5);
}

/** viridis at nine equal steps from dark violet to yellow; between them it is nearly straight. */
const VIRIDIS = colours("440154 472d7b 3b528b 2c728e 21918c 28ae80 5ec962 addc30 fde725");

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
