/** @file What lifting finds out on the way and must know from the start: the walk is taken again with it. */

export interface Decisions {
  /** Why the network works at its exported height and width only. */
  readonly pinned?: string;
  /** Why pools must shrink depth exactly as 2.5d convolutions do: by their stride alone. */
  readonly strideOnlyPools?: string;
}

/** Ends a walk that found one out. */
export class Restart extends Error {
  readonly change: Decisions & { readonly outputs?: readonly string[] };
  constructor(change: Restart["change"]) {
    super("restart");
    this.change = change;
  }
}
