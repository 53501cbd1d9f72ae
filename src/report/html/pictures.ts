/** @file Pictures inside the page, as data. */

import { toBase64 } from "../../base/base64.ts";
import { type Markup, markup } from "./markup.ts";

export interface Picture {
  readonly title: string;
  /** The bytes of a PNG file. */
  readonly png: Uint8Array;
}

/** Small pictures to compare, as many in a row as there is room for. */
export interface Gallery {
  readonly title: string;
  /** Line breaks in their titles are kept. */
  readonly tiles: readonly Picture[];
}

export const picture = ({ title, png }: Picture): Markup =>
  markup`<figure><h3>${title}</h3>${image(title, png)}</figure>`;

export const gallery = ({ title, tiles }: Gallery): Markup =>
  markup`<div class="card"><h3>${title}</h3><div class="tiles">${tiles.map(
    (tile) =>
      markup`<figure><figcaption>${tile.title}</figcaption>${image(`${title}: ${tile.title}`, tile.png)}</figure>\n`,
  )}</div></div>\n`;

const image = (description: string, png: Uint8Array): Markup =>
  markup`<img alt="${description}" src="data:image/png;base64,${toBase64(png)}">`;
