/** @file Volumes from and to NIfTI (.nii, .nii.gz), streamed: voxels are held once. */

import { DTYPES } from "../base/dtypes.ts";
import { formatError } from "../base/errors.ts";
import { type NiftiHeader, makeNiftiHeader, niftiVersion, parseNiftiHeader } from "./nifti-header.ts";
import type { ByteSource } from "../base/byte-source.ts";
import { bytesOf } from "../graph/tensor.ts";
import { ByteReader } from "./gzip-reader.ts";
import { allocate } from "../base/memory.ts";
import { type Grid, type Volume, voxelCount, withData } from "./volume.ts";
import { type FileNumbers, rescale, separate, voxelsOf } from "./voxels.ts";
import { swapBytes } from "../base/bytes.ts";

/**
 * Reads a NIfTI-1 or NIfTI-2 file, plain or gzipped, scaled by its slope and
 * intercept (then float32). Dimensions beyond the third become channels.
 */
export async function readNifti(source: ByteSource, onWarning: (sentence: string) => void): Promise<Volume> {
  const reader = await ByteReader.open(source);
  try {
    const { header, bytes: read } = await readHeader(reader);
    const { components } = header;
    for (const oddity of header.oddities) onWarning(`"${source.name}" ${oddity}.`);
    const length = voxelCount(header.grid) * header.channels * components;
    const Numbers = DTYPES[header.type].array;
    const size = length * Numbers.BYTES_PER_ELEMENT;
    const skipped = header.offset - read;
    if (skipped + size > reader.available)
      throw formatError(
        `"${source.name}" is truncated: its header promises ${size} bytes of voxels, more than the file can hold.`,
      );
    await reader.skip(skipped);
    const numbers: FileNumbers = allocate(() => new Numbers(length), size);
    await reader.readInto(new Uint8Array(numbers.buffer));
    const tail = await reader.checkEnd();
    if (tail > 0)
      onWarning(
        `"${source.name}" has ${tail} bytes behind its end that are not part of the scan: they are ignored.`,
      );
    if (!header.littleEndian) swapBytes(new Uint8Array(numbers.buffer), numbers.BYTES_PER_ELEMENT);

    const separated = separate(numbers, components);
    const { slope, inter } = header;
    const data =
      slope === 1 && inter === 0 ? voxelsOf(separated, source.name) : rescale(separated, slope, inter);
    return withData(header.grid, data, header.channels * components);
  } finally {
    await reader.close();
  }
}

/** Where the voxels of a NIfTI file lie, by its header alone. */
export const readNiftiGrid = async (source: ByteSource): Promise<Grid> => (await headerOf(source)).grid;

/** How many channels a NIfTI file has, likewise. */
export const readNiftiChannels = async (source: ByteSource): Promise<number> =>
  (await headerOf(source)).channels;

async function headerOf(source: ByteSource): Promise<NiftiHeader> {
  const reader = await ByteReader.open(source);
  try {
    return (await readHeader(reader)).header;
  } finally {
    await reader.close();
  }
}

/** The header, and how many bytes it took. */
async function readHeader(reader: ByteReader): Promise<{ header: NiftiHeader; bytes: number }> {
  const start = new Uint8Array(4);
  await reader.readInto(start);
  const version = niftiVersion(start);
  if (!version) throw formatError(`"${reader.name}" is not a NIfTI file.`);
  const bytes = new Uint8Array(version.bytes);
  bytes.set(start);
  await reader.readInto(bytes.subarray(4));
  return { header: parseNiftiHeader(bytes, version.littleEndian, reader.name), bytes: bytes.length };
}

/**
 * A volume as the parts of a NIfTI-1 file: header, voxels. Channels become the
 * fourth dimension. The parts share the volume's memory; `new Blob(parts)` takes them.
 *
 * @throws {@link AcsconvError} `input` if an axis is longer than NIfTI-1 allows
 */
export const encodeNifti = (volume: Volume): Uint8Array<ArrayBuffer>[] => [
  makeNiftiHeader(volume),
  bytesOf(volume.data),
];
