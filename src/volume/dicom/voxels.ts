/**
 * @file The voxels of a volume that dcm2niix decoded: its bits are numbers as the headers say, and these are values by the
 * slopes and intercepts of the headers. H runs as columns of DICOM do, where dcm2niix turns rows upside down.
 */

import { DTYPES } from "../../base/dtypes.ts";
import { formatError } from "../../base/errors.ts";
import { NIFTI1_BYTES, parseNiftiHeader } from "../nifti-header.ts";
import { allocate } from "../../base/memory.ts";
import { type Grid, type Volume, type Voxels, VOXEL_TYPES, withData } from "../volume.ts";
import type { Image } from "./parts.ts";
import { type PixelNumbers, numbersOf } from "./pixel-format.ts";

/** An image: its numbers, and what makes values of them. */
interface Slice {
  readonly numbers: PixelNumbers;
  readonly slope: number;
  readonly intercept: number;
}

/**
 * The volume of a NIfTI file in memory, which is used up.
 *
 * @param images - what was decoded, along D
 * @throws {@link AcsconvError} `format` if the file is not of the images' size or type
 */
export function volumeOf(
  bytes: Uint8Array<ArrayBuffer>,
  images: readonly Image[],
  grid: Grid,
  what: string,
): Volume {
  const { samples } = images[0]!.file.format;
  const [, height, width] = grid.shape;
  const { offset, isUpsideDown } = checkDecoded(bytes, images, grid, what);
  const size = height * width * samples;
  const slices = images.map(({ file: { format }, frame: { rescale } }, d): Slice => {
    const start = offset + (d * size * format.allocated) / 8;
    return { numbers: numbersOf(format, bytes, start, size), slope: rescale[0], intercept: rescale[1] };
  });
  const data = targetFor(slices, size);
  for (let c = 0; c < samples; c++)
    for (const [d, slice] of slices.entries())
      for (let h = 0; h < height; h++) {
        const row = (isUpsideDown ? height - 1 - h : h) * width;
        fillRow(
          data,
          ((c * slices.length + d) * height + h) * width,
          width,
          slice,
          row * samples + c,
          samples,
        );
      }
  return withData(grid, data, samples);
}

function fillRow(
  data: Voxels,
  start: number,
  width: number,
  { numbers, slope, intercept }: Slice,
  from: number,
  step: number,
): void {
  if (slope === 1 && intercept === 0 && step === 1) data.set(numbers.subarray(from, from + width), start);
  else for (let w = 0; w < width; w++) data[start + w] = numbers[from + w * step]! * slope + intercept;
}

/** Holds what came out against what went in. */
function checkDecoded(
  bytes: Uint8Array,
  images: readonly Image[],
  { shape }: Grid,
  what: string,
): { offset: number; isUpsideDown: boolean } {
  const { samples, allocated, element } = images[0]!.file.format;
  const { grid, channels, components, type, slope, inter, offset } = parseNiftiHeader(
    bytes.subarray(0, NIFTI1_BYTES),
    true,
    what,
  );
  const { bits } = DTYPES[type];
  const [d, h, w] = grid.direction;
  const isSame =
    shape.every((size, i) => size === grid.shape[i]) &&
    channels === 1 &&
    components === samples &&
    bits === allocated &&
    type.startsWith("float") === (element !== "PixelData") &&
    slope === 1 &&
    inter === 0 &&
    d[2] > 0 &&
    w[0] > 0;
  const size = shape.reduce((product, n) => product * n, samples);
  if (!isSame || offset + (size * bits) / 8 > bytes.length)
    throw formatError(
      `Cannot read ${what}: of its ${shape.join(" × ")} pixels of ${samples} × ${allocated} bits dcm2niix makes ${grid.shape.join(" × ")} of ${components} × ${bits}; it may be damaged.`,
    );
  return { offset, isUpsideDown: h[1] < 0 };
}

/** An array for values: integers stay integers, in the smallest type of 16 or more bits that holds them. */
function targetFor(slices: readonly Slice[], size: number): Voxels {
  const length = slices.length * size;
  const make = (type: keyof typeof VOXEL_TYPES): Voxels => {
    const Type = VOXEL_TYPES[type];
    return allocate(() => new Type(length), length * Type.BYTES_PER_ELEMENT);
  };
  const isFloat = ({ numbers, slope, intercept }: Slice): boolean =>
    numbers instanceof Float32Array ||
    numbers instanceof Float64Array ||
    !Number.isInteger(slope) ||
    !Number.isInteger(intercept);
  if (slices.some(isFloat)) return make("float32");
  if (
    slices.every(
      ({ numbers, slope, intercept }) => numbers instanceof Uint8Array && slope === 1 && intercept === 0,
    )
  )
    return make("uint8");
  let [least, most] = [Infinity, -Infinity];
  for (const { numbers, slope, intercept } of slices) {
    const ends = rangeOf(numbers).map((number) => number * slope + intercept);
    least = Math.min(least, ...ends);
    most = Math.max(most, ...ends);
  }
  const fits = (min: number, max: number): boolean => least >= min && most <= max;
  if (fits(-(2 ** 15), 2 ** 15 - 1)) return make("int16");
  if (fits(0, 2 ** 16 - 1)) return make("uint16");
  if (fits(-(2 ** 31), 2 ** 31 - 1)) return make("int32");
  return fits(0, 2 ** 32 - 1) ? make("uint32") : make("float32");
}

function rangeOf(numbers: PixelNumbers): readonly [low: number, high: number] {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
