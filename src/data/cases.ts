/**
 * @file Labelled scans in memory: read once, prepared as `predict` prepares them, and kept while there is room.
 *
 * Voxels stay in the type of their file (a CT takes 2 bytes each) and get the network's intensities when a patch is
 * read, unless the scan is resampled.
 */

import { formatError, inputError } from "../base/errors.ts";
import type { Line } from "../model/intensity.ts";
import { type Preparation, prepareScan } from "../model/prepare.ts";
import { readChannels } from "../volume/channels.ts";
import { sameGrid } from "../volume/geometry.ts";
import { gridMismatch } from "../volume/grid-mismatch.ts";
import { readGrid } from "../volume/read.ts";
import { resampleLike } from "../volume/resample.ts";
import { type Volume, withData } from "../volume/volume.ts";
import type { CaseFiles, DataFolder } from "./folders.ts";
import { type ClassMap, classesOf } from "./labels.ts";
import type { LabelledCase } from "../model/evaluate.ts";
import { Kept } from "./kept.ts";
import { type Region, cropToRegion } from "./region.ts";
import { readLabel } from "./segmentation-labels.ts";
import { type Warnings, ofCase } from "./warnings.ts";

/** A scan and its classes, on one grid, as they were read. */
export interface LabelledScan {
  readonly image: Volume;
  readonly label: ClassMap;
}

/** A scan on the network's grid, and its classes there. */
export interface PreparedCase extends LabelledScan {
  readonly name: string;
  /** The intensities of each of the network's channels, still to be applied to `image`. */
  readonly lines: readonly Line[];
}

/** How cases are prepared. */
export interface CaseOptions extends Preparation {
  /** Channels of the network; a scan of one channel serves them all. */
  readonly channels: number;
  /** The part of each scan that is used; intensities are measured on all of it. */
  readonly region?: Region;
  /** Bytes of voxels to keep in memory: `CACHE_BYTES` unless given. */
  readonly cacheBytes?: number;
  /** Told what is odd, such as voxels that are no numbers. */
  readonly onWarning?: (sentence: string) => void;
}

/** What reading a case takes of the data set. */
type Description = Pick<DataFolder, "channels" | "classes" | "array" | "labelArray">;

/**
 * Reads a scan and its label, and checks that they belong together.
 *
 * @param onWarning - told of what is odd, such as a label that lies less than a hundredth of a voxel off its image and is
 *   taken to lie on its grid; `console.warn` by default
 * @throws {@link AcsconvError} `io`, or `format` (damaged, other grid, unknown label, other number of channels)
 */
export async function readCase(
  files: CaseFiles,
  { channels, classes, array, labelArray }: Description,
  onWarning: (sentence: string) => void = (sentence) => console.warn(sentence),
): Promise<LabelledScan> {
  const { name, images, label: labelPath } = files;
  const image = await readChannels(images, { onWarning, array });
  if (channels && image.channels !== channels.length)
    throw formatError(
      `Case "${name}": dataset.json names ${channels.length} channels (${channels.join(", ")}), but the image has ${image.channels}.`,
    );
  const label = await readLabel(labelPath, image, classes, {
    onWarning,
    array: labelArray,
    image: images[0]!,
  });
  const mismatch = gridMismatch([`the image "${images[0]}"`, image], [`its label "${labelPath}"`, label]);
  if (mismatch && !mismatch.isSlight) throw formatError(ofCase(name, mismatch.sentence));
  if (mismatch) onWarning(mismatch.sentence);
  if (label.channels !== 1)
    throw formatError(
      `Case "${name}": the label "${labelPath}" should hold one number per voxel, and has ${label.channels}.`,
    );
  const placed = mismatch ? withData(image, label.data) : label;
  return { image, label: classesOf(placed, classes, ofCase(name, `"${labelPath}"`)) };
}

/**
 * Checks that images and labels lie on one grid, as far as headers tell it: what is wrong with the last case of
 * hundreds should not be found out after the others have been trained on.
 */
export async function checkGrids(cases: readonly CaseFiles[], warnings: Warnings): Promise<void> {
  const slight: string[] = [];
  for (const { name, images, label } of cases) {
    const [path, ...others] = images as readonly [string, ...string[]];
    const first = await readGrid(path);
    if (!first) continue;
    const pairs = [
      ...others.map((other) => [`"${path}"`, `"${other}"`, other] as const),
      [`the image "${path}"`, `its label "${label}"`, label] as const,
    ];
    for (const [what, other, file] of pairs) {
      const grid = await readGrid(file);
      const mismatch = grid && gridMismatch([what, first], [other, grid]);
      if (mismatch && !mismatch.isSlight) throw formatError(ofCase(name, mismatch.sentence));
      if (mismatch) slight.push(ofCase(name, mismatch.sentence));
    }
  }
  warnings.tellTogether(slight);
}

/** Cases as {@link readCase} reads them, one after the other. */
export async function* readCases(
  cases: readonly CaseFiles[],
  description: Description,
  warnings: Warnings,
): AsyncGenerator<LabelledCase> {
  for (const files of cases) {
    const { name } = files;
    yield {
      name,
      ...(await readCase(files, description, (sentence) => warnings.tell(ofCase(name, sentence)))),
    };
  }
}

/** Cases by their number, loaded when they are first asked for. */
export class CaseStore {
  readonly #cases: readonly CaseFiles[];
  readonly #description: Description;
  readonly #options: CaseOptions;
  readonly #kept: Kept<PreparedCase>;

  constructor(cases: readonly CaseFiles[], description: Description, options: CaseOptions) {
    this.#cases = cases;
    this.#description = description;
    this.#options = options;
    this.#kept = new Kept(
      (index) => this.#prepare(cases[index]!),
      ({ image, label }) => image.data.byteLength + label.data.byteLength,
      options.cacheBytes,
    );
  }

  get length(): number {
    return this.#cases.length;
  }

  /** @throws {@link AcsconvError} as {@link readCase}, and `input` if the preparation does not fit the case */
  load(index: number): Promise<PreparedCase> {
    return this.#kept.load(index);
  }

  async #prepare(files: CaseFiles): Promise<PreparedCase> {
    const { channels, region, onWarning, ...preparation } = this.#options;
    const warn = (sentence: string): void => onWarning?.(ofCase(files.name, sentence));
    const read = await readCase(files, this.#description, warn);
    if (read.image.channels !== 1 && read.image.channels !== channels)
      throw inputError(
        `Case "${files.name}" has ${read.image.channels} channels, but the network takes ${channels}.`,
      );
    const { scan, grid, lines } = prepareScan(read.image, channels, preparation, warn);
    const image = sameGrid(scan, grid) ? scan : resampleLike(scan, grid, "linear");
    // Also where the scan was only turned: then the nearest voxel is the same one. Its type stays.
    const label = sameGrid(read.label, grid)
      ? read.label
      : (resampleLike(read.label, grid, "nearest") as ClassMap);
    const part = region
      ? { image: cropToRegion(image, region), label: cropToRegion(label, region) }
      : { image, label };
    return { name: files.name, lines, ...part };
  }
}
