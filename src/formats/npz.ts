/** @file NumPy's archives (.npz): named tensors in a zip file. */

import { Zip, ZipPassThrough } from "fflate";
import { inputError } from "../base/errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Budget, DEFLATE_MAX_RATIO, failOf } from "./foreign.ts";
import { encodeNpy, readNpy } from "./npy.ts";
import { ZipArchive } from "./zip.ts";

/** The most an archive may expand to: a small file of zeros would otherwise fill the memory. */
const MAX_EXPANDED_BYTES = 16 * 2 ** 30;
/** Beyond this, zip archives need extensions that fflate does not write. */
const MAX_WRITTEN_BYTES = 2 ** 32 - 2 ** 20;

/**
 * The arrays of a .npz file by name. Those that are not compressed share the memory of `bytes`.
 *
 * @throws {@link AcsconvError} `format`
 */
export function readNpz(bytes: Uint8Array, name = "the archive"): Map<string, Tensor> {
  const fail = failOf(name);
  const most = Math.min(MAX_EXPANDED_BYTES, DEFLATE_MAX_RATIO * bytes.length);
  return arraysOf(new ZipArchive(bytes, new Budget(most, fail), fail), name);
}

/** The arrays of an archive by name; its other entries are left alone. */
export function arraysOf(archive: ZipArchive, name: string): Map<string, Tensor> {
  const entries = archive.names.filter((entry) => entry.endsWith(NPY));
  return new Map(
    entries.map((entry) => [entry.slice(0, -NPY.length), readNpy(archive.read(entry)!, `${name}:${entry}`)]),
  );
}

const NPY = ".npy";

/**
 * The parts of a .npz file, stored without compression as `numpy.savez` does; tensors are not copied.
 *
 * @throws {@link AcsconvError} `input` from 4 GiB on
 */
export function encodeNpz(tensors: ReadonlyMap<string, Tensor>): Uint8Array[] {
  const size = [...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
  if (size > MAX_WRITTEN_BYTES)
    throw inputError(`A .npz archive holds less than 4 GiB, not ${size} bytes: write NIfTI or NRRD.`, {
      code: "E_LIMIT",
    });
  const parts: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    parts.push(chunk);
  });
  for (const [name, tensor] of tensors) {
    const file = new ZipPassThrough(`${name}.npy`);
    zip.add(file);
    const [header, elements] = encodeNpy(tensor);
    file.push(header);
    file.push(elements, true);
  }
  zip.end();
  return parts;
}
