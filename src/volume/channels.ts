/** @file Scans of several files, one for each channel, as nnU-Net keeps them: `case_0000.nii.gz`, `case_0001.nii.gz` … */

import { formatError, inputError } from "../base/errors.ts";
import { gridMismatch } from "./grid-mismatch.ts";
import { type ReadOptions, readVolume } from "./read.ts";
import { type Volume, emptyLike, withData } from "./volume.ts";

/**
 * Reads the files of one scan as the channels of one volume, in their order, on the grid of the first.
 *
 * @param inputs - as {@link readVolume} takes them, one at least; each may hold several channels
 * @throws {@link AcsconvError} as {@link readVolume}; `format` where a file's grid differs from the first one's by more
 *   than a hundredth of a voxel (less is a warning)
 *
 * @example
 * const scan = await readChannels(["case_0000.nii.gz", "case_0001.nii.gz"]);
 */
export async function readChannels(
  inputs: readonly (string | File)[],
  options: ReadOptions = {},
): Promise<Volume> {
  if (inputs.length === 0) throw inputError("A scan takes one file at least, and none is given.");
  const { onWarning = (sentence: string) => console.warn(sentence) } = options;
  const volumes: Volume[] = [];
  for (const input of inputs) {
    const volume = await readVolume(input, { ...options, onWarning });
    const [first] = volumes;
    const mismatch = first && gridMismatch([nameOf(inputs[0]!), first], [nameOf(input), volume]);
    if (mismatch && !mismatch.isSlight) throw formatError(mismatch.sentence);
    if (mismatch) onWarning(mismatch.sentence);
    volumes.push(volume);
  }
  return stack(volumes);
}

const nameOf = (input: string | File): string => `"${typeof input === "string" ? input : input.name}"`;

function stack(volumes: readonly Volume[]): Volume {
  const [first] = volumes as [Volume];
  if (volumes.length === 1) return first;
  const isSameType = volumes.every(({ data }) => data.constructor === first.data.constructor);
  const length = volumes.reduce((sum, { data }) => sum + data.length, 0);
  const data = emptyLike(isSameType ? first.data : new Float32Array(), length);
  let at = 0;
  for (const volume of volumes) {
    data.set(volume.data, at);
    at += volume.data.length;
  }
  const channels = volumes.reduce((sum, volume) => sum + volume.channels, 0);
  return withData(first, data, channels);
}
