/** @file Scans with one class each: which of them a run is trained on, which are set aside, and in which size they are seen. */

import { inputError } from "../../base/errors.ts";
import {
  type ClassificationSet,
  type ClassifiedScan,
  scansOf,
  splitsOf,
  withClasses,
} from "../../data/classification/data-set.ts";
import { ScanStore, gridsOf, readScans, requireWholeScans } from "../../data/classification/scans.ts";
import type { ArrayNames } from "../../data/folders.ts";
import { openData } from "../../data/open.ts";
import { splitCases } from "../../data/split.ts";
import { Warnings } from "../../data/warnings.ts";
import type { Model } from "../../model/model.ts";
import { preparedGrid } from "../../model/prepare.ts";
import { type Vec3, map3 } from "../../volume/vec3.ts";
import type { RunConfig } from "./config-fields.ts";
import type { CaseSet, RunData } from "./run-data.ts";
import { channelsOf, fixedSizes } from "./trained-network.ts";

export async function scanSets(
  config: RunConfig,
  data: ClassificationSet,
  network: Model,
  onWarning: (sentence: string) => void,
): Promise<RunData> {
  const { spacing, orientation, window, normalize } = config;
  const channels = channelsOf(network, data);
  requireWholeScans(data.cases, channels);
  const { training, validation } = await partsOf(config, data, onWarning);
  const one = data.classes.names[training[0]!.label]!;
  if (training.every(({ label }) => label === training[0]!.label))
    throw inputError(
      `The scans to train on have one class only, "${one}": to tell classes apart takes two at least.`,
    );
  const size = config.size ?? (await usualSize(training, network, config, onWarning));
  const warnings = new Warnings(onWarning);
  const setOf = (scans: readonly ClassifiedScan[]): CaseSet => {
    const store = new ScanStore(scans, {
      channels,
      size,
      onWarning: warnings.tell,
      spacing,
      orientation,
      window,
      normalize,
    });
    return { files: scans, store, whole: store.examples, read: () => readScans(scans, warnings) };
  };
  const sets = { training: setOf(training), validation: validation && setOf(validation) };
  const { image: scan } = await sets.training.store.load(0);
  await sets.validation?.store.load(0);
  // A file of its own for each channel is no file of one channel: whoever predicts has to know what was seen.
  const seen = Array.from({ length: scan.channels }, (_, c) =>
    scan.channels === 1 ? "image" : `channel ${c + 1}`,
  );
  return { ...sets, scan, seen, size, examples: sets.training.whole };
}

interface Parts {
  readonly training: readonly ClassifiedScan[];
  readonly validation: readonly ClassifiedScan[] | undefined;
}

/** The parts that the data come in, or a share of each class set aside. What is there to test with is left alone. */
async function partsOf(
  config: RunConfig,
  data: ClassificationSet,
  onWarning: (sentence: string) => void,
): Promise<Parts> {
  const { data: path, validation, seed } = config;
  const splits = splitsOf(data);
  const training = splits.length > 0 ? scansOf(data, "train") : data.cases;
  if (typeof validation === "string")
    return { training, validation: await otherScans(validation, data, config, onWarning) };
  const hasOwn = splits.includes("val");
  if (validation === undefined) return { training, validation: hasOwn ? scansOf(data, "val") : undefined };
  if (validation === 0) return { training, validation: undefined };
  if (hasOwn)
    throw inputError(
      `"${path}" has scans of its own to validate on ("val"): leave the validation out, or give other scans instead of a share.`,
    );
  return shareOf(training, validation, seed);
}

async function otherScans(
  path: string,
  data: ClassificationSet,
  arrays: ArrayNames,
  onWarning: (sentence: string) => void,
): Promise<readonly ClassifiedScan[]> {
  const other = await openData(path, arrays, onWarning);
  if (other.kind !== "classification")
    throw inputError(
      `The validation data "${path}" have a label for every voxel, and the training data one class for each scan: both need the same kind.`,
    );
  const same = withClasses(other, data.classes.names, "the training data have");
  return splitsOf(same).length > 0 ? scansOf(same, "val") : same.cases;
}

/** A share of every class; classes of a single scan are trained on. */
function shareOf(scans: readonly ClassifiedScan[], share: number, seed: number): Parts {
  const byClass = new Map<number, ClassifiedScan[]>();
  for (const scan of scans) byClass.set(scan.label, [...(byClass.get(scan.label) ?? []), scan]);
  const aside = new Set<ClassifiedScan>();
  for (const own of byClass.values())
    if (own.length > 1) for (const scan of splitCases(own, share, seed).validation) aside.add(scan);
  if (aside.size === 0)
    throw inputError(
      "To set scans aside for validation takes two of a class at least: give other scans for validation, or do without.",
    );
  return {
    training: scans.filter((scan) => !aside.has(scan)),
    validation: scans.filter((scan) => aside.has(scan)),
  };
}

/** The size that all scans have, or else the median along each axis; the network's own where it fixes one. */
async function usualSize(
  scans: readonly ClassifiedScan[],
  network: Model,
  preparation: RunConfig,
  onWarning: (sentence: string) => void,
): Promise<Vec3> {
  const fixed = fixedSizes(network);
  if (fixed.length === 3 && !fixed.includes(undefined)) return fixed as unknown as Vec3;
  const shapes = (await gridsOf(scans)).map((grid) => preparedGrid(grid, preparation).shape);
  const axes = map3([0, 1, 2], (axis) => shapes.map((shape) => shape[axis]!).sort((a, b) => a - b));
  const median = map3(axes, (sorted, axis) => fixed[axis] ?? sorted[Math.floor(sorted.length / 2)]!);
  const [least, most] = [map3(axes, (sorted) => sorted[0]!), map3(axes, (sorted) => sorted.at(-1)!)];
  if (least.join() !== most.join())
    onWarning(
      `The scans have from [${least.join(", ")}] to [${most.join(", ")}] voxels: each is cut or padded to [${median.join(", ")}] around its middle; choose another size by --size, and one spacing for all by --spacing.`,
    );
  return median;
}
