/** @file Windowing: a range of intensities, such as Hounsfield units, stretched to [0, 1]. */

import { inputError } from "../base/errors.ts";
import { type Volume, allocate, withData } from "./volume.ts";

/**
 *   y = min(max((x − lo) / (hi − lo), 0), 1)         NaN stays NaN
 *
 * @param lo - the intensity that becomes 0
 * @param hi - the intensity that becomes 1
 * @throws {@link AcsconvError} `input` unless lo < hi
 */
export function window(volume: Volume, lo: number, hi: number): Volume {
  if (!(Number.isFinite(lo) && Number.isFinite(hi) && lo < hi))
    throw inputError(`A window needs a lower and a higher intensity, not ${lo} and ${hi}.`);
  const { data } = volume;
  const result = allocate(() => new Float32Array(data.length), 4 * data.length);
  for (let i = 0; i < data.length; i++) result[i] = Math.min(Math.max((data[i]! - lo) / (hi - lo), 0), 1);
  return withData(volume, result, volume.channels);
}
