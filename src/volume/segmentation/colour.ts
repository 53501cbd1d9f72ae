/**
 * @file Colours as DICOM recommends them for display: CIE L*a*b* in the ICC's profile connection space (white is D50),
 * 16 bits each.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.10.7.html#sect_C.10.7.1.1
 */

import { loadDcmjs } from "./dcmjs.ts";

/** @param rgb - sRGB, each 0 to 255 */
export async function dicomLab(
  rgb: readonly [number, number, number],
): Promise<readonly [number, number, number]> {
  const { Colors } = await loadDcmjs();
  const [l, a, b] = Colors.rgb2DICOMLAB(rgb.map((byte) => byte / 255));
  const word = (value: number): number => Math.min(65535, Math.max(0, Math.round(value)));
  return [word(l), word(a), word(b)];
}
