/**
 * @file What reading foreign files shares: how it ends, and what it may allocate. Elements are read in place
 * wherever they can be; what has to be made (unpacked, brought into order) is bounded by the size of the file.
 */

import type { ErrorCode } from "../base/error-codes.ts";
import { AcsconvError } from "../base/errors.ts";

/** Ends reading with a sentence: `"file" <what>.` */
export type Fail = (what: string, code?: ErrorCode) => never;

/** The longest part of a message that a file's content can fill. */
const MAX_SENTENCE = 500;

/** How reading the file of that name ends. */
export const failOf =
  (name: string): Fail =>
  (what, code) => {
    const said = what.length > MAX_SENTENCE ? `${what.slice(0, MAX_SENTENCE)}…` : what;
    throw new AcsconvError("format", `"${name}" ${said}.`, { code });
  };

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** Bytes as text; what is no UTF-8 becomes U+FFFD. */
export const decodeText = (bytes: Uint8Array): string => utf8.decode(bytes);

/** Weights shrink to a tenth in an archive if nearly all are zero; more than this is a bomb. */
const EXPANSION = 64;
/** What small files may take. */
const FLOOR_BYTES = 2 ** 20;

/** Bytes that may still be allocated for a file. */
export class Budget {
  readonly #fail: Fail;
  readonly #limit: number;
  #left: number;

  /** @param size - of the file, in bytes */
  constructor(size: number, fail: Fail) {
    this.#fail = fail;
    this.#limit = EXPANSION * size + FLOOR_BYTES;
    this.#left = this.#limit;
  }

  get left(): number {
    return this.#left;
  }

  /** Call before allocating. */
  take(bytes: number): void {
    if (!(bytes <= this.#left))
      this.#fail(
        `would expand to more than ${this.#limit} bytes, ${EXPANSION} times its size; weights do not`,
        "E_UNSAFE",
      );
    this.#left -= bytes;
  }
}
