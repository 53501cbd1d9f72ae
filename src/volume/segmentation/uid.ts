/** @file UIDs from headers, which a segmentation repeats and refers to. dcmjs cuts longer ones, which makes others of them. */

import { formatError } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import { type Tag, titleOf } from "../dicom/tags.ts";

/** Digits and points, to which we do not hold them strictly: anonymisers write roots that there are not. */
const UID = /^[\d.]{1,64}$/;
/** Messages show so much of a value. */
const MAX_SHOWN = 100;

/**
 * @param file - its name
 * @throws {@link AcsconvError} `format` if the value is no UID
 */
export function checkUid(file: string, tag: Tag, value: string): void {
  if (UID.test(value)) return;
  throw formatError(
    `"${file}" has a ${titleOf(tag)} that is no UID, "${printable(value.slice(0, MAX_SHOWN))}"${value.length > 64 ? ` of ${value.length} characters` : ""}: a segmentation has to repeat digits and points, at most 64; correct the images' headers, or write .nii.gz.`,
  );
}
