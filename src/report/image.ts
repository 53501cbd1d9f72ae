/** @file Colour pictures as plain arrays: made, pasted into one another, and written as PNG. */

import { encode } from "fast-png";

/** A colour: each part from 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** Pixels row by row from the top left, three bytes each. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export const blankImage = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: new Uint8Array(3 * width * height),
});

/** Copies `source` into `target` with its top left corner at (x, y). It has to fit. */
export function paste(target: RgbImage, source: RgbImage, x: number, y: number): void {
  for (let row = 0; row < source.height; row++) {
    const pixels = source.data.subarray(3 * row * source.width, 3 * (row + 1) * source.width);
    target.data.set(pixels, 3 * ((y + row) * target.width + x));
  }
}

/** Images side by side with their feet on one line, and a gap between. */
export function sideBySide(images: readonly RgbImage[], gap: number): RgbImage {
  const width = images.reduce((sum, image) => sum + image.width, gap * (images.length - 1));
  const height = Math.max(...images.map((image) => image.height));
  const sheet = blankImage(width, height);
  let x = 0;
  for (const image of images) {
    paste(sheet, image, x, height - image.height);
    x += image.width + gap;
  }
  return sheet;
}

/** The bytes of a PNG file. */
export const encodePng = ({ width, height, data }: RgbImage): Uint8Array =>
  encode({ width, height, data, channels: 3, depth: 8 });
