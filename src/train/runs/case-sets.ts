/** @file Cases with labels for every voxel: which of them a run is trained on, and which are set aside. */

import { inputError } from "../../base/errors.ts";
import { CaseStore, checkGrids, readCases } from "../../data/cases.ts";
import type { ArrayNames, CaseFiles, DataFolder } from "../../data/folders.ts";
import { openData } from "../../data/open.ts";
import { patches, wholeScans } from "../../data/patches.ts";
import { splitCases } from "../../data/split.ts";
import { Warnings } from "../../data/warnings.ts";
import type { Model } from "../../model/model.ts";
import type { Size3 } from "../../run/tensor.ts";
import { type RegionConfig, regionOf } from "./config.ts";
import type { RunConfig } from "./config-fields.ts";
import type { CaseSet, RunData } from "./run-data.ts";
import { channelsOf, fixedSizes } from "./trained-network.ts";

/** Patches [D, H, W] where neither the configuration nor the network says: two thirds of a gigabyte per 100 maps. */
const USUAL_SIZE = [64, 64, 64] as const;

/** The headers of all scans are read, and the first scans, for what is wrong with one is often wrong with all. */
export async function caseSets(
  config: RunConfig,
  folder: DataFolder,
  network: Model,
  onWarning: (sentence: string) => void,
): Promise<RunData> {
  const { spacing, orientation, window, normalize, region, validation, validationRegion, seed } = config;
  const channels = channelsOf(network, folder);
  const warnings = new Warnings(onWarning);
  const options = { channels, onWarning: warnings.tell, spacing, orientation, window, normalize };
  const storeOf = (files: readonly CaseFiles[], part: RegionConfig | undefined, from = folder): CaseStore =>
    new CaseStore(files, from, { ...options, region: part && regionOf(part) });
  const setOf = (files: readonly CaseFiles[], store: CaseStore, from = folder): CaseSet => ({
    files,
    store,
    whole: wholeScans(store),
    read: () => readCases(files, from, warnings),
  });
  const isShare = typeof validation === "number" && validation > 0;
  const parts = isShare ? splitCases(folder.cases, validation, seed) : undefined;
  const other = typeof validation === "string" ? await otherFolder(validation, folder, config) : undefined;
  const aside = other?.cases ?? parts?.validation ?? (validationRegion && folder.cases);
  const trained = parts?.training ?? folder.cases;
  await checkGrids([...new Set([...trained, ...(aside ?? [])])], warnings);
  const store = storeOf(trained, region);
  const { image: scan } = await store.load(0);
  const set = aside && setOf(aside, storeOf(aside, validationRegion, other), other);
  await set?.store.load(0);
  const fixed = fixedSizes(network);
  const isFixed = fixed.length === 3 && !fixed.includes(undefined);
  const size = config.size ?? (isFixed ? (fixed as unknown as Size3) : USUAL_SIZE);
  const { patchesPerCase: perCase, foreground } = config;
  return {
    training: setOf(trained, store),
    validation: set,
    scan,
    size,
    examples: patches(store, { size, perCase, foreground }),
  };
}

async function otherFolder(path: string, folder: DataFolder, arrays: ArrayNames): Promise<DataFolder> {
  const other = await openData(path, arrays);
  if (other.kind !== "segmentation")
    throw inputError(
      `The validation data "${path}" have one class for each scan, and the training data a label for every voxel: both need the same kind.`,
    );
  checkSameClasses(folder, other, path);
  return other;
}

function checkSameClasses(a: DataFolder, b: DataFolder, path: string): void {
  const [ours, theirs] = [a, b].map(({ classes: { names, values } }) =>
    names.map((name, k) => `${values[k]!.join(", ")} (${name})`).join(", "),
  );
  if (ours === theirs) return;
  throw inputError(
    `The validation data "${path}" have the classes ${theirs}, and the training data ${ours}: both need the same.`,
  );
}
