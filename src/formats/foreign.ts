/**
 * @file What readers of foreign files share: how they refuse a file, and how much they may allocate. Elements are read
 * in place wherever they can be; what has to be unpacked or brought into order is bounded by the size of the file.
 */

import type { ErrorCode } from "../base/error-codes.ts";
import { formatError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import type { Tensor } from "../graph/tensor.ts";

/** What is in a file of weights. */
export interface Contents {
  /** By name; in nested dictionaries by path, as in `state_dict.module.conv1.weight`; Keras's by layer, `conv1.kernel`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** What stands beside the tensors, as texts: the epoch, options of the training … */
  readonly metadata: ReadonlyMap<string, string>;
}

/** Ends reading with a sentence: `"file" <what>.` */
export type Fail = (what: string, code?: ErrorCode) => never;

/** The longest part of a message that a file's content can fill. */
const MAX_SENTENCE = 500;

/** How reading the file of that name ends. */
export const failOf =
  (name: string): Fail =>
  (what, code) => {
    const said = what.length > MAX_SENTENCE ? `${what.slice(0, MAX_SENTENCE)}…` : what;
    throw formatError(printable(`"${name}" ${said}.`), { code });
  };

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** Bytes as text; what is no UTF-8 becomes U+FFFD. */
export const decodeText = (bytes: Uint8Array): string => utf8.decode(bytes);

/** The most that gzip and zip can expand: what claims to hold more is truncated or hostile. */
export const DEFLATE_MAX_RATIO = 1032;

/** Weights shrink to a tenth in an archive if nearly all are zero; more than this is a bomb. */
const EXPANSION = 64;
/** What small files may take. */
const FLOOR_BYTES = 2 ** 20;

/** Bytes that may still be allocated for a file. */
export class Budget {
  readonly #fail: Fail;
  readonly #refusal: string;
  #left: number;

  /** @param why - what makes more than `limit` bytes suspicious */
  constructor(limit: number, fail: Fail, why = "") {
    this.#fail = fail;
    this.#refusal = `would expand to more than ${limit} bytes${why}`;
    this.#left = limit;
  }

  /** @param size - of a file of weights, in bytes */
  static ofWeights(size: number, fail: Fail): Budget {
    return new Budget(EXPANSION * size + FLOOR_BYTES, fail, `, ${EXPANSION} times its size; weights do not`);
  }

  get left(): number {
    return this.#left;
  }

  /** Call before allocating. */
  take(bytes: number): void {
    if (!(bytes <= this.#left)) this.#fail(this.#refusal, "E_UNSAFE");
    this.#left -= bytes;
  }
}
