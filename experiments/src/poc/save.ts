/**
 * @file The synthetic data as files, laid out as the authors' generators lay
 * them out, for other software:
 *
 *   shape_<i>.npz   shape [48, 48] float32, segs [3, 48, 48] uint8
 *   voxel_<i>.npz   voxel [48, 48, 48] float32, segs [6, 48, 48, 48] uint8
 *
 * `segs` is one-hot; the background is the last class.
 */

import { join } from "node:path";
import { floatTensor, tensorOf } from "acsconv/graph";
import { encodeNpz } from "acsconv/volume";
import { makeFolder, writeWhole } from "../files.ts";
import type { Samples } from "./data.ts";
import { CANVAS, CLASSES_2D, CLASSES_3D, type Sample } from "./shapes.ts";

/** How to watch {@link saveSamples}, and how to end it. */
export interface SaveOptions {
  readonly signal?: AbortSignal;
  /** Files that are written, of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Writes the samples 0 … count − 1 into a folder, which is made where there is none. Files of the same names are
 * replaced.
 *
 * @throws {@link AcsconvError} `io` if one cannot be written; the signal's reason, after whole files
 */
export async function saveSamples(
  samples: Samples,
  count: number,
  dimensions: 2 | 3,
  folder: string,
  { signal, onProgress }: SaveOptions = {},
): Promise<void> {
  makeFolder(folder);
  const kind = dimensions === 2 ? "shape" : "voxel";
  for (let i = 0; i < count; i++) {
    // Lets a signal come through.
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    writeWhole(join(folder, `${kind}_${i}.npz`), ...encodeSample(samples(i), dimensions, kind));
    onProgress?.(i + 1, count);
  }
}

function encodeSample({ image, labels }: Sample, dimensions: 2 | 3, kind: string): Uint8Array[] {
  const classes = (dimensions === 2 ? CLASSES_2D : CLASSES_3D).length;
  const dims = Array.from({ length: dimensions }, () => CANVAS);
  const segs = new Uint8Array(classes * labels.length);
  for (let i = 0; i < labels.length; i++) segs[labels[i]! * labels.length + i] = 1;
  return encodeNpz(
    new Map([
      [kind, floatTensor(dims, image)],
      ["segs", tensorOf("uint8", [classes, ...dims], segs)],
    ]),
  );
}
