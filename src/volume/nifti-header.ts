/**
 * @file The headers of NIfTI-1 and NIfTI-2. ITK's reader would do but for three
 * things: it refuses sheared affines, it takes the qform where nibabel and most
 * software take the sform, and its writer does not notice a full disk.
 *
 * @see https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h
 */

import { inputError } from "../base/errors.ts";
import { type DTypeOf, dtypeBy, DTYPES } from "../base/dtypes.ts";
import { type Fail, failOf } from "../formats/foreign.ts";
import { gridFromRas, rasAffine } from "./geometry.ts";
import { type Vec3, MIN_DETERMINANT, determinant, dot, map3, norm, scale } from "./vec3.ts";
import { type Grid, type Volume, voxelTypeOf } from "./volume.ts";

/** The codes of colours: three or four uint8 side by side. */
const COLOURS: Readonly<Record<number, number>> = { 128: 3, 2304: 4 };

/** Types that we do not read, and what to do about them. */
const UNREAD: Readonly<Record<number, string>> = {
  1: "single bits: save them as uint8",
  32: "complex numbers: save their magnitude instead",
  1536: "numbers of 128 bits: save them as float32",
  1792: "complex numbers: save their magnitude instead",
  2048: "complex numbers: save their magnitude instead",
};

export interface NiftiHeader {
  readonly littleEndian: boolean;
  readonly type: DTypeOf<"nifti">;
  /** Numbers side by side in a voxel: 3 or 4 in colours. */
  readonly components: number;
  readonly grid: Grid;
  /** The product of the dimensions beyond the third. */
  readonly channels: number;
  /** Where the voxels begin. */
  readonly offset: number;
  readonly slope: number;
  readonly inter: number;
  /** What was odd, and what was taken instead: sentences without their subject, the file. */
  readonly oddities: readonly string[];
}

export const NIFTI1_BYTES = 348;
export const NIFTI2_BYTES = 540;

/** More than any extension of a header takes. */
const MAX_OFFSET = 2 ** 31;

type Fields = ReturnType<typeof fieldsOf>;

/** The fields we read, where NIfTI-1 has them, or NIfTI-2. */
function fieldsOf(view: DataView, le: boolean) {
  const is1 = view.byteLength === NIFTI1_BYTES;
  const width = is1 ? 4 : 8;
  const real = (at: number): number => (is1 ? view.getFloat32(at, le) : view.getFloat64(at, le));
  const code = (at: number): number => (is1 ? view.getInt16(at, le) : view.getInt32(at, le));
  const int64 = (at: number): number => Number(view.getBigInt64(at, le));
  return {
    magic: is1 ? 344 : 4,
    datatype: view.getInt16(is1 ? 70 : 12, le),
    dim: (i: number) => (is1 ? view.getInt16(40 + 2 * i, le) : int64(16 + 8 * i)),
    pixdim: (i: number) => real((is1 ? 76 : 104) + width * i),
    offset: is1 ? view.getFloat32(108, le) : int64(168),
    slope: real(is1 ? 112 : 176),
    inter: real(is1 ? 116 : 184),
    units: is1 ? view.getUint8(123) : view.getInt32(500, le),
    qformCode: code(is1 ? 252 : 344),
    sformCode: code(is1 ? 254 : 348),
    /** Quaternion b, c, d, then the offset x, y, z. */
    qform: (i: number) => real((is1 ? 256 : 352) + width * i),
    sform: (row: number, column: number) => real((is1 ? 280 : 400) + width * (4 * row + column)),
  };
}

/** How many bytes of header a file has whose first 4 bytes are these, and in which order. */
export function niftiVersion(bytes: Uint8Array): { bytes: number; littleEndian: boolean } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 4);
  for (const size of [NIFTI1_BYTES, NIFTI2_BYTES])
    for (const littleEndian of [true, false])
      if (view.getInt32(0, littleEndian) === size) return { bytes: size, littleEndian };
  return undefined;
}

