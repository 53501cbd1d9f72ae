/** @file What a network says of a case, beside what is true: the pictures of a training report. */

import type { Volume } from "../../volume/volume.ts";
import type { RgbImage } from "../../report/image.ts";
import { grid, middleOfLabels, montage } from "../../report/montage.ts";

/** The longest side of a plane, in pixels: three planes fit half a page. */
const SIZE = 240;

/**
 * The three planes of a scan with its true labels, and the same with the predicted ones, through
 * the middle of the true ones (of the predicted where there are none).
 *
 * @throws {@link AcsconvError} `input` if the volumes are not on one grid
 */
export function comparison(scan: Volume, truth: Volume, prediction: Volume): RgbImage {
  const at = middleOfLabels(truth) ?? middleOfLabels(prediction);
  const draw = (volume: Volume): RgbImage =>
    montage(scan, { overlay: { kind: "labels", volume }, size: SIZE, ...(at && { at }) });
  return grid([draw(truth), draw(prediction)], 1, ["truth", "prediction"]);
}
