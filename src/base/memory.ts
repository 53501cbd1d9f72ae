/** @file Taking memory for what files hold: where it is too small, a sentence says so. */

import { builtin } from "./files.ts";
import { ioError } from "./errors.ts";

/** Less than this is not worth asking the system. */
const ASK_FROM = 2 ** 28;

/** All the memory that this process could ever have; in browsers nobody says. */
function memoryOfMachine(): number {
  if (typeof globalThis.process?.versions?.node !== "string") return Infinity;
  const all = builtin("node:os").totalmem();
  // Of a container; 0, or more than there is, where nothing is constrained.
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(all, constrained) : all;
}

/**
 * Runs `make`, which allocates `bytes`. More than the machine has is not tried: the system would promise it, and end the
 * process when it is used.
 *
 * @throws {@link AcsconvError} `io` where memory is too small
 */
export function allocate<T>(make: () => T, bytes: number, what = "A volume"): T {
  const tooLarge = (cause?: unknown): never => {
    const gigabytes = (bytes / 2 ** 30).toFixed(1);
    throw ioError(`${what} of ${gigabytes} GiB does not fit into memory: use a smaller one.`, {
      cause,
      code: "E_MEMORY",
    });
  };
  if (bytes > ASK_FROM && bytes > memoryOfMachine()) tooLarge();
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    return tooLarge(cause);
  }
}
