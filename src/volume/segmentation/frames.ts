/**
 * @file The frames of a binary segmentation: one for each segment and slice that has voxels of it, a bit for each
 * pixel, the lowest bit of a byte first, without gaps between rows and frames.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part05/sect_8.2.html
 */

import { inputError } from "../../base/errors.ts";
import { allocate } from "../../base/memory.ts";
import type { Volume } from "../volume.ts";
import type { Matched } from "./match.ts";

/** A plane of one segment. */
export interface Frame {
  /** From 0 on, as are slices. */
  readonly segment: number;
  readonly slice: number;
}

/** Frames in the order of segments, then of slices, and their bits. */
export interface Frames {
  readonly frames: readonly Frame[];
  readonly bits: Uint8Array<ArrayBuffer>;
}

/** What a data element can hold. */
const MAX_BYTES = 2 ** 32 - 2;

/**
 * @param labels - one channel of labels, or a mask in each channel
 * @param values - the label of each segment; of masks not used
 */
export function packFrames(labels: Volume, matched: Matched, values: readonly number[]): Frames {
  const { rows, columns, slices } = matched;
  const count = labels.channels > 1 ? labels.channels : values.length;
  const frameOf = new Int32Array(count * slices.length);
  eachVoxel(labels, matched, values, (segment, slice) => void (frameOf[segment * slices.length + slice] = 1));
  const frames: Frame[] = [];
  frameOf.forEach((isThere, i) => {
    if (isThere === 0) return;
    frameOf[i] = frames.length;
    frames.push({ segment: Math.floor(i / slices.length), slice: i % slices.length });
  });
  // An image has a frame; where nothing was found it is empty.
  if (frames.length === 0) frames.push({ segment: 0, slice: 0 });

  const size = rows * columns;
  const bytes = 2 * Math.ceil((frames.length * size) / 16);
  if (bytes > MAX_BYTES)
    throw inputError(`${frames.length} frames of ${rows} × ${columns} pixels do not fit into a DICOM file.`, {
      code: "E_LIMIT",
    });
  const bits = allocate(() => new Uint8Array(bytes), bytes);
  eachVoxel(labels, matched, values, (segment, slice, pixel) => {
    const bit = frameOf[segment * slices.length + slice]! * size + pixel;
    bits[Math.floor(bit / 8)]! |= 1 << (bit % 8);
  });
  return { frames, bits };
}

function eachVoxel(
  { data, channels }: Volume,
  { rows, columns, slices, start, strides }: Matched,
  values: readonly number[],
  visit: (segment: number, slice: number, pixel: number) => void,
): void {
  const segmentOf = new Map(values.map((value, segment) => [value, segment]));
  const length = data.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    for (let slice = 0; slice < slices.length; slice++) {
      for (let i = 0; i < rows; i++) {
        let at = channel * length + start + slice * strides.slice + i * strides.row;
        for (let j = 0; j < columns; j++, at += strides.column) {
          const value = data[at]!;
          if (value === 0) continue;
          const segment = channels > 1 ? channel : segmentOf.get(value);
          if (segment === undefined) throw unnamed(value, data, values);
          visit(segment, slice, i * columns + j);
        }
      }
    }
  }
}

function unnamed(value: number, data: Volume["data"], values: readonly number[]): Error {
  let count = 0;
  for (const other of data) if (Object.is(other, value)) count++;
  return inputError(
    `The volume has the label ${value} in ${count === 1 ? "one voxel" : `${count} voxels`}, but the segments are ${values.join(", ")} (0 is the background): name it among the segments.`,
  );
}
