/**
 * @file Weights in HDF5 files, as Keras and h5py write them. In Node only: the HDF5 library, in WebAssembly, runs in a
 * thread of its own for each file, which can be ended if a broken file makes it run for ever. It is loaded there, and
 * nowhere else.
 *
 * Tensors are contiguous, or in blocks (compressed with gzip or not), of floating-point numbers of 16, 32 and 64 bits,
 * integers and booleans. Other data sets are named in the metadata. Links inside the file are followed.
 *
 * @see https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
 */

import { AcsconvError, messageOf } from "../base/errors.ts";
import type { DType, Tensor } from "../graph/tensor.ts";
import { Thread } from "../base/thread.ts";
import type { Budget, Contents, Fail } from "./foreign.ts";
import { tensorNames } from "./keras.ts";

export interface Dataset {
  readonly path: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** What the thread finds. Paths begin with "/". */
export interface Content {
  readonly datasets: Dataset[];
  /** Groups that hold the weights of one of Keras's layers. */
  readonly layers: string[];
  /** Attributes of the file and its outermost groups that are a text. */
  readonly texts: { readonly path: string; readonly name: string; readonly value: string }[];
  /** Objects that are no tensors. */
  readonly others: { readonly path: string; readonly what: string }[];
}

export interface Request {
  readonly bytes: Uint8Array;
  /** That may be allocated for all tensors. */
  readonly mostBytes: number;
}

export type Answer =
  | { readonly content: Content }
  /** What follows the file's name in a sentence. */
  | { readonly refused: string }
  /** Bytes that would have been too many. */
  | { readonly exceeded: number };

/** For any file, and for each of its megabytes, compressed ones included; what takes longer will not end. */
const PATIENCE_MS = 15_000;
const PATIENCE_PER_MB_MS = 1000;

/**
 * The tensors of an HDF5 file. Those that Keras wrote are named by layer, `conv1.kernel`; others by path, with dots.
 * Axes are as in the file.
 */
export async function readHdf5(bytes: Uint8Array, budget: Budget, fail: Fail): Promise<Contents> {
  if (!globalThis.process?.getBuiltinModule)
    fail(
      "is an HDF5 file, which is read in Node only: load it into a network there, and save that as ONNX",
      "E_UNSUPPORTED",
    );
  const answer = await ask({ bytes, mostBytes: budget.left }, fail);
  if ("refused" in answer) return fail(answer.refused);
  if ("exceeded" in answer) {
    budget.take(answer.exceeded);
    return fail("would expand to more than files of weights do");
  }
  const { datasets, layers, texts, others } = answer.content;
  const paths = datasets.map(({ path }) => path);
  const names = tensorNames(paths, layers);
  const tensors = new Map<string, Tensor>();
  for (const { path, dtype, dims, bytes: elements } of datasets) {
    budget.take(elements.length);
    tensors.set(names.get(path)!, { dtype, dims, bytes: elements });
  }
  const metadata = new Map([
    ...texts.map(({ name, value }) => [name, value] as const),
    ...others.map(({ path, what }) => [path, `not read: ${what}`] as const),
  ]);
  return { tensors, metadata };
}

async function ask(request: Request, fail: Fail): Promise<Answer> {
  const thread = new Thread(new URL("./hdf5-worker.js", import.meta.url), "reads HDF5 files");
  const patience = PATIENCE_MS + (PATIENCE_PER_MB_MS * request.bytes.length) / 2 ** 20;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void thread.stop();
  }, patience);
  try {
    return await thread.ask<Answer>(request);
  } catch (error) {
    if (!(error instanceof AcsconvError)) throw error;
    return fail(
      isLate
        ? `is damaged: reading it did not end within ${Math.round(patience / 1000)} seconds`
        : `cannot be read as HDF5 (${messageOf(error).replace(/\.$/, "")})`,
    );
  } finally {
    clearTimeout(timer);
    await thread.stop();
  }
}
