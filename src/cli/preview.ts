/** @file A picture of a prediction beside the scan it was made from. */

import type { PredictionKind } from "../model/index.ts";
import { encodePng } from "../report/image.ts";
import { type Overlay, grid, montage } from "../report/montage.ts";
import { type Volume, withData } from "../volume/index.ts";

/** Feature maps that a preview shows. */
const MOST_MAPS = 4;

/** The bytes of a PNG: labels or the first foreground class over the scan; feature maps below it, side by side. */
export function previewPng(scan: Volume, prediction: Volume, kind: PredictionKind): Uint8Array {
  const over = (overlay: Overlay): Uint8Array =>
    encodePng(grid([montage(scan), montage(scan, { overlay })], 1));
  switch (kind) {
    case "labels":
      return over({ kind: "labels", volume: merged(prediction) });
    case "probabilities":
      // Class 0 is the background wherever there are several.
      return over({
        kind: "values",
        volume: channelOf(prediction, prediction.channels > 1 ? 1 : 0),
        range: [0, 1],
      });
    case "features": {
      const count = Math.min(prediction.channels, MOST_MAPS);
      const maps = Array.from({ length: count }, (_, c) =>
        montage(channelOf(prediction, c), { colours: "values" }),
      );
      const titles = ["scan", ...maps.map((_, c) => `feature map ${c + 1} of ${prediction.channels}`)];
      return encodePng(grid([montage(scan), ...maps], 1, titles));
    }
  }
}

/** Masks of several channels as one label map; where they overlap, the last is seen. */
function merged(prediction: Volume): Volume {
  const { data, channels } = prediction;
  if (channels === 1) return prediction;
  const labels = new Uint8Array(data.length / channels);
  data.forEach((isIn, i) => isIn && (labels[i % labels.length] = Math.floor(i / labels.length) + 1));
  return withData(prediction, labels);
}

function channelOf(volume: Volume, channel: number): Volume {
  const length = volume.data.length / volume.channels;
  return withData(volume, volume.data.subarray(channel * length, (channel + 1) * length));
}
