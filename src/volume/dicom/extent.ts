/** @file How many pixels a header claims, held against the bytes that the file has before anybody takes memory for them. */

import type { ByteSource } from "../../base/byte-source.ts";
import { UNCOMPRESSED } from "./syntaxes.ts";
import type { Tags } from "./tags.ts";
import { failOf } from "../../formats/foreign.ts";

/** No codec makes less of anything but empty images … */
const MAX_RATIO = 1000;
/** … and those may be this large. */
const FLOOR_BYTES = 2 ** 26;

/**
 * The number of frames of a file.
 *
 * @throws {@link AcsconvError} `format` if sizes are missing, or larger than the file can hold
 */
export function checkExtent(
  tags: Tags,
  transferSyntax: string,
  source: ByteSource,
  pixelOffset: number,
): number {
  const fail = failOf(source.name);
  const [rows, columns] = [tags.short("Rows") ?? 0, tags.short("Columns") ?? 0];
  const frames = tags.decimal("NumberOfFrames") ?? 1;
  if (rows === 0 || columns === 0 || !(Number.isSafeInteger(frames) && frames > 0))
    fail(`is damaged: its header claims ${frames} images of ${columns} × ${rows} pixels`);
  const float = tags.has("DoubleFloatPixelData") ? 64 : tags.has("FloatPixelData") ? 32 : undefined;
  const bits = float ?? tags.short("BitsAllocated") ?? 16;
  const claimed = Math.ceil((frames * rows * columns * samplesOf(tags) * bits) / 8);
  const isRaw = float !== undefined || UNCOMPRESSED.includes(transferSyntax);
  if (isRaw && float === undefined) {
    const held = source.size - pixelOffset;
    if (held < claimed) fail(`is truncated: it holds ${Math.max(0, held)} bytes of pixels, not ${claimed}`);
  }
  const ratio = isRaw ? 1 : MAX_RATIO;
  const floor = isRaw ? 0 : FLOOR_BYTES;
  if (claimed > Math.max(floor, ratio * source.size))
    fail(
      `is damaged: its header claims ${frames} images of ${columns} × ${rows} pixels, ${claimed} bytes, and the file has ${source.size}`,
    );
  return frames;
}

/** Colour of which every second value is left out takes two thirds, or a half. */
function samplesOf(tags: Tags): number {
  const samples = tags.short("SamplesPerPixel") ?? 1;
  if (samples !== 3) return samples;
  const colour = tags.text("PhotometricInterpretation");
  return colour.includes("422") ? 2 : colour.includes("420") ? 1.5 : 3;
}
