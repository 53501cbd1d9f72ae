/**
 * @file Volumes in NumPy files. A .npz of ours holds `data` and its grid:
 * `spacing` [3], `origin` [3], `direction` [3, 3], as in {@link Grid}; of
 * others' files we take the array that is named, or the only one of numbers, and nibabel's `affine` [4, 4]: from indices
 * along the array's own axes to RAS millimetres.
 */

import { formatError, inputError, messageOf } from "../base/errors.ts";
import { type Tensor, bytesOf, elementCount, numbersOf, tensorOf } from "../graph/tensor.ts";
import { encodeNpy, readNpy } from "../formats/npy.ts";
import { type ArrayHeader, type NpzArchive, describeArrays, encodeNpz } from "../formats/npz.ts";
import { type Mat3, type Vec3, map3, norm, unit } from "./vec3.ts";
import { type Grid, type Volume, checkVolume, plainGrid, voxelTypeOf, withData } from "./volume.ts";
import { type FileNumbers, voxelsOf } from "./voxels.ts";

/** The array of a .npy file as a volume: [D, H, W] or [C, D, H, W], 1 mm apart. */
export const volumeFromNpy = (bytes: Uint8Array, name: string): Volume =>
  volumeOf(readNpy(bytes, name), {}, name);

/**
 * A volume of a .npz archive; no other array is unpacked.
 *
 * @param array - its name there, or `name[3]` for the fourth part of one of several volumes; by default `data`, or the
 *   only array of numbers
 */
export function volumeFromNpz(
  archive: NpzArchive,
  name: string,
  array: string | undefined,
  onWarning: (sentence: string) => void,
): Volume {
  const chosen = array ?? defaultArray(archive, name);
  const [whole, part] = partOf(archive, chosen);
  const tensor =
    part === undefined ? archive.read(whole) : subTensor(archive.read(whole), part, chosen, name);
  if (part === undefined) refuseSet(archive, whole, tensor, name);
  const geometry = geometryOf(archive, whole, name);
  if (geometry.unused.length > 0)
    onWarning(
      `"${name}" has ${describeArrays(geometry.unused)}, which ${geometry.unused.length > 1 ? "are" : "is"} not used: expected spacing [3], origin [3] and direction [3, 3], or affine [4, 4].`,
    );
  const volume = volumeOf(tensor, geometry, name);
  const millimetres = `${volume.spacing.map((mm) => +mm.toPrecision(6)).join(" × ")} mm along D, H, W, the array's own axes`;
  if (geometry.isAffine)
    onWarning(
      `"${name}" has an \`affine\`: taken for nibabel's, from the array's own axes to RAS; read as ${millimetres}.`,
    );
  else if (geometry.spacing && !geometry.direction && new Set(geometry.spacing).size > 1)
    onWarning(`"${name}" has \`spacing\` but no \`direction\`: read as ${millimetres}.`);
  return volume;
}

/** Our own, or the only one of numbers beside the geometry. */
function defaultArray(archive: NpzArchive, name: string): string {
  if (archive.has(DATA)) return DATA;
  const { arrays } = archive;
  const candidates = arrays.filter(({ name: key, dtype }) => dtype !== undefined && !GEOMETRY.includes(key));
  if (candidates.length === 1) return candidates[0]!.name;
  if (arrays.length === 0)
    throw formatError(`"${name}" holds no arrays: expected files that end in .npy in it.`);
  // What it is that cannot be read, is said when it is.
  if (arrays.length === 1) return arrays[0]!.name;
  throw inputError(
    `"${name}" holds the arrays ${describeArrays(arrays)}: say which one is the volume with --array NAME (\`array\` in code), or NAME[0] for the first of several.`,
    { code: "E_AMBIGUOUS" },
  );
}

const DATA = "data";
const GEOMETRY: readonly string[] = ["spacing", "origin", "direction", "affine"];

/** Sizes without the leading ones that batches leave. */
function volumeDims(dims: readonly number[]): readonly number[] {
  const extra = Math.max(0, dims.length - 4);
  return dims.slice(0, extra).every((size) => size === 1) ? dims.slice(extra) : dims;
}

/** `name[3]` as the array and the index, unless an array is called so. */
function partOf(archive: NpzArchive, array: string): [name: string, part?: number] {
  const [, whole, index] = /^(.*)\[(\d+)\]$/.exec(array) ?? [];
  if (whole === undefined || archive.has(array) || !archive.has(whole)) return [array];
  return [whole, Number(index)];
}

function subTensor({ dtype, dims, bytes }: Tensor, part: number, array: string, name: string): Tensor {
  const [count = 0, ...rest] = dims;
  if (part >= count || rest.length === 0)
    throw inputError(`"${name}" has no ${array}: the array has the shape [${dims.join(", ")}].`, {
      code: "E_UNKNOWN_NAME",
    });
  const size = bytes.length / count;
  return { dtype, dims: rest, bytes: bytes.subarray(part * size, (part + 1) * size) };
}

