/**
 * @file Volumes from NRRD (.nrrd, .nhdr), and to it: attached and raw.
 *
 * @see https://teem.sourceforge.net/nrrd/format.html
 */

import type { ByteSource } from "../base/byte-source.ts";
import { volumeOfAxes } from "./axes.ts";
import { parseNrrd } from "./nrrd-header.ts";
import { headOf, pathBeside, readRaw } from "./raw-voxels.ts";
import { bytesOf } from "../graph/tensor.ts";
import { stepsOf } from "./geometry.ts";
import type { Vec3 } from "./vec3.ts";
import { type Volume, voxelTypeOf } from "./volume.ts";

/** Reads a NRRD file, its voxels in the same file or in others. Components of a voxel and time become channels. */
export async function readNrrd(source: ByteSource, onWarning: (sentence: string) => void): Promise<Volume> {
  const { voxels, axes, units } = parseNrrd(await headOf(source), source.name);
  if (units.length > 0)
    onWarning(
      `"${source.name}" says that its lengths are in ${units.join(", ")}: they are read as mm, as ITK does.`,
    );
  return volumeOfAxes(await readRaw(voxels, source), axes, source.name);
}

/** The files that hold the voxels of a NRRD file, other than itself. */
export const nrrdFiles = async (source: ByteSource): Promise<readonly string[]> =>
  Promise.all(
    parseNrrd(await headOf(source), source.name).voxels.files.map((file) => pathBeside(source, file)),
  );

/**
 * A volume as the parts of a NRRD file: header, voxels. Channels become a list
 * axis, the slowest. The parts share the volume's memory; `new Blob(parts)` takes them.
 */
export function encodeNrrd(volume: Volume): Uint8Array<ArrayBuffer>[] {
  const { shape, channels, origin, data } = volume;
  const [d, h, w] = stepsOf(volume);
  const several = channels > 1;
  const vector = (v: Vec3): string => `(${v.join(",")})`;
  const type = voxelTypeOf(data);
  const header = [
    "NRRD0004",
    `type: ${type === "float32" ? "float" : type}`,
    `dimension: ${several ? 4 : 3}`,
    "space: left-posterior-superior",
    `sizes: ${shape[2]} ${shape[1]} ${shape[0]}${several ? ` ${channels}` : ""}`,
    `space directions: ${vector(w)} ${vector(h)} ${vector(d)}${several ? " none" : ""}`,
    `kinds: domain domain domain${several ? " list" : ""}`,
    "endian: little",
    "encoding: raw",
    `space origin: ${vector(origin)}`,
  ];
  return [new TextEncoder().encode(`${header.join("\n")}\n\n`), bytesOf(data)];
}
