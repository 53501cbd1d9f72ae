/**
 * @file Volumes in NumPy files. A .npz of ours holds `data` and its grid:
 * `spacing` [3], `origin` [3], `direction` [3, 3], as in {@link Grid}; of
 * others' files we take the array that is named, or the only one there is.
 */

import { formatError, inputError } from "../base/errors.ts";
import { type Tensor, bytesOf, numbersOf, tensorOf } from "../graph/tensor.ts";
import { encodeNpy, readNpy } from "../formats/npy.ts";
import { encodeNpz, readNpz } from "../formats/npz.ts";
import type { Vec3 } from "./vec3.ts";
import { type Grid, type Volume, checkVolume, plainGrid, voxelTypeOf, withData } from "./volume.ts";
import { type FileNumbers, voxelsOf } from "./voxels.ts";

/** The array of a .npy file as a volume: [D, H, W] or [C, D, H, W], 1 mm apart. */
export const volumeFromNpy = (bytes: Uint8Array, name: string): Volume =>
  volumeOf(readNpy(bytes, name), undefined, name);

/**
 * A volume of a .npz archive.
 *
 * @param array - its name there; by default `data`, or the only array
 */
export function volumeFromNpz(bytes: Uint8Array, name: string, array?: string): Volume {
  const tensors = readNpz(bytes, name);
  const names = [...tensors.keys()];
  const chosen = array ?? (tensors.has("data") ? "data" : names.length === 1 ? names[0] : undefined);
  const tensor = chosen === undefined ? undefined : tensors.get(chosen);
  if (!tensor)
    throw inputError(
      `"${name}" holds the arrays ${names.join(", ")}: say which one is the volume with \`array\`.`,
      { code: "E_AMBIGUOUS" },
    );
  return volumeOf(tensor, tensors, name);
}

function volumeOf(tensor: Tensor, geometry: ReadonlyMap<string, Tensor> | undefined, name: string): Volume {
  const { dims } = tensor;
  if (dims.length !== 3 && dims.length !== 4)
    throw formatError(
      `"${name}" holds an array of shape [${dims.join(", ")}], where a volume is [D, H, W] or [C, D, H, W].`,
    );
  const shape = dims.slice(-3) as [number, number, number];
  const vector = (key: string, length: number): number[] | undefined => {
    const found = geometry?.get(key);
    return found && found.dims.reduce((a, b) => a * b, 1) === length ? [...numbersOf(found)] : undefined;
  };
  const plain = plainGrid(shape);
  const axes = vector("direction", 9);
  const grid: Grid = {
    shape,
    spacing: (vector("spacing", 3) as Vec3 | undefined) ?? plain.spacing,
    origin: (vector("origin", 3) as Vec3 | undefined) ?? plain.origin,
    direction: axes
      ? ([axes.slice(0, 3), axes.slice(3, 6), axes.slice(6)] as unknown as Grid["direction"])
      : plain.direction,
  };
  // A copy, where the elements are part of a larger buffer: a volume owns its voxels.
  const numbers = numbersOf(tensor).slice() as FileNumbers;
  const volume = withData(grid, voxelsOf(numbers, name), dims.length === 4 ? dims[0]! : 1);
  checkVolume(volume);
  return volume;
}

const voxelTensor = (volume: Volume): Tensor => ({
  dtype: voxelTypeOf(volume.data),
  dims: volume.channels > 1 ? [volume.channels, ...volume.shape] : volume.shape,
  bytes: bytesOf(volume.data),
});

/** The parts of a .npy file: the voxels alone, without geometry. */
export const encodeNpyVolume = (volume: Volume): Uint8Array[] => encodeNpy(voxelTensor(volume));

/** The parts of a .npz file: voxels and grid. */
export const encodeNpzVolume = (volume: Volume): Uint8Array[] =>
  encodeNpz(
    new Map([
      ["data", voxelTensor(volume)],
      ["spacing", tensorOf("float64", [3], volume.spacing)],
      ["origin", tensorOf("float64", [3], volume.origin)],
      ["direction", tensorOf("float64", [3, 3], volume.direction.flat())],
    ]),
  );
