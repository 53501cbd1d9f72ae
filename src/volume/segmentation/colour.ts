/**
 * @file Colours as DICOM recommends them for display: CIE L*a*b* in the ICC's profile connection space (white is D50),
 * 16 bits each. dcmjs converts under another white in the versions that our oldest Node runs.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.10.7.html#sect_C.10.7.1.1
 */

import type { Vec3 } from "../vec3.ts";

/** sRGB's linear primaries in XYZ, adapted from D65 to D50 (Bradford), as ICC's sRGB profile has them. */
const TO_XYZ: readonly Vec3[] = [
  [0.4360747, 0.3850649, 0.1430804],
  [0.2225045, 0.7168786, 0.0606169],
  [0.0139322, 0.0971045, 0.7141733],
];

/** @param rgb - sRGB, each 0 to 255 */
export function dicomLab(rgb: readonly [number, number, number]): readonly [number, number, number] {
  const linear = rgb.map((byte) => {
    const x = byte / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  });
  const [x, y, z] = TO_XYZ.map((row) => {
    // The rows' sums are the white point.
    const white = row[0] + row[1] + row[2];
    const t = row.reduce((sum, weight, i) => sum + weight * linear[i]!, 0) / white;
    return t > (6 / 29) ** 3 ? Math.cbrt(t) : t / (3 * (6 / 29) ** 2) + 4 / 29;
  }) as [number, number, number];
  const [l, a, b] = [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  const word = (value: number): number => Math.min(65535, Math.max(0, Math.round(value)));
  return [word((l / 100) * 65535), word(((a + 128) / 255) * 65535), word(((b + 128) / 255) * 65535)];
}
