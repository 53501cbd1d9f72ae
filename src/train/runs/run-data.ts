/** @file The cases of a run, of whatever kind: what is trained on, what is validated with, and in which size. */

import { builtin } from "../../base/files.ts";
import type { LabelledData } from "../../data/open.ts";
import type { Dataset } from "../../model/dataset.ts";
import type { LabelledCase } from "../../model/evaluate.ts";
import type { Size3 } from "../../run/tensor.ts";
import type { Volume } from "../../volume/volume.ts";

/** Labelled cases of one purpose. */
export interface CaseSet {
  readonly files: readonly { readonly name: string; readonly label?: unknown }[];
  /** The scans as the network gets them but for their intensities. */
  readonly store: { load(index: number): Promise<{ readonly image: Volume }> };
  /** Every case as one example. */
  readonly whole: Dataset;
  /** As they were read, one after the other. */
  readonly read: () => AsyncIterable<LabelledCase>;
}

/** The cases of a run; without any set aside, no validation. */
export interface CaseSets {
  readonly training: CaseSet;
  readonly validation: CaseSet | undefined;
  /** The first scan that is trained on, as the network gets it but for its intensities. */
  readonly scan: Volume;
  /** Names of the images' channels where the data do not name them, and files say how many there are. */
  readonly seen?: readonly string[] | undefined;
}

/** What a run is trained on. */
export interface RunData extends CaseSets {
  /** Voxels [D, H, W] that the network sees at once. */
  readonly size: Size3;
  /** The examples of an epoch, not yet augmented. */
  readonly examples: Dataset;
}

/** What a run is trained on and validated with: a hash of the names of its cases, and of their classes. */
export function hashOfCases(
  { training, validation }: Pick<CaseSets, "training" | "validation">,
  { classes }: Pick<LabelledData, "classes">,
): string {
  const { createHash } = builtin("node:crypto");
  // A label of voxels is a file, which may have been moved.
  const linesOf = (set: CaseSet | undefined) =>
    set?.files.map(({ name, label }) => [name, typeof label === "number" ? classes.names[label] : null]);
  const text = JSON.stringify([linesOf(training), linesOf(validation) ?? null]);
  return createHash("sha256").update(text).digest("hex");
}
