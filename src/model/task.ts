/**
 * @file What a network's numbers mean and how it was made: the one home of both. A task stands in the metadata of the
 * ONNX file, under `acsconv.task`, as JSON. Training writes it; prediction, evaluation and the page read it; what a
 * caller says goes before it.
 */

import type { Vec3 } from "../volume/vec3.ts";
import type { Preparation } from "./prepare.ts";

/**
 * - `logits`: of classes of which each voxel has one (softmax), or a single score (sigmoid)
 * - `probabilities`: the same, after softmax or sigmoid
 * - `regions`: probabilities of classes that may overlap, each by itself
 * - `labels`: no scores, but numbers of classes
 */
export type Scores = "logits" | "probabilities" | "regions" | "labels";

/** The classes of a network, as the data set that it was trained on names and numbers them. */
export interface TaskClasses {
  /** One for each class, background first. */
  readonly names: readonly string[];
  /** The number in label files of each class, first of the values that it was trained from. */
  readonly values: readonly number[];
}

/** What a network's numbers mean and how it was made. What is not known is missing. */
export interface Task {
  readonly scores?: Scores;
  readonly classes?: TaskClasses;
  /** Names of the image's channels, in order. */
  readonly channels?: readonly string[];
  /** Voxels [D, H, W] that the network saw at once in training. */
  readonly patch?: Vec3;
  /** How scans were prepared. */
  readonly preparation?: Preparation;
}
