/**
 * @file Views of storages as tensors of their own: in place where elements follow each other, brought
 * into row-major order where they do not.
 */

import { byteLength, DTYPES, elementCount, type Tensor } from "../../graph/tensor.ts";
import { gatherBytes, swapBytes } from "../../base/bytes.ts";
import type { Budget, Fail } from "../foreign.ts";
import { encoded, lengthOf, type Storage, type TensorView } from "./values.ts";

/** The block of elements with a storage's key. */
export type Block = (storage: Storage) => Uint8Array;

/** The tensor that a view is. Elements are the file's own where they can be. */
export function tensorOfView(view: TensorView, block: Block, budget: Budget, fail: Fail): Tensor {
  const { dtype, dims, offset, bigEndian } = view;
  const width = DTYPES[dtype].bits / 8;
  const bytes = dims.includes(0) ? 0 : byteLength(dtype, dims);
  const from = offset * width;
  const source = bytes === 0 ? new Uint8Array() : elementsOf(view.storage, block, budget, fail);
  if (!bigEndian && isRowMajor(view)) return { dtype, dims, bytes: source.subarray(from, from + bytes) };
  budget.take(bytes);
  const ordered = isRowMajor(view) ? source.slice(from, from + bytes) : gatherBytes(source, view, width);
  if (bigEndian && width > 1) swapBytes(ordered, dtype.startsWith("complex") ? width / 2 : width);
  return { dtype, dims, bytes: ordered };
}

/** A storage's bytes, all of which are there: views were checked against its count. */
function elementsOf(storage: Storage, block: Block, budget: Budget, fail: Fail): Uint8Array {
  if (storage.bytes) {
    if (!(storage.bytes instanceof Uint8Array)) budget.take(lengthOf(storage.bytes));
    return encoded(storage.bytes);
  }
  const all = block(storage);
  const width = DTYPES[storage.dtype].bits / 8;
  const start = storage.start * width;
  if (start + storage.byteLength > all.length)
    fail(
      `is damaged: its storage ${JSON.stringify(storage.key)} has ${all.length} bytes, where ${storage.start + storage.count} elements of ${storage.dtype} should be`,
    );
  return all.subarray(start, start + storage.byteLength);
}

/** Whether elements follow each other; strides along axes of size 1 mean nothing. */
function isRowMajor({ dims, strides }: TensorView): boolean {
  if (dims.includes(0)) return true;
  return dims.every((size, axis) => size === 1 || strides[axis] === elementCount(dims.slice(axis + 1)));
}
