/**
 * @file Reads the float32 arrays of the fixtures' .npz files, in Node and in browsers.
 *
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

import { unzipSync } from "fflate";
import type { RunTensor } from "../../src/run/tensor.ts";

/** Arrays by name; `undefined` for a name the file does not hold. */
export function readNpz(bytes: Uint8Array): Partial<Record<string, RunTensor<"float32">>> {
  const files = Object.entries(unzipSync(bytes));
  return Object.fromEntries(files.map(([file, npy]) => [file.replace(/\.npy$/, ""), readNpy(npy)]));
}

function readNpy(bytes: Uint8Array): RunTensor<"float32"> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = bytes[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
  const header = new TextDecoder().decode(bytes.subarray(10, start));
  const shape = /'shape': \(([^)]*)\)/.exec(header)?.[1];
  if (!header.includes("'<f4'") || !header.includes("'fortran_order': False") || shape === undefined) {
    throw new Error(`Expected a float32 array in C order, found ${header}.`);
  }
  const dims = shape
    .split(",")
    .filter((part) => part.trim() !== "")
    .map(Number);
  return { dtype: "float32", dims, data: new Float32Array(bytes.slice(start).buffer) };
}
