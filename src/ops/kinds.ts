/** @file What sets the kinds of lifting apart where a convolution is met: one record per kind. */

import { denseConvolution } from "./dense.ts";
import type { Taps } from "./geometry.ts";
import { parallelStreams } from "./psc.ts";
import type { LiftContext, LiftKind } from "./rule.ts";

interface KindRule {
  /**
   * For kinds with kernels of their own, drawn anew: emits them in place of a 2D kernel `weight` of more than one tap. Null
   * for kinds that keep the 2D kernel, in a LiftedConv.
   */
  readonly fresh: ((c: LiftContext, weight: readonly number[], taps: readonly Taps[]) => void) | null;
  /** What a transposed convolution becomes, which keeps its 2D kernel in every kind. */
  readonly transposed: "acs" | "mean-acs" | "2.5d" | "i3d";
  /** Why that is another kind, for a warning. */
  readonly because: string | null;
}

const REPEATED = "a transposed convolution is not initialised anew: it repeats its 2D kernel along depth";

export const KINDS: Readonly<Record<LiftKind, KindRule>> = {
  acs: { fresh: null, transposed: "acs", because: null },
  "mean-acs": { fresh: null, transposed: "mean-acs", because: null },
  "soft-acs": {
    fresh: null,
    transposed: "acs",
    because: "a transposed convolution has no soft form: its channels are dealt to the views",
  },
  "2.5d": { fresh: null, transposed: "2.5d", because: null },
  i3d: { fresh: null, transposed: "i3d", because: null },
  "3d": { fresh: denseConvolution, transposed: "i3d", because: REPEATED },
  psc: { fresh: parallelStreams, transposed: "i3d", because: REPEATED },
};

/** Whether a kind has kernels of its own, which only training from scratch fills. */
export const isFresh = (kind: LiftKind): boolean => KINDS[kind].fresh !== null;
