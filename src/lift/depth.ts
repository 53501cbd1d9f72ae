/**
 * @file How depth is down- and upsampled: as height is, or kept, per stage.
 *
 * A stage is one level of height: convolutions that halve the same map in
 * parallel (a residual block and its shortcut) are the same stage.
 */

import type { Dim } from "../graph/dim.ts";
import type { LiftOptions } from "./options.ts";

/** One downsampling on the way to a value: height was divided by `height`, depth by `depth`. */
export interface Step {
  readonly height: number;
  readonly depth: number;
}

export class DepthPolicy {
  readonly #options: NonNullable<LiftOptions["depth"]>;
  readonly #stages = { stride: [] as string[], pool: [] as string[] };

  constructor(options: LiftOptions["depth"]) {
    this.#options = options ?? {};
  }

  get poolsDepth(): boolean {
    return this.#options.pool !== 1;
  }

  /** The factor for depth where a map of height `from` is divided by `height`. */
  factor(what: "stride" | "pool", from: Dim, height: number): number {
    const choice = this.#options[what] ?? "height";
    if (choice === "height" || choice === 1) return choice === 1 ? 1 : height;
    const stages = this.#stages[what];
    const key = String(from);
    if (!stages.includes(key)) stages.push(key);
    const own = choice[Math.min(stages.indexOf(key), choice.length - 1)] ?? "height";
    return own === 1 ? 1 : height;
  }
}

/** Undoes the last downsampling steps that together divided height by `height`. */
export function undoSteps(steps: readonly Step[], height: number): { depth: number; left: readonly Step[] } {
  let [product, depth] = [1, 1];
  for (let i = steps.length - 1; i >= 0; i--) {
    product *= steps[i]!.height;
    depth *= steps[i]!.depth;
    if (product === height) return { depth, left: steps.slice(0, i) };
    if (product > height) break;
  }
  const kept = steps.length > 0 && steps.every((step) => step.depth === 1);
  return { depth: kept ? 1 : height, left: steps };
}
