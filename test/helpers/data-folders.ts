/** @file Small data sets on disk, written with our own writer. */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Volume, plainGrid, withData, writeVolume } from "../../src/volume/index.ts";
import type { Vec3 } from "../../src/volume/vec3.ts";
import { VOXEL_TYPES, type VoxelType } from "../../src/volume/volume.ts";
import { temporaryFolder } from "./volumes.ts";

/** A volume whose voxels are a function of their place. */
export function volumeOf(
  shape: Vec3,
  value: (d: number, h: number, w: number) => number,
  type: VoxelType = "uint8",
): Volume {
  const [depth, height, width] = shape;
  const data = new VOXEL_TYPES[type](depth * height * width);
  for (let i = 0; i < data.length; i++)
    data[i] = value(Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width);
  return withData(plainGrid(shape), data);
}

/** A folder, by default one of the test's own, with these files: volumes, text, or what becomes JSON. */
export async function folderOf(
  files: Readonly<Record<string, unknown>>,
  root = temporaryFolder(),
): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (/\.(nii|nii\.gz|npy)$/.test(name) && typeof content === "object")
      await writeVolume(content as Volume, path);
    else writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  }
  return root;
}
