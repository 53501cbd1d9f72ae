/** @file The rows of the table: kinds of networks, and what they have of the pretrained one. */

import type { LiftKind } from "acsconv";
import type { BrainConfig } from "./config.ts";

/** A row of the table. */
export interface Row {
  readonly id: string;
  readonly label: string;
  readonly kind: LiftKind;
  readonly taken: "whole" | "encoder" | "nothing";
}

export const ROWS: readonly Row[] = [
  { id: "acs-p", label: "ACS p.", kind: "acs", taken: "whole" },
  { id: "acs-e", label: "ACS p., encoder only", kind: "acs", taken: "encoder" },
  { id: "acs-r", label: "ACS r.", kind: "acs", taken: "nothing" },
  { id: "3d-r", label: "3D r.", kind: "3d", taken: "nothing" },
  { id: "psc-r", label: "P₃SC₁ r.", kind: "psc", taken: "nothing" },
  { id: "i3d-p", label: "I3D p.", kind: "i3d", taken: "whole" },
  { id: "2.5d-p", label: "2.5D p.", kind: "2.5d", taken: "whole" },
  { id: "2.5d-r", label: "2.5D r.", kind: "2.5d", taken: "nothing" },
];

export const rowsOf = ({ models }: Pick<BrainConfig, "models">): Row[] =>
  ROWS.filter(({ id }) => models.includes(id));
