/** @file NumPy's archives (.npz): named tensors in a zip file. */

import { Zip, ZipPassThrough, unzipSync } from "fflate";
import { AcsconvError, messageOf } from "../base/errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { encodeNpy, readNpy } from "./npy.ts";

/** More arrays than any state dict has. */
const MAX_ARRAYS = 100_000;
/** The most an archive may expand to: a small file of zeros would otherwise fill the memory. */
const MAX_EXPANDED_BYTES = 16 * 2 ** 30;
/** Beyond this, zip archives need extensions that fflate does not write. */
const MAX_WRITTEN_BYTES = 2 ** 32 - 2 ** 20;

/**
 * The arrays of a .npz file by name.
 *
 * @throws {@link AcsconvError} `format`
 */
export function readNpz(bytes: Uint8Array, name = "the archive"): Map<string, Tensor> {
  let arrays = 0;
  let expanded = 0;
  const entries = (() => {
    try {
      return unzipSync(bytes, {
        filter: (file) => {
          arrays++;
          expanded += file.originalSize;
          if (arrays > MAX_ARRAYS || expanded > MAX_EXPANDED_BYTES)
            throw new Error(`it claims ${arrays} arrays and ${expanded} bytes or more`);
          return file.name.endsWith(".npy");
        },
      });
    } catch (cause) {
      throw new AcsconvError("format", `"${name}" is not a readable .npz archive: ${messageOf(cause)}.`, {
        cause,
      });
    }
  })();
  const tensors = new Map<string, Tensor>();
  for (const [file, content] of Object.entries(entries))
    tensors.set(file.slice(0, -".npy".length), readNpy(content, `${name}:${file}`));
  return tensors;
}

/**
 * The parts of a .npz file, stored without compression as `numpy.savez` does; tensors are not copied.
 *
 * @throws {@link AcsconvError} `input` from 4 GiB on
 */
export function encodeNpz(tensors: ReadonlyMap<string, Tensor>): Uint8Array[] {
  const size = [...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
  if (size > MAX_WRITTEN_BYTES)
    throw new AcsconvError(
      "input",
      `A .npz archive holds less than 4 GiB, not ${size} bytes: write NIfTI or NRRD.`,
    );
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
