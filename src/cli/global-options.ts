/** @file Options that every command understands. */

/** Options that every command understands. */
export interface GlobalOptions {
  readonly quiet?: boolean;
}
