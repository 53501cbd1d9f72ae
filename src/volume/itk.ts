/**
 * @file Images as ITK's readers return them (compiled to WebAssembly, package itk-wasm), as volumes.
 *
 * ITK's coordinates are LPS like ours; its axes run W, H, D, and `direction` is
 * a row-major matrix whose columns are the axes.
 */

import { formatError, messageOf } from "../base/errors.ts";
import type { Vec3 } from "./vec3.ts";
import { type Grid, type Volume, checkVolume, withData } from "./volume.ts";
import { type FileNumbers, separate, voxelsOf } from "./voxels.ts";

/** What we use of an itk-wasm image. */
export interface ItkImage {
  readonly imageType: { readonly dimension: number; readonly components: number; readonly pixelType: string };
  readonly origin: readonly number[];
  readonly spacing: readonly number[];
  readonly direction: ArrayLike<number>;
  readonly size: readonly number[];
  /** Lies in memory that is shared with WebAssembly. */
  readonly data: { slice: () => unknown } | null;
}

/** An ITK image of 2 to 4 dimensions; the fourth dimension and the components of a voxel become channels. */
export function volumeFromItk(image: ItkImage, name: string): Volume {
  const { dimension, components, pixelType } = image.imageType;
  if (pixelType === "Complex")
    throw formatError(`"${name}" holds complex numbers: save its magnitude instead.`, {
      code: "E_UNSUPPORTED",
    });
  if (dimension < 2 || dimension > 4 || !image.data)
    throw formatError(`"${name}" has ${dimension} dimensions, where a volume has 3, or 4 with time.`, {
      code: "E_UNSUPPORTED",
    });
  const size = (i: number): number => image.size[i] ?? 1;
  // slice: out of the shared memory, which other interfaces refuse
  const numbers = separate(image.data.slice() as FileNumbers, components);
  const volume = withData(gridOf(image), voxelsOf(numbers, name), size(3) * components);
  try {
    checkVolume(volume);
  } catch (cause) {
    throw formatError(`"${name}" is damaged: ${messageOf(cause)}`, { cause });
  }
  return volume;
}

function gridOf({ imageType: { dimension }, origin, spacing, direction, size }: ItkImage): Grid {
  // A third axis that a 2D image lacks stands on the other two.
  const axis = (i: number): Vec3 => {
    const cosine = (row: number): number =>
      row < dimension && i < dimension ? direction[row * dimension + i]! : Number(row === i);
    return [cosine(0), cosine(1), cosine(2)];
  };
  return {
    shape: [size[2] ?? 1, size[1]!, size[0]!],
    spacing: [spacing[2] ?? 1, spacing[1]!, spacing[0]!],
    origin: [origin[0]!, origin[1]!, origin[2] ?? 0],
    direction: [axis(2), axis(1), axis(0)],
  };
}

/** What itk-wasm prints about a failure before it throws a bare number. */
const NOISE: readonly unknown[] = [
  "Exception while running pipeline:",
  "stdout:",
  "stderr:",
  "exception:",
  "Build module in Debug mode for exception message information.",
];

/** Readers at work, and the console as it was before the first of them. */
let readers = 0;
let loud: Pick<Console, "log" | "error"> | undefined;

function hush(): void {
  if (readers++ > 0) return;
  const { log, error } = console;
  loud = { log, error };
  const unlessNoise =
    (print: typeof log): typeof log =>
    (...values: unknown[]) => {
      if (!NOISE.includes(values[0])) print(...values);
    };
  console.log = unlessNoise(log);
  console.error = unlessNoise(error);
}

function unhush(): void {
  if (--readers === 0) Object.assign(console, loud);
}

/**
 * Runs one of ITK's readers; whatever it throws becomes one sentence, and what it
 * prints about it is kept off the terminal.
 */
export async function quietly<T>(what: string, read: () => Promise<T>): Promise<T> {
  hush();
  try {
    return await read();
  } catch (cause) {
    const reason = typeof cause === "number" ? "ITK's reader rejects it" : messageOf(cause).trim();
    throw formatError(`Cannot read ${what}: ${reason}; it may be damaged or of another format.`, { cause });
  } finally {
    unhush();
  }
}
