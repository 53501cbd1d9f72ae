/** @file The arrays of the fixtures' .npz files as feeds, in Node and in browsers. */

import type { RunTensor } from "../../src/run/tensor.ts";
import { readNpz as readTensors } from "../../src/formats/npz.ts";
import { feedOf } from "./compare.ts";

/** Arrays by name; `undefined` for a name the file does not hold. */
export function readNpz(bytes: Uint8Array): Partial<Record<string, RunTensor<"float32">>> {
  return Object.fromEntries([...readTensors(bytes)].map(([name, tensor]) => [name, feedOf(tensor)]));
}
