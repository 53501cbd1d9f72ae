/** @file The table of kinds: one record each, under the name that users give. */

import { AcsconvError } from "../../base/errors.ts";
import type { View } from "../rule.ts";
import { planar } from "./2.5d.ts";
import { dense } from "./3d.ts";
import { acs } from "./acs.ts";
import { i3d } from "./i3d.ts";
import type { Kind } from "./kind.ts";
import { meanAcs } from "./mean-acs.ts";
import { psc } from "./psc.ts";
import { softAcs } from "./soft-acs.ts";

export const KINDS = {
  acs,
  "mean-acs": meanAcs,
  "soft-acs": softAcs,
  "2.5d": planar,
  i3d,
  "3d": dense,
  psc,
} as const satisfies Record<string, Kind>;

/** The kinds of lifted convolution (paper, sections 3 and 4). */
export type LiftKind = keyof typeof KINDS;

/** The kind of that name, which may come from a file. */
export function kindOf(name: string): Kind {
  const kind = new Map<string, Kind>(Object.entries(KINDS)).get(name);
  if (kind) return kind;
  throw new AcsconvError(
    "graph",
    `Expected a lifted convolution of kind ${Object.keys(KINDS).join(", ")}, found "${name}"; the file was written by another version of acsconv, or changed.`,
  );
}

/** Whether a kind has kernels of its own, which only training from scratch fills. */
export const isFresh = (kind: LiftKind): boolean => KINDS[kind].fresh !== null;

/** The axis of [D, H, W] that no kernel of a kind reads: along it only strides act. Undefined where all are read. */
export function omittedBy(name: string, view: View): number | undefined {
  const kind = kindOf(name);
  return kind.fresh === null ? kind.omits?.(view) : undefined;
}
