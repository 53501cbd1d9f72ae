/**
 * @file The data of the experiment: one labelled scan, which comes with the package. Networks learn the
 * tissues from patches of the patient's left half, and are tested on all of the right one.
 */

import { fileURLToPath } from "node:url";
import { randomFlip } from "../../data/augment.ts";
import { CaseStore } from "../../data/cases.ts";
import type { Dataset } from "../../data/dataset.ts";
import { openFolder } from "../../data/folders.ts";
import { patches, wholeScans } from "../../data/patches.ts";
import { HALVES } from "../../data/region.ts";
import { mapDataset } from "../../data/transform.ts";
import type { BrainConfig } from "./config.ts";

const FOLDER = new URL("../../../assets/t1-kmeans/", import.meta.url);

/** In the order of their labels. */
export const CLASSES = ["background", "CSF", "grey", "white"];

/** Patches [1, size, size, size] of the left half, mirrored at random, and the right half as one example. */
export async function brainData(config: BrainConfig): Promise<{ training: Dataset; test: Dataset }> {
  const { size, spacing, steps, batch } = config;
  const folder = await openFolder(fileURLToPath(FOLDER));
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
