/** @file What is made once and kept in memory while there is room, such as scans that were read and prepared. */

/** Room for some ten CTs, or a hundred MRs. */
export const CACHE_BYTES = 2 ** 31;

/** Things by their number, made when they are first asked for. */
export class Kept<T> {
  readonly #make: (index: number) => Promise<T>;
  readonly #bytesOf: (made: T) => number;
  readonly #limit: number;
  /** The longest unused comes first. What is being made has no bytes yet. */
  readonly #held = new Map<number, { readonly loading: Promise<T>; bytes: number }>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(make: (index: number) => Promise<T>, bytesOf: (made: T) => number, limit = CACHE_BYTES) {
    this.#make = make;
    this.#bytesOf = bytesOf;
    this.#limit = limit;
  }

  load(index: number): Promise<T> {
    const held = this.#held.get(index);
    if (held) {
      this.#held.delete(index);
      this.#held.set(index, held);
      return held.loading;
    }
    // One after the other: many at once would take no less time, but all their memory.
    const loading = this.#queue.then(() => this.#make(index));
    this.#held.set(index, { loading, bytes: 0 });
    this.#queue = loading.then(
      (made) => this.#keep(index, made),
      () => this.#held.delete(index),
    );
    return loading;
  }

  /** Lets go of the longest unused until the rest fits; what has just been made stays. */
  #keep(latest: number, made: T): void {
    this.#held.get(latest)!.bytes = this.#bytesOf(made);
    let bytes = 0;
    for (const entry of this.#held.values()) bytes += entry.bytes;
    for (const [index, entry] of this.#held) {
      if (bytes <= this.#limit) break;
      if (index === latest || entry.bytes === 0) continue;
      bytes -= entry.bytes;
      this.#held.delete(index);
    }
  }
}
