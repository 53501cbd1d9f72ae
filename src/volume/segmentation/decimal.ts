/** @file Numbers as DICOM writes them. */

/** A number as decimal text (DS), which holds 16 characters: with as many digits as fit. */
export function decimal(value: number): string {
  for (let digits = 16; digits > 0; digits--) {
    const text = String(Number(value.toPrecision(digits)));
    if (text.length <= 16) return text;
  }
  return "0";
}
