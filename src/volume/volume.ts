/**
 * @file Volumes: voxels in [C, D, H, W] order (W fastest) and where they lie in
 * the patient, in millimetres.
 *
 * One convention inside, converted at the edges: coordinates are LPS (x to the
 * patient's left, y to the back, z to the head), as in DICOM and ITK; NIfTI's
 * RAS is the same with x and y negated. Array axes are always D, H, W; the
 * files' own order (i, j, k) is W, H, D.
 */

import { DTYPES } from "../base/dtypes.ts";
import { inputError } from "../base/errors.ts";
import { allocate } from "../base/memory.ts";
import { type Mat3, MIN_DETERMINANT, type Vec3, determinant } from "./vec3.ts";

/** What a voxel may be. 64-bit types are narrowed when a file is read. */
export type Voxels =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>;

export const VOXEL_TYPES = {
  uint8: DTYPES.uint8.array,
  int8: DTYPES.int8.array,
  uint16: DTYPES.uint16.array,
  int16: DTYPES.int16.array,
  uint32: DTYPES.uint32.array,
  int32: DTYPES.int32.array,
  float32: DTYPES.float32.array,
} as const;

/** The name of a voxel type, such as `int16`. */
export type VoxelType = keyof typeof VOXEL_TYPES;

/**
 * Where voxels lie. The centre of voxel (d, h, w) is, in LPS millimetres,
 *
 *   x = origin + d·spacing[0]·direction[0] + h·spacing[1]·direction[1] + w·spacing[2]·direction[2]
 */
export interface Grid {
  /** Voxels along D, H, W. */
  readonly shape: Vec3;
  /** Millimetres between voxel centres along D, H, W. */
  readonly spacing: Vec3;
  /** The centre of voxel (0, 0, 0). */
  readonly origin: Vec3;
  /** The unit vectors along D, H and W; at right angles in all but sheared scans. */
  readonly direction: Mat3;
}

/** A scan: voxels and where they lie. Plain data; functions return new volumes. */
export interface Volume extends Grid {
  /** channels · D · H · W voxels, row-major. */
  readonly data: Voxels;
  /** 1 for ordinary scans; the time points or components of 4D ones. */
  readonly channels: number;
}

/** Axes along the patient's, slices stacked upwards: the grid of an array that came without geometry. */
export function plainGrid(shape: Vec3, spacing: Vec3 = [1, 1, 1]): Grid {
  return {
    shape,
    spacing,
    origin: [0, 0, 0],
    direction: [
      [0, 0, 1],
      [0, 1, 0],
      [1, 0, 0],
    ],
  };
}

/** The same place, with other voxels. */
export function withData({ shape, spacing, origin, direction }: Grid, data: Voxels, channels = 1): Volume {
  return { shape, spacing, origin, direction, data, channels };
}

export const voxelCount = ({ shape: [depth, height, width] }: Grid): number => depth * height * width;

export function voxelTypeOf(data: Voxels): VoxelType {
  const names = Object.keys(VOXEL_TYPES) as VoxelType[];
  return names.find((name) => data instanceof VOXEL_TYPES[name])!;
}

/** Zeros of the same type as `like`. */
export const emptyLike = (like: Voxels, length: number): Voxels => {
  const Type = VOXEL_TYPES[voxelTypeOf(like)];
  return allocate(() => new Type(length), length * Type.BYTES_PER_ELEMENT);
};

/**
 * Checks a volume that others made: as many voxels as its shape says, finite
 * geometry, three independent axes.
 *
 * @throws {@link AcsconvError} `input`, naming what is off
 */
export function checkVolume(volume: Volume): void {
  const { shape, channels, data, spacing, origin, direction } = volume;
  const fail = (what: string): never => {
    throw inputError(`A volume ${what}.`);
  };
  if (![...shape, channels].every((size) => Number.isInteger(size) && size > 0))
    fail(`needs positive whole sizes, not ${channels} × [${shape.join(", ")}]`);
  if (data.length !== channels * voxelCount(volume))
    fail(
      `of ${channels} × [${shape.join(", ")}] needs ${channels * voxelCount(volume)} voxels, not ${data.length}`,
    );
  if (!spacing.every((mm) => Number.isFinite(mm) && mm > 0))
    fail(`needs positive spacing in mm, not [${spacing.join(", ")}]`);
  if (!origin.every(Number.isFinite)) fail(`needs a finite origin, not [${origin.join(", ")}]`);
  if (!(Math.abs(determinant(direction)) > MIN_DETERMINANT))
    fail(`needs three independent axes, not [${direction.map((axis) => `[${axis.join(", ")}]`).join(", ")}]`);
}
