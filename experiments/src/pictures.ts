/** @file Pictures of an experiment, as its report takes them. */

import type { RgbImage } from "acsconv/report";
import type { ReportGallery } from "acsconv/report/page";

export type Tile = ReportGallery["tiles"][number];

/** Images of one width below each other, with a gap. */
export function stacked(images: readonly RgbImage[], gap = 4): RgbImage {
  const width = images[0]!.width;
  const height = images.reduce((sum, image) => sum + image.height, gap * (images.length - 1));
  const data = new Uint8Array(3 * width * height);
  let at = 0;
  for (const image of images) {
    data.set(image.data, at);
    at += image.data.length + 3 * width * gap;
  }
  return { width, height, data };
}