/** `train_images` beside `train_labels`, one of them for each, are scans one after the other and not channels of one. */
function refuseSet(archive: NpzArchive, array: string, { dims }: Tensor, name: string): void {
  const labels = array.replace(/images$/, "labels");
  const [count] = dims;
  if (labels === array || dims.length < 4 || !archive.has(labels)) return;
  const { dims: labelled = [] } = archive.arrays.find((other) => other.name === labels) ?? {};
  if (labelled[0] !== count || labelled.length > 2) return;
  throw inputError(
    `"${name}" is a data set: its array ${array} holds ${count} scans, with their classes in ${labels}; name one of them, as in --array '${array}[0]', or give the file as data.`,
    { code: "E_AMBIGUOUS" },
  );
}

/** What an archive says of where its voxels lie. */
interface Geometry {
  readonly spacing?: Vec3 | undefined;
  readonly origin?: Vec3 | undefined;
  readonly direction?: Mat3 | undefined;
}

interface ArchiveGeometry extends Geometry {
  readonly isAffine: boolean;
  /** What is named as geometry is, and is none. */
  readonly unused: readonly ArrayHeader[];
}

/** @param array - the voxels, whatever they are called */
function geometryOf(archive: NpzArchive, array: string, name: string): ArchiveGeometry {
  const there = archive.arrays.filter((one) => GEOMETRY.includes(one.name) && one.name !== array);
  const used = new Set<ArrayHeader>();
  const vector = (key: string, length: number): number[] | undefined => {
    const found = there.find((one) => one.name === key && one.dtype && elementCount(one.dims) === length);
    if (!found) return undefined;
    used.add(found);
    return [...numbersOf(archive.read(key))];
  };
  const rest = (): readonly ArrayHeader[] => there.filter((one) => !used.has(one));
  const axes = vector("direction", 9);
  const affine = axes ? undefined : vector("affine", 16);
  if (affine) return { ...stepsOfAffine(affine, name), isAffine: true, unused: rest() };
  return {
    spacing: vector("spacing", 3) as Vec3 | undefined,
    origin: vector("origin", 3) as Vec3 | undefined,
    direction: axes && ([axes.slice(0, 3), axes.slice(3, 6), axes.slice(6)] as unknown as Mat3),
    isAffine: false,
    unused: rest(),
  };
}

/** @param affine - [4, 4], row by row; a column for each axis of the array, as nibabel has it, then the origin */
function stepsOfAffine(affine: readonly number[], name: string): Geometry {
  const [x, y, z, last] = [0, 4, 8, 12].map((row) => affine.slice(row, row + 4)) as [
    number[],
    number[],
    number[],
    number[],
  ];
  if (!affine.every(Number.isFinite) || !last.every((value, i) => Math.abs(value - Number(i === 3)) < 1e-6))
    throw formatError(
      `"${name}" cannot be read as a volume: its affine should be finite and end in [0, 0, 0, 1], and ends in [${last.join(", ")}].`,
    );
  const column = (i: number): Vec3 => [-x[i]! + 0, -y[i]! + 0, z[i]!];
  const steps = map3([0, 1, 2], column);
  return { spacing: map3(steps, norm), origin: column(3), direction: map3(steps, unit) };
}

function volumeOf(tensor: Tensor, geometry: Geometry, name: string): Volume {
  const dims = volumeDims(tensor.dims);
  if (dims.length !== 3 && dims.length !== 4)
    throw formatError(
      `"${name}" holds an array of shape [${tensor.dims.join(", ")}], where a volume is [D, H, W] or [C, D, H, W].`,
    );
  if (tensor.dtype.startsWith("complex"))
    throw formatError(`"${name}" holds complex numbers: save its magnitude instead.`, {
      code: "E_UNSUPPORTED",
    });
  const shape = dims.slice(-3) as [number, number, number];
  const plain = plainGrid(shape);
  const grid: Grid = {
    shape,
    spacing: geometry.spacing ?? plain.spacing,
    origin: geometry.origin ?? plain.origin,
    direction: geometry.direction ?? plain.direction,
  };
  const volume = withData(grid, voxelsOf(elementsOf(tensor), name), dims.length === 4 ? dims[0]! : 1);
  try {
    checkVolume(volume);
    if (!grid.direction.every((axis) => Math.abs(norm(axis) - 1) < 1e-3))
      throw new Error("its direction should be three unit vectors, along D, H and W");
  } catch (cause) {
    throw formatError(`"${name}" cannot be read as a volume: ${messageOf(cause)}`, { cause });
  }
  return volume;
}

/** A copy, where the elements are part of a larger buffer: a volume owns its voxels. */
function elementsOf(tensor: Tensor): FileNumbers {
  const { dtype } = tensor;
  // As they are: a double does not hold all of them.
  if (dtype === "int64") return new BigInt64Array(tensor.bytes.slice().buffer);
  if (dtype === "uint64") return new BigUint64Array(tensor.bytes.slice().buffer);
  return numbersOf(tensor).slice();
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
      [DATA, voxelTensor(volume)],
      ["spacing", tensorOf("float64", [3], volume.spacing)],
      ["origin", tensorOf("float64", [3], volume.origin)],
      ["direction", tensorOf("float64", [3, 3], volume.direction.flat())],
    ]),
  );
