/** @file The cases of a run, of whatever kind: what is trained on, what is validated with, and in which size. */

import type { Dataset } from "../../model/dataset.ts";
import type { LabelledCase } from "../../model/evaluate.ts";
import type { Size3 } from "../../run/tensor.ts";
import type { Volume } from "../../volume/volume.ts";

/** Labelled cases of one purpose. */
export interface CaseSet {
  readonly files: readonly { readonly name: string }[];
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
}

/** What a run is trained on. */
export interface RunData extends CaseSets {
  /** Voxels [D, H, W] that the network sees at once. */
  readonly size: Size3;
  /** The examples of an epoch, not yet augmented. */
  readonly examples: Dataset;
}
