/**
 * @file Images in RLE, as far as what they claim: a segment for each byte of a pixel, each of which unpacks to a byte for each
 * pixel. Decoders write as much as it unpacks to, or leave what was in memory where it is less.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part05/chapter_G.html
 */

const HEADER = 64;

/**
 * What is wrong with an image, if anything is; `its pixels …`.
 *
 * @param segments - how many it should have
 * @param count - how many bytes each should unpack to
 */
export function rleFault(bytes: Uint8Array, segments: number, count: number): string | undefined {
  if (bytes.length < HEADER) return "its RLE pixels are cut off";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = view.getUint32(0, true);
  if (found !== segments) return `its RLE pixels have ${found} segments, where its header needs ${segments}`;
  for (let i = 0; i < segments; i++) {
    const start = view.getUint32(4 + 4 * i, true);
    const end = i + 1 < segments ? view.getUint32(8 + 4 * i, true) : bytes.length;
    if (start < HEADER || end < start || end > bytes.length) return "its RLE segments lie beyond its pixels";
    const held = unpackedLength(bytes.subarray(start, end), count);
    if (held !== count)
      return `an RLE segment unpacks to ${held > count ? "more than " : ""}${Math.min(held, count)} bytes, where its header claims ${count} pixels`;
  }
  return undefined;
}

/** How many bytes PackBits unpack to; a number above `count` as soon as they are more. */
function unpackedLength(bytes: Uint8Array, count: number): number {
  let held = 0;
  let at = 0;
  while (at < bytes.length && held <= count) {
    const control = bytes[at]!;
    const isLiteral = control < 128;
    const isRun = control > 128;
    const next = at + 1 + (isLiteral ? control + 1 : isRun ? 1 : 0);
    // A byte that makes the length of a segment even is no run.
    if (next > bytes.length) return held === count ? held : held + (isLiteral ? bytes.length - at - 1 : 0);
    if (held === count && at + 2 >= bytes.length) return held;
    held += isLiteral ? control + 1 : isRun ? 257 - control : 0;
    at = next;
  }
  return held;
}
