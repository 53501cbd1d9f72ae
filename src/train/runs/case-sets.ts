/** @file Which cases a run is trained on, and which are set aside. */

import { inputError } from "../../base/errors.ts";
import { CaseStore, checkGrids, readCases } from "../../data/cases.ts";
import { type CaseFiles, type DataFolder, openFolder } from "../../data/folders.ts";
import { splitCases } from "../../data/split.ts";
import { Warnings } from "../../data/warnings.ts";
import type { LabelledCase } from "../../model/evaluate.ts";
import type { Volume } from "../../volume/volume.ts";
import { type RegionConfig, regionOf } from "./config.ts";
import type { RunConfig } from "./config-fields.ts";

/** Labelled cases of one purpose. */
export interface CaseSet {
  readonly files: readonly CaseFiles[];
  readonly store: CaseStore;
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

/**
 * The headers of all scans are read, and the first scans, for what is wrong with one is often wrong with all.
 *
 * @param channels - of the network
 */
export async function caseSets(
  config: RunConfig,
  folder: DataFolder,
  channels: number,
  onWarning: (sentence: string) => void,
): Promise<CaseSets> {
  const { spacing, orientation, window, normalize, region, validation, validationRegion, seed } = config;
  const warnings = new Warnings(onWarning);
  const options = { channels, onWarning: warnings.tell, spacing, orientation, window, normalize };
  const setOf = (files: readonly CaseFiles[], part: RegionConfig | undefined, from = folder): CaseSet => ({
    files,
    store: new CaseStore(files, from, { ...options, region: part && regionOf(part) }),
    read: () => readCases(files, from, warnings),
  });
  const isShare = typeof validation === "number" && validation > 0;
  const parts = isShare ? splitCases(folder.cases, validation, seed) : undefined;
  const other = typeof validation === "string" ? await openFolder(validation, config) : undefined;
  if (other) checkSameClasses(folder, other, validation as string);
  const aside = other?.cases ?? parts?.validation ?? (validationRegion && folder.cases);
  const sets = {
    training: setOf(parts?.training ?? folder.cases, region),
    validation: aside && setOf(aside, validationRegion, other),
  };
  await checkGrids([...new Set([...sets.training.files, ...(aside ?? [])])], warnings);
  const { image: scan } = await sets.training.store.load(0);
  await sets.validation?.store.load(0);
  return { ...sets, scan };
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
