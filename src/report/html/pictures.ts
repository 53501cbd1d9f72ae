/** @file Pictures inside the page, as data. */

import { type Markup, markup } from "./markup.ts";

export interface Picture {
  readonly title: string;
  /** The bytes of a PNG file. */
  readonly png: Uint8Array;
}

export const picture = ({ title, png }: Picture): Markup =>
  markup`<figure><h3>${title}</h3><img alt="${title}" src="data:image/png;base64,${base64(png)}"></figure>`;

/** Bytes go through a string, in pieces that fit the arguments of a call. */
function base64(bytes: Uint8Array): string {
  const PIECE = 0x8000;
  let binary = "";
  for (let at = 0; at < bytes.length; at += PIECE) {
    binary += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  }
  return btoa(binary);
}
