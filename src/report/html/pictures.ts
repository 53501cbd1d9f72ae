/** @file Pictures inside the page, as data. */

import { toBase64 } from "../../graph/base64.ts";
import { type Markup, markup } from "./markup.ts";

export interface Picture {
  readonly title: string;
  /** The bytes of a PNG file. */
  readonly png: Uint8Array;
}

export const picture = ({ title, png }: Picture): Markup =>
  markup`<figure><h3>${title}</h3><img alt="${title}" src="data:image/png;base64,${toBase64(png)}"></figure>`;