export function parseNiftiHeader(bytes: Uint8Array, littleEndian: boolean, name: string): NiftiHeader {
  const fail: Fail = failOf(name);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields = fieldsOf(view, littleEndian);
  const magic = String.fromCharCode(...bytes.subarray(fields.magic, fields.magic + 3));
  if (magic === "ni1" || magic === "ni2")
    fail("is a NIfTI header without its voxels: convert the pair to one .nii file");
  if (magic !== "n+1" && magic !== "n+2") fail("is not a NIfTI file: its header lacks the magic word");

  const rank = fields.dim(0);
  if (!(rank >= 1 && rank <= 7)) fail(`is not a NIfTI file: it says it has ${rank} dimensions`);
  const oddities: string[] = [];
  const said = [1, 2, 3, 4, 5, 6, 7].slice(0, rank).map(fields.dim);
  // Some write 0 where there is no further dimension.
  const isUnset = (n: number, i: number): boolean => i >= 3 && n === 0;
  if (said.some(isUnset)) oddities.push(`says that its sizes are ${said.join(" × ")}: zeros are read as 1`);
  const sizes = Array.from({ length: 7 }, (_, i) => (i >= rank || isUnset(said[i]!, i) ? 1 : said[i]!));
  if (!sizes.every((n) => Number.isSafeInteger(n) && n >= 1))
    fail(`is damaged: its sizes are ${said.join(" × ")}`);
  const size = (i: number): number => sizes[i - 1]!;
  const shape: Vec3 = [size(3), size(2), size(1)];

  const components = COLOURS[fields.datatype] ?? 1;
  const type = components > 1 ? "uint8" : dtypeBy("nifti", fields.datatype);
  if (!type)
    fail(
      `holds ${UNREAD[fields.datatype] ?? `voxels of NIfTI type ${fields.datatype}, which there is not`}`,
      "E_UNSUPPORTED",
    );
  const { offset } = fields;
  if (!(offset >= bytes.length && offset <= MAX_OFFSET && Number.isInteger(offset)))
    fail(
      `is damaged: it says that its voxels begin at byte ${offset}; if they follow the header, vox_offset should be ${bytes.length + 4}`,
    );
  // A slope of 0 means that nothing is scaled.
  const scaled = Number.isFinite(fields.slope) && fields.slope !== 0;
  if (scaled && !Number.isFinite(fields.inter))
    oddities.push(`has an intercept that is no number (scl_inter ${fields.inter}): 0 is taken`);
  return {
    littleEndian,
    type,
    components,
    grid: gridFromRas(shape, affineOf(fields, shape, oddities)),
    channels: size(4) * size(5) * size(6) * size(7),
    offset,
    slope: scaled ? fields.slope : 1,
    inter: scaled && Number.isFinite(fields.inter) ? fields.inter : 0,
    oddities,
  };
}

type Rows = readonly (readonly number[])[];

/** The sform if there is one, else the qform, else spacing alone: the order that nibabel keeps. */
function affineOf(fields: Fields, shape: Vec3, oddities: string[]): Rows {
  const candidates = [
    { name: SFORM, rows: fields.sformCode > 0 ? sformOf(fields) : undefined },
    { name: QFORM, rows: fields.qformCode > 0 ? qformOf(fields) : undefined },
    { name: "spacing, with the origin in the middle", rows: centredOn(fields, shape) },
  ].flatMap(({ name, rows }) => (rows ? [{ name, rows: inMillimetres(rows, fields.units) }] : []));
  const chosen = candidates.find(({ rows }) => isInvertible(rows)) ?? {
    name: "spacing of 1 mm, with the origin in the middle",
    rows: centred([1, 1, 1], shape),
  };
  const [first] = candidates;
  if (chosen !== first)
    oddities.push(
      `has a broken orientation (${first!.name} ${numbersIn(first!.rows)}): its ${chosen.name} is taken`,
    );
  const quaternion = [0, 1, 2].map(fields.qform);
  if (chosen.name === QFORM && Math.hypot(...quaternion) > 1 + QUATERNION_EXCESS)
    oddities.push(
      `has a quaternion that is longer than 1 (${quaternion.join(", ")}): its direction alone is taken`,
    );
  const unset = [1, 2, 3]
    .slice(0, fields.dim(0))
    .map(fields.pixdim)
    .filter((mm) => !(Math.abs(mm) > 0 && Number.isFinite(mm)));
  if (chosen.name !== SFORM && unset.length > 0)
    oddities.push(`has spacing ${unset.join(", ")} along ${unset.length} of its axes: 1 is taken`);
  return chosen.rows;
}

