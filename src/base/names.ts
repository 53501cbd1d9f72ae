/** @file Names as people mean them: when two are the same, and which was probably meant by one that there is not. */

import { AcsconvError, inputError } from "./errors.ts";

/** A name as it is compared: without capitals and blanks around it, accents in one form (macOS stores them in another). */
export const plainName = (name: string): string =>
  name.normalize("NFC").trim().replaceAll(/\s+/g, " ").toLowerCase();

/** @param what - what the name is of, such as `metric` */
export function unknownName(what: string, name: string, names: readonly string[]): AcsconvError {
  const nearest = nearestName(name, names);
  const meant = nearest === undefined ? "there are" : `the nearest is "${nearest}", of`;
  return inputError(`There is no ${what} "${name}": ${meant} ${names.join(", ")}.`, {
    code: "E_UNKNOWN_NAME",
  });
}

/** The name with the fewest letters changed, if they are fewer than half of them. */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_ ]/g, "");
  const [nearest] = names
    .map((candidate) => ({ candidate, distance: editDistance(plain(name), plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  return nearest && nearest.distance < nearest.candidate.length / 2 ? nearest.candidate : undefined;
}

/** How many letters must be put in, taken out or exchanged (Levenshtein), row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
