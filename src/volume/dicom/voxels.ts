/**
 * @file The voxels of a NIfTI file that dcm2niix made, along our axes: H runs as columns of DICOM do, W as rows, D up the
 * normal, where dcm2niix turns rows upside down. Values are those of the headers: slope · stored + intercept.
 */

import { DTYPES } from "../../base/dtypes.ts";
import { formatError } from "../../base/errors.ts";
import { NIFTI1_BYTES, type NiftiHeader, parseNiftiHeader } from "../nifti-header.ts";
import { type Mat3, type Vec3, add, dot, map3, scale } from "../vec3.ts";
import {
  type Grid,
  type Volume,
  type Voxels,
  VOXEL_TYPES,
  allocate,
  voxelCount,
  withData,
} from "../volume.ts";
import { stepsOf } from "../geometry.ts";
import type { FileNumbers } from "../voxels.ts";
import type { Converted } from "./convert.ts";

/** What is in a NIfTI file of dcm2niix. */
export interface Contents {
  readonly header: NiftiHeader;
  /** 3 in colour, interleaved. */
  readonly components: number;
  readonly numbers: FileNumbers;
}

/**
 * Reads a NIfTI file in memory; numbers share its memory.
 *
 * @param unsigned32 - integers of 32 bits have no sign, where dcm2niix says they have
 */
export function contentsOf({ bytes }: Converted, unsigned32: boolean, what: string): Contents {
  const header = parseNiftiHeader(bytes.subarray(0, NIFTI1_BYTES), true, what);
  const { components, type } = header;
  const Numbers = DTYPES[type === "int32" && unsigned32 ? "uint32" : type].array;
  const length = voxelCount(header.grid) * header.channels * components;
  if (header.offset + length * Numbers.BYTES_PER_ELEMENT > bytes.length)
    throw formatError(`Cannot read ${what}: dcm2niix ended before it had written all of it.`);
  return { header, components, numbers: new Numbers(bytes.buffer, bytes.byteOffset + header.offset, length) };
}

/** Which axes D, H, W of a grid run against those of another: -1, else 1. */
export const signsOf = (grid: Grid, axes: Mat3): Vec3 =>
  map3(grid.direction, (axis, i) => (dot(axis, axes[i]) < 0 ? -1 : 1));

/** The same place, with axes turned round where their sign is negative. */
export function turnedGrid(grid: Grid, signs: Vec3): Grid {
  const steps = stepsOf(grid);
  let { origin } = grid;
  for (const i of [0, 1, 2] as const)
    if (signs[i] < 0) origin = add(origin, scale(steps[i], grid.shape[i] - 1));
  return { ...grid, origin, direction: map3(grid.direction, (axis, i) => scale(axis, signs[i])) };
}

/** Slope and intercept. */
export type Rescale = readonly [number, number];

/**
 * One volume of a file on its grid.
 *
 * @param place - which volume of a file of several
 * @param signs - which axes the file has the other way round
 * @param rescale - slope and intercept along D as the headers have them, if it is known
 */
export function volumeOf(
  { header, components, numbers }: Contents,
  place: number,
  grid: Grid,
  signs: Vec3,
  rescale: readonly Rescale[] | undefined,
): Volume {
  const [depth, height, width] = header.grid.shape;
  const size = depth * height * width;
  const part = numbers.subarray(place * size * components, (place + 1) * size * components);
  const { data, scaled } = scaling(part, header, rescale);
  const [d, h, w] = signs.map((sign) => sign < 0);
  for (let c = 0; c < components; c++)
    for (let k = 0; k < depth; k++) {
      const value = scaled(k);
      for (let j = 0; j < height; j++) {
        const row = ((d ? depth - 1 - k : k) * height + (h ? height - 1 - j : j)) * width;
        const start = ((c * depth + k) * height + j) * width;
        if (!value && components === 1 && !w) data.set(part.subarray(row, row + width) as Voxels, start);
        else
          for (let i = 0; i < width; i++) {
            const stored = Number(part[(row + (w ? width - 1 - i : i)) * components + c]);
            data[start + i] = value ? value(stored) : stored;
          }
      }
    }
  return withData(grid, data, components);
}

/**
 * From stored numbers to values, slice by slice; undefined where they are the same. NIfTI keeps slope and intercept in
 * single precision, and where they differ between slices dcm2niix has applied them in single precision: what was stored
 * follows from that, and the values from it as the headers mean them.
 */
function scaling(
  numbers: FileNumbers,
  { slope, inter }: NiftiHeader,
  rescale: readonly Rescale[] | undefined,
): { data: Voxels; scaled: (d: number) => ((stored: number) => number) | undefined } {
  const [first] = rescale ?? [];
  const same = rescale?.every(([s, i]) => s === first![0] && i === first![1]);
  if (slope === 1 && inter === 0 && rescale && !same && numbers instanceof Float32Array)
    return {
      data: targetOf(numbers, 1, 0),
      scaled: (d) => {
        const [s, i] = rescale[d]!;
        const [single, offset] = [Math.fround(s), Math.fround(i)];
        return (value) => {
          const stored = Math.round((value - offset) / single);
          const again = Math.fround(Math.fround(stored * single) + offset);
          return Math.abs(again - value) <= ROUNDING * Math.max(Math.abs(value), Math.abs(offset))
            ? stored * s + i
            : value;
        };
      },
    };
  const exact = (written: number, meant: number | undefined): number =>
    meant !== undefined && Math.fround(meant) === written ? meant : written;
  const [s, i] = [exact(slope, same ? first![0] : undefined), exact(inter, same ? first![1] : undefined)];
  const value = s === 1 && i === 0 ? undefined : (stored: number): number => stored * s + i;
  return { data: targetOf(numbers, s, i), scaled: () => value };
}

/** Two units in the last place of single precision. */
const ROUNDING = 2 ** -22;

/** An array for scaled numbers: integers stay integers, in the smallest type of 16 or more bits that holds them. */
function targetOf(numbers: FileNumbers, slope: number, inter: number): Voxels {
  const { length } = numbers;
  const make = (type: keyof typeof VOXEL_TYPES): Voxels => {
    const Type = VOXEL_TYPES[type];
    return allocate(() => new Type(length), length * Type.BYTES_PER_ELEMENT);
  };
  const isFloat = numbers instanceof Float32Array || numbers instanceof Float64Array;
  if (isFloat || !Number.isInteger(slope) || !Number.isInteger(inter)) return make("float32");
  if (slope === 1 && inter === 0 && numbers instanceof Uint8Array) return make("uint8");
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < length; i++) {
    const value = Number(numbers[i]);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const ends = [low * slope + inter, high * slope + inter];
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const fits = (min: number, max: number): boolean => least >= min && most <= max;
  if (fits(-(2 ** 15), 2 ** 15 - 1)) return make("int16");
  if (fits(0, 2 ** 16 - 1)) return make("uint16");
  if (fits(-(2 ** 31), 2 ** 31 - 1)) return make("int32");
  return fits(0, 2 ** 32 - 1) ? make("uint32") : make("float32");
}
