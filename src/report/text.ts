/**
 * @file Text in pictures without a canvas: a bitmap font, drawn pixel by pixel.
 *
 * The glyphs are X11's "misc-fixed" 7×13 bold, which is in the public domain
 * ("Public domain font. Share and enjoy."): ASCII, the middle dot and ×.
 *
 * @see https://gitlab.freedesktop.org/xorg/font/misc-misc (7x13B.bdf)
 */

import type { Rgb, RgbImage } from "./image.ts";

const GLYPH_WIDTH = 7;
export const GLYPH_HEIGHT = 13;

/** One byte a glyph row, its highest bit on the left; glyphs in the order of {@link glyphIndex}. */
const GLYPH_ROWS = [
  "AAAAAAAAAAAAAAAAAAAAMDAwMDAwADAwAAAAAGxsbAAAAAAAAAAAAAAoKHx8KHx8KCgAAAAAMHi0sHg0tHgwAAAAAOSs6BgwYFzU",
  "nAAAAABw2NjYcNTc2HQAAAAAMDAwMAAAAAAAAAAAABgwMGBgYDAwGAAAAABgMDAYGBgwMGAAAAAAAABIMPz8MEgAAAAAAAAAMDD8",
  "/DAwAAAAAAAAAAAAAAA4ODBgAAAAAAAAAAD8AAAAAAAAAAAAAAAAAAAweDAAAAAMDBgYMGBgwMAAAAAAMEjMzMzMzEgwAAAAADBw",
  "sDAwMDAw/AAAAAB4zMwMOGDAwPwAAAAA/AwYMHgMDMx4AAAAAAwcPGzMzPwMDAAAAAD8wMD4zAwMzHgAAAAAeMzAwPjMzMx4AAAA",
  "APwMDBgYMDBgYAAAAAB4zMzMeMzMzHgAAAAAeMzMzHwMDMx4AAAAAAAAMHgwAAAweDAAAAAAADB4MAA4ODBgAAAADBgwYMBgMBgM",
  "AAAAAAAAAPwAAPwAAAAAAADAYDAYDBgwYMAAAAAAeMzMDDgwADAwAAAAAHiMjLysvICMeAAAAAB4zMzM/MzMzMwAAAAA+MzMzPjM",
  "zMz4AAAAAHjMwMDAwMDMeAAAAAD4zMzMzMzMzPgAAAAA/MDAwPjAwMD8AAAAAPzAwMD4wMDAwAAAAAB4zMDA3MzMzHwAAAAAzMzM",
  "zPzMzMzMAAAAAPwwMDAwMDAw/AAAAAAMDAwMDAwMzHgAAAAAxMzY8ODw2MzEAAAAAMDAwMDAwMDA/AAAAACEzPz8zMzMzMwAAAAA",
  "zMzs7Pzc3MzMAAAAAHjMzMzMzMzMeAAAAAD4zMzM+MDAwMAAAAAAeMzMzMzM7Nx4DAAAAPjMzMz48NjMxAAAAAB4zMDAeAwMzHgA",
  "AAAA/DAwMDAwMDAwAAAAAMzMzMzMzMzMeAAAAADMzMxISHgwMDAAAAAAzMzMzMz8/MyEAAAAAITMSHgweEjMhAAAAADMzHh4MDAw",
  "MDAAAAAA/AwMGDBgwMD8AAAAAHhgYGBgYGBgeAAAAADAwGBgMBgYDAwAAAAAeBgYGBgYGBh4AAAAADB4zIQAAAAAAAAAAAAAAAAA",
  "AAAAAPz8AABgMBgAAAAAAAAAAAAAAAAAAHgMfMzMfAAAAADAwMD4zMzMzPgAAAAAAAAAeMzAwMx4AAAAAAwMDHzMzMzMfAAAAAAA",
  "AAB4zPzAzHgAAAAAOGxgYPBgYGBgAAAAAAAAAHTMzHjAeMx4AADAwMD4zMzMzMwAAAAAMDAAcDAwMDD8AAAAAAwMAAwMDAwMDMx4",
  "AADAwMDM2PDw2MwAAAAAcDAwMDAwMDD8AAAAAAAAANj8/MzMzAAAAAAAAAD4zMzMzMwAAAAAAAAAeMzMzMx4AAAAAAAAAPjMzMz4",
  "wMDAAAAAAAB8zMzMfAwMDAAAAAAA+MzAwMDAAAAAAAAAAHjMYBjMeAAAAAAAYGD4YGBgbDgAAAAAAAAAzMzMzMx8AAAAAAAAAMzM",
  "zHh4MAAAAAAAAADMzMz8/EgAAAAAAAAAzMx4eMzMAAAAAAAAAMzMzMx8DMx4AAAAAAD8DBhgwPwAAAAAOGBgMGAwYGA4AAAAADAw",
  "MDAwMDAwMAAAAABwGBgwGDAYGHAAAAAAZPyYAAAAAAAAAAAAAAAAADAwAAAAAAAAAAAAAADMeDB4zAAAAA==",
].join("");

const glyphs = Uint8Array.from(atob(GLYPH_ROWS), (byte) => byte.charCodeAt(0));

/** Characters that the font lacks are drawn as `?`. */
function glyphIndex(character: string): number {
  if (character === "·") return 95;
  if (character === "×") return 96;
  const index = character.charCodeAt(0) - 32;
  return index >= 0 && index < 95 ? index : 31;
}

export const textWidth = (text: string): number => text.length * GLYPH_WIDTH;

/** Draws one line with its top left corner at (x, y); what does not fit the image is cut off. */
export function drawText(image: RgbImage, text: string, x: number, y: number, colour: Rgb): void {
  for (const [i, character] of Array.from(text).entries()) {
    const start = glyphIndex(character) * GLYPH_HEIGHT;
    for (let row = 0; row < GLYPH_HEIGHT; row++) {
      const bits = glyphs[start + row]!;
      for (let column = 0; column < GLYPH_WIDTH; column++) {
        if ((bits >> (7 - column)) & 1) setPixel(image, x + i * GLYPH_WIDTH + column, y + row, colour);
      }
    }
  }
}

function setPixel({ width, height, data }: RgbImage, x: number, y: number, colour: Rgb): void {
  if (x < 0 || y < 0 || x >= width || y >= height) return;
  data.set(colour, 3 * (y * width + x));
}
