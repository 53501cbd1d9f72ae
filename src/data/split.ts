/** @file Setting cases aside for validation. */

import { inputError } from "../base/errors.ts";
import { shuffled, uniform } from "../base/random.ts";

/** Cases to train on, and cases set aside. */
export interface Split<T> {
  readonly training: readonly T[];
  readonly validation: readonly T[];
}

/**
 * Sets a share of the cases aside, at least one of them and never all. Who goes where depends on names
 * and seed only, not on the order in which cases are listed; both parts are sorted by name.
 *
 * @param fraction - the share of validation, between 0 and 1
 * @throws {@link AcsconvError} `input` for another fraction, or fewer than two cases
 */
export function splitCases<T extends { readonly name: string }>(
  cases: readonly T[],
  fraction: number,
  seed: number,
): Split<T> {
  if (!(fraction > 0 && fraction < 1))
    throw inputError(`The share of validation lies between 0 and 1, not at ${fraction}.`);
  if (cases.length < 2)
    throw inputError(
      `To set cases aside for validation takes two at least, and there is ${cases.length}: give a folder for validation or do without.`,
    );
  const byName = [...cases].sort((a, b) => (a.name < b.name ? -1 : 1));
  const count = Math.min(Math.max(Math.round(fraction * cases.length), 1), cases.length - 1);
  const aside = new Set(shuffled(uniform(seed), byName).slice(0, count));
  return {
    training: byName.filter((one) => !aside.has(one)),
    validation: byName.filter((one) => aside.has(one)),
  };
}