const SFORM = "sform";
const QFORM = "qform";
/** More than rounding makes of a unit quaternion. */
const QUATERNION_EXCESS = 1e-3;

/** Millimetres per unit of length. */
const MILLIMETRES: Readonly<Record<number, number>> = { 1: 1000, 2: 1, 3: 0.001 };

const inMillimetres = (rows: Rows, units: number): Rows =>
  rows.map((row) => row.map((x) => x * (MILLIMETRES[units & 7] ?? 1)));

const numbersIn = (rows: Rows): string =>
  rows.map((row) => row.map((x) => +x.toPrecision(4)).join(" ")).join("; ");

const sformOf = (fields: Fields): Rows =>
  [0, 1, 2].map((row) => [0, 1, 2, 3].map((column) => fields.sform(row, column)));

/** Spacings along i, j, k; absent ones are 1. */
const zoomsOf = (fields: Fields): Vec3 => {
  const zoom = (i: number): number => (Number.isFinite(fields.pixdim(i)) && Math.abs(fields.pixdim(i))) || 1;
  return [zoom(1), zoom(2), zoom(3)];
};

/** As nibabel: three units in the last place of 1 in float32. */
const QUATERNION_ROUNDING = 3 * 2 ** -23;

/** R(quaternion) · diag(spacing), where k is flipped if pixdim[0] < 0. */
function qformOf(fields: Fields): Rows {
  const stored = [fields.qform(0), fields.qform(1), fields.qform(2)] as const;
  const rest = 1 - dot(stored, stored);
  // Half turns have a = 0, which float32 blurs: sqrt would make 3e-4 of its last bit.
  const a = rest < QUATERNION_ROUNDING ? 0 : Math.sqrt(rest);
  const [b, c, d] = scale(stored, a === 0 ? 1 / norm(stored) : 1);
  const [x, y, z] = zoomsOf(fields);
  const flip = fields.pixdim(0) < 0 ? -1 : 1;
  const rotation = [
    [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
    [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
    [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
  ];
  return rotation.map(([i, j, k], row) => [i! * x, j! * y, k! * z * flip, fields.qform(3 + row)]);
}

/** No affine at all: the origin is in the middle, i runs to the left (nibabel's reading of old files). */
const centredOn = (fields: Fields, shape: Vec3): Rows => centred(zoomsOf(fields), shape);

function centred([x, y, z]: Vec3, [depth, height, width]: Vec3): Rows {
  return [
    [-x, 0, 0, ((width - 1) / 2) * x],
    [0, y, 0, (-(height - 1) / 2) * y],
    [0, 0, z, (-(depth - 1) / 2) * z],
  ];
}

/** Millimetres from voxel to voxel below which numbers are no lengths, but what an unset field holds. */
const SHORTEST = 1e-9;

function isInvertible(rows: Rows): boolean {
  if (!rows.every((row) => row.every(Number.isFinite))) return false;
  const column = (i: number): Vec3 => {
    const [x, y, z] = [rows[0]![i]!, rows[1]![i]!, rows[2]![i]!];
    const length = Math.hypot(x, y, z);
    if (!(length > SHORTEST && length < 1 / SHORTEST)) return [0, 0, 0];
    return [x / length, y / length, z / length];
  };
  return Math.abs(determinant([column(0), column(1), column(2)])) > MIN_DETERMINANT;
}

/** The header of a NIfTI-1 file, padded to where its voxels begin (352). */
export function makeNiftiHeader(volume: Volume): Uint8Array<ArrayBuffer> {
  const { shape, spacing, channels, data } = volume;
  const sizes = [shape[2], shape[1], shape[0], channels];
  const largest = Math.max(...sizes);
  if (largest > MAX_NIFTI1_SIZE)
    throw inputError(`NIfTI-1 holds at most ${MAX_NIFTI1_SIZE} voxels along an axis, not ${largest}.`, {
      code: "E_LIMIT",
    });
  const view = new DataView(new ArrayBuffer(352));
  view.setInt32(0, NIFTI1_BYTES, true);
  view.setInt16(40, channels > 1 ? 4 : 3, true);
  [...sizes, 1, 1, 1].forEach((size, i) => view.setInt16(42 + 2 * i, size, true));
  view.setInt16(70, DTYPES[voxelTypeOf(data)].nifti, true);
  view.setInt16(72, 8 * data.BYTES_PER_ELEMENT, true);
  view.setFloat32(108, 352, true);
  view.setFloat32(112, 1, true); // scl_slope
  view.setUint8(123, 2); // millimetres

  const rows = rasAffine(volume);
  const { quaternion, flip } = quaternionOf(rows, [spacing[2], spacing[1], spacing[0]]);
  [flip, spacing[2], spacing[1], spacing[0], 1, 1, 1, 1].forEach((x, i) =>
    view.setFloat32(76 + 4 * i, x, true),
  );
  // A qform cannot hold shear: those volumes have only the sform.
  view.setInt16(252, quaternion ? 1 : 0, true);
  view.setInt16(254, 1, true);
  quaternion?.forEach((x, i) => view.setFloat32(256 + 4 * i, x, true));
  rows.forEach((row, r) => {
    view.setFloat32(268 + 4 * r, row[3]!, true);
    row.forEach((x, c) => view.setFloat32(280 + 16 * r + 4 * c, x, true));
  });
  new TextEncoder().encodeInto("n+1", new Uint8Array(view.buffer, 344));
  return new Uint8Array(view.buffer);
}

const MAX_NIFTI1_SIZE = 32767;

/** Cosines between axes above this are shear, not rounding. */
const ORTHOGONAL = 1e-4;

/** The rotation as quaternion (b, c, d), k flipped first where the axes are left-handed. */
function quaternionOf(rows: Rows, zooms: Vec3): { quaternion?: Vec3; flip: 1 | -1 } {
  const axis = (i: 0 | 1 | 2): Vec3 => map3([0, 1, 2], (row) => rows[row]![i]! / zooms[i]);
  const [i, j, k] = [axis(0), axis(1), axis(2)];
  const flip = determinant([i, j, k]) < 0 ? -1 : 1;
  if (Math.max(Math.abs(dot(i, j)), Math.abs(dot(j, k)), Math.abs(dot(i, k))) > ORTHOGONAL) return { flip };
  const r = [0, 1, 2].map((row) => [i[row]!, j[row]!, k[row]! * flip]);
  const [xx, yy, zz] = [r[0]![0]!, r[1]![1]!, r[2]![2]!];
  // 4q² of a, b, c, d; divide by the largest, for the others may vanish.
  const squares = [1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz];
  const [bc, bd, cd] = [r[1]![0]! + r[0]![1]!, r[2]![0]! + r[0]![2]!, r[2]![1]! + r[1]![2]!];
  const [ab, ac, ad] = [r[2]![1]! - r[1]![2]!, r[0]![2]! - r[2]![0]!, r[1]![0]! - r[0]![1]!];
  const largest = squares.indexOf(Math.max(...squares));
  const products: Vec3[] = [
    [ab, ac, ad],
    [squares[1]!, bc, bd],
    [bc, squares[2]!, cd],
    [bd, cd, squares[3]!],
  ];
  const factor = 0.5 / Math.sqrt(squares[largest]!);
  // a is stored by its absence, hence never negative.
  const a = largest === 0 ? 1 : [ab, ac, ad][largest - 1]!;
  const sign = a < 0 ? -1 : 1;
  const [b, c, d] = products[largest]!;
  return { quaternion: [b * factor * sign, c * factor * sign, d * factor * sign], flip };
}
