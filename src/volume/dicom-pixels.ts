/**
 * @file The pixels of uncompressed grey-scale DICOM files, rescaled.
 *
 *   value = slope · stored + intercept,   stored = the low `bitsStored` bits
 *
 * Ours rather than ITK's, because GDCM gives a series the type that its first
 * slice needs (fractions of later slopes are lost, as in PET), and refuses files
 * that are padded after their pixels.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part05/chapter_8.html
 */

import { AcsconvError } from "../base/errors.ts";
import { type Voxels, allocate } from "./volume.ts";
import { swapBytes } from "../base/bytes.ts";

/** How a file stores a pixel, and what it means. */
export interface PixelFormat {
  readonly bitsAllocated: 8 | 16 | 32;
  readonly bitsStored: number;
  readonly signed: boolean;
  readonly littleEndian: boolean;
  readonly slope: number;
  readonly inter: number;
}

/** An array for `length` pixels of these formats that holds all their values: integers where they are integers. */
export function pixelArray(formats: readonly PixelFormat[], length: number): Voxels {
  const ends = formats.flatMap(({ bitsStored, signed, slope, inter }) => {
    const [low, high] = signed
      ? [-(2 ** (bitsStored - 1)), 2 ** (bitsStored - 1) - 1]
      : [0, 2 ** bitsStored - 1];
    return [low * slope + inter, high * slope + inter];
  });
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const whole = formats.every(({ slope, inter }) => Number.isInteger(slope) && Number.isInteger(inter));
  const fits = (min: number, max: number): boolean => whole && low >= min && high <= max;
  if (fits(0, 255)) return allocate(() => new Uint8Array(length), length);
  if (fits(-(2 ** 15), 2 ** 15 - 1)) return allocate(() => new Int16Array(length), 2 * length);
  if (fits(0, 2 ** 16 - 1)) return allocate(() => new Uint16Array(length), 2 * length);
  if (fits(-(2 ** 31), 2 ** 31 - 1)) return allocate(() => new Int32Array(length), 4 * length);
  return allocate(() => new Float32Array(length), 4 * length);
}

/**
 * Writes the values of one image to `target`.
 *
 * @param bytes - the pixel data, and possibly padding
 * @param path - the file, for messages
 * @throws {@link AcsconvError} `format` if there are fewer pixels than `target` takes
 */
export function decodePixels(bytes: Uint8Array, format: PixelFormat, target: Voxels, path: string): void {
  const { bitsAllocated, bitsStored, signed, slope, inter } = format;
  const width = bitsAllocated / 8;
  if (bytes.length < target.length * width)
    throw new AcsconvError(
      "format",
      `"${path}" is truncated: it holds ${bytes.length} bytes of pixels, not ${target.length * width}.`,
    );
  const stored = new Uint8Array(target.length * width);
  stored.set(bytes.subarray(0, stored.length));
  if (!format.littleEndian) swapBytes(stored, width);
  const Type = bitsAllocated === 8 ? Uint8Array : bitsAllocated === 16 ? Uint16Array : Uint32Array;
  const words = new Type(stored.buffer);
  // Bits above those stored may hold anything (overlays): shift them out, and the sign in.
  const shift = 32 - bitsStored;
  for (let i = 0; i < target.length; i++) {
    const word = words[i]! << shift;
    target[i] = (signed ? word >> shift : word >>> shift) * slope + inter;
  }
}

/** int32 whose values fit into int16, as those of CT do: half the memory from here on. */
export function narrow(data: Voxels): Voxels {
  if (!(data instanceof Int32Array)) return data;
  for (let i = 0; i < data.length; i++) if ((data[i]! << 16) >> 16 !== data[i]!) return data;
  return allocate(() => Int16Array.from(data), 2 * data.length);
}
