/**
 * @file The networks that are compared, and the trainings it takes.
 *
 * The authors' code draws 3D kernels wider (`kaiming`) than those of 2.5D and ACS
 * (`default`). Their table compares across that difference; ours has a second
 * 3D network that starts like the others.
 */

import { type LiftKind, lift, type Model } from "acsconv";
import { type Initialisation, initialise, type PocUnetOptions, pocUnet } from "acsconv/models";
import { CLASSES_3D } from "./shapes.ts";

/** A row of the table: a kind of network, from random weights (r.) or pretrained ones (p.). */
export interface Row {
  readonly id: string;
  /** As the paper calls it. */
  readonly label: string;
  readonly kind: LiftKind;
  readonly pretrained: boolean;
  /** The trainings, by their ids, that the two protocols take their numbers from. */
  readonly published: string;
  readonly honest: string;
}

/** One training: of a row, from kernels drawn in a certain way. */
export interface Run {
  readonly id: string;
  readonly row: Row;
  readonly kernels: Initialisation;
}

const row = (id: string, label: string, kind: LiftKind, honest = id): Row => ({
  id,
  label: `${label} UNet ${id.endsWith("p") ? "p." : "r."}`,
  kind,
  pretrained: id.endsWith("p"),
  published: id,
  honest,
});

/** In the order of the table; those that the paper does not have come last. */
export const ROWS: readonly Row[] = [
  row("2.5d-r", "2.5D", "2.5d"),
  row("2.5d-p", "2.5D", "2.5d"),
  row("3d-r", "3D", "3d", "3d-r-default"),
  row("acs-r", "ACS", "acs"),
  row("acs-p", "ACS", "acs"),
  row("mean-acs-p", "Mean-ACS", "mean-acs"),
  row("soft-acs-p", "Soft-ACS", "soft-acs"),
  row("i3d-p", "I3D", "i3d"),
];

/** The trainings that rows need. */
export const runsOf = (rows: readonly Row[]): Run[] =>
  rows.flatMap((row) =>
    [...new Set([row.published, row.honest])].map((id) => ({
      id,
      row,
      kernels: id === "3d-r" ? "kaiming" : "default",
    })),
  );

/** Weights of the 2D network that its 3D forms do not take over: their classes are others. */
const HEAD = /^final\./;

/**
 * The 3D network that a run starts from.
 *
 * @param pretrained - the 2D network whose weights rows marked "p." take over
 */
export function networkOf(
  { row, kernels }: Run,
  seed: number,
  pretrained: Model,
  options: Pick<PocUnetOptions, "interpolation" | "output"> = {},
): Model {
  const source = pocUnet({ ...options, classes: CLASSES_3D.length, seed });
  const model = initialise(lift(source, { kind: row.kind }), { kernels, seed });
  if (!row.pretrained) return model;
  const { initializers } = model.graph;
  const { initializers: learned } = pretrained.graph;
  const taken = [...learned].filter(([name]) => !HEAD.test(name) && initializers.has(name));
  return lift(source.withWeights(new Map(taken)), { kind: row.kind });
}
