/** @file Seeded random numbers: the same seed gives the same network on every machine. */

export { uniform } from "./uniform.js";

/** A seed for one of several independent streams: `base` mixed with a name. */
export function seedFor(base: number, name: string): number {
  let hash = (0x811c9dc5 ^ base) >>> 0; // FNV-1a
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** A whole number from `low` to `high`, both included. */
export const integer = (random: () => number, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1));

/** A number between `low` and `high`. */
export const between = (random: () => number, low: number, high: number): number =>
  low + random() * (high - low);

/** The same values in some order, each as probable (Fisher and Yates). */
export function shuffled<T>(random: () => number, values: readonly T[]): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = integer(random, 0, i);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

/**
 * Normally distributed numbers, mean 0 and deviation 1, from uniform ones (Box and Muller):
 *
 *   √(−2 ln u) · cos 2πv,   √(−2 ln u) · sin 2πv
 */
export function normal(random: () => number): () => number {
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const second = spare;
      spare = undefined;
      return second;
    }
    // 1 − u lies in (0, 1]: its logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}
