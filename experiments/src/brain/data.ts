/**
 * @file The data of the experiment: one labelled scan, which comes with the package. Networks learn the
 * tissues from patches of the patient's left half, and are tested on all of the right one.
 */

import { fileURLToPath } from "node:url";
import {
  randomFlip,
  CaseStore,
  type Dataset,
  openFolder,
  patches,
  wholeScans,
  HALVES,
  mapDataset,
} from "acsconv/data";
import type { BrainConfig } from "./config.ts";

/** Of the repository; as far from here as from where this is compiled to. */
export const ASSETS = new URL("../../../assets/", import.meta.url);

/** In the order of their labels. */
export const CLASSES = ["background", "CSF", "grey", "white"];

/** Patches [1, size, size, size] of the left half, mirrored at random, and the right half as one example. */
export async function brainData(config: BrainConfig): Promise<{ training: Dataset; test: Dataset }> {
  const { size, spacing, steps, batch } = config;
  const folder = await openFolder(fileURLToPath(new URL("t1-kmeans", ASSETS)));
  const half = (region: (typeof HALVES)["left" | "right"]): CaseStore =>
    new CaseStore(folder.cases, folder, {
      channels: 1,
      normalize: "zscore",
      orientation: "LPS",
      spacing: [spacing, spacing, spacing],
      region,
    });
  const drawn = patches(half(HALVES.left), { size: [size, size, size], perCase: steps * batch });
  return { training: mapDataset(drawn, randomFlip), test: wholeScans(half(HALVES.right)) };
}
