/** @file Bytes of numbers. */

/** Reverses the bytes of each element in place: big-endian files. */
export function swapBytes(bytes: Uint8Array, elementSize: number): void {
  for (let start = 0; start < bytes.length; start += elementSize)
    bytes.subarray(start, start + elementSize).reverse();
}
