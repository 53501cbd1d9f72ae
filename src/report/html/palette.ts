/**
 * @file The colours of labels, as pictures have them, on pages: as CSS variables
 * that keep their hue and are darkened on white and lightened on black until
 * lines in them can be seen.
 *
 * @see WCAG 2.2, 1.4.11: graphics need a contrast of 3 : 1
 */

import { blend, labelColour } from "../colours.ts";
import type { Rgb } from "../image.ts";

/** How many labels have colours of their own; then they return. */
const COLOURS = 21;
const CONTRAST = 3;
/** The page's backgrounds: see page.ts. */
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [22, 27, 34];

/** The CSS colour of label 0 (grey), 1, 2, … */
export const labelVariable = (label: number): string =>
  label === 0 ? "var(--muted)" : `var(--label-${((label - 1) % COLOURS) + 1})`;

/** The colour of label 1, 2, … in pictures, whatever the page's background is. */
export const pictureColour = (label: number): string => hex(labelColour(label));

/** Declarations for {@link labelVariable}. */
export const labelVariables = (): string =>
  Array.from({ length: COLOURS }, (_, i) => {
    const colour = labelColour(i + 1);
    return `--label-${i + 1}: light-dark(${hex(visibleOn(WHITE, colour))}, ${hex(visibleOn(BLACK, colour))});`;
  }).join("\n");

/** The colour, moved away from the background just as far as contrast needs it. */
export function visibleOn(background: Rgb, colour: Rgb): Rgb {
  const away: Rgb = luminance(background) > 0.5 ? [0, 0, 0] : [255, 255, 255];
  for (let weight = 0; weight < 1; weight += 0.05) {
    const moved = blend(colour, away, weight);
    if (contrast(moved, background) >= CONTRAST) return moved;
  }
  return away;
}

/** From 1 to 21 (WCAG 2.2). */
export function contrast(a: Rgb, b: Rgb): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** Relative luminance of sRGB (WCAG 2.2). */
function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const hex = (colour: Rgb): string =>
  `#${colour.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
