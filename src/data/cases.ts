/**
 * @file Labelled scans in memory: read once, prepared as `predict` prepares them, and kept while there is room.
 *
 * Voxels stay in the type of their file (a CT takes 2 bytes each) and get the network's intensities when a patch is
 * read, unless the scan is resampled.
 */

import { formatError, inputError } from "../base/errors.ts";
import type { Line } from "../model/intensity.ts";
import { type Preparation, prepareScan } from "../model/prepare.ts";
import { sameGrid } from "../volume/geometry.ts";
import { readGrid, readVolume } from "../volume/read.ts";
import { resampleLike } from "../volume/resample.ts";
import { type Grid, type Volume, emptyLike, withData } from "../volume/volume.ts";
import type { CaseFiles, DataFolder } from "./folders.ts";
import { type ClassMap, classesOf } from "./labels.ts";
import type { LabelledCase } from "../model/evaluate.ts";
import { type Region, cropToRegion } from "./region.ts";

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
  /** Bytes of voxels to keep in memory: {@link CACHE_BYTES} unless given. */
  readonly cacheBytes?: number;
  /** Told what is odd, such as voxels that are no numbers. */
  readonly onWarning?: (sentence: string) => void;
}

/** Room for some ten CTs, or a hundred MRs. */
export const CACHE_BYTES = 2 ** 31;

/** What reading a case takes of the data set. */
type Description = Pick<DataFolder, "channels" | "classes" | "array" | "labelArray">;

/**
 * Reads a scan and its label, and checks that they belong together.
 *
 * @throws {@link AcsconvError} `io`, or `format` (damaged, other grid, unknown label, other number of channels)
 */
export async function readCase(
  files: CaseFiles,
  { channels, classes, array, labelArray }: Description,
  onWarning?: (sentence: string) => void,
): Promise<LabelledScan> {
  const { name, images, label: labelPath } = files;
  const volumes: Volume[] = [];
  for (const path of images) volumes.push(await readVolume(path, { onWarning, array }));
  const [first, ...others] = volumes as [Volume, ...Volume[]];
  others.forEach((volume, i) => {
    checkGrid(name, [`the image "${images[0]}"`, first], [`"${images[i + 1]}"`, volume]);
  });
  const image = stack(volumes);
  if (channels && image.channels !== channels.length)
    throw formatError(
      `Case "${name}": dataset.json names ${channels.length} channels (${channels.join(", ")}), but the image has ${image.channels}.`,
    );
  const label = await readVolume(labelPath, { onWarning, array: labelArray });
  checkGrid(name, [`the image "${images[0]}"`, first], [`its label "${labelPath}"`, label]);
  if (label.channels !== 1)
    throw formatError(
      `Case "${name}": the label "${labelPath}" should hold one number per voxel, and has ${label.channels}.`,
    );
  return { image, label: classesOf(label, classes, `Case "${name}": "${labelPath}"`) };
}

/**
 * Checks that images and labels lie on one grid, as far as headers tell it: what is wrong with the last case of
 * hundreds should not be found out after the others have been trained on.
 */
export async function checkGrids(cases: readonly CaseFiles[]): Promise<void> {
  for (const { name, images, label } of cases) {
    const first = await readGrid(images[0]!);
    if (!first) continue;
    for (const path of [...images.slice(1), label]) {
      const grid = await readGrid(path);
      const what = path === label ? `its label "${path}"` : `"${path}"`;
      if (grid) checkGrid(name, [`the image "${images[0]}"`, first], [what, grid]);
    }
  }
}

/** Cases as {@link readCase} reads them, one after the other. */
export async function* readCases(
  cases: readonly CaseFiles[],
  description: Description,
): AsyncGenerator<LabelledCase> {
  for (const files of cases) yield { name: files.name, ...(await readCase(files, description)) };
}

/** Cases by their number, loaded when they are first asked for. */
export class CaseStore {
  readonly #cases: readonly CaseFiles[];
  readonly #description: Description;
  readonly #options: CaseOptions;
  /** The longest unused comes first. Cases that are being loaded have no bytes yet. */
  readonly #held = new Map<number, { readonly loading: Promise<PreparedCase>; bytes: number }>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(cases: readonly CaseFiles[], description: Description, options: CaseOptions) {
    this.#cases = cases;
    this.#description = description;
    this.#options = options;
  }

  get length(): number {
    return this.#cases.length;
  }

  /** @throws {@link AcsconvError} as {@link readCase}, and `input` if the preparation does not fit the case */
  load(index: number): Promise<PreparedCase> {
    const held = this.#held.get(index);
    if (held) {
      this.#held.delete(index);
      this.#held.set(index, held);
      return held.loading;
    }
    // One after the other: many at once would take no less time, but all their memory.
    const loading = this.#queue.then(() => this.#prepare(this.#cases[index]!));
    this.#held.set(index, { loading, bytes: 0 });
    this.#queue = loading.then(
      (loaded) => this.#keep(index, loaded),
      () => this.#held.delete(index),
    );
    return loading;
  }

  async #prepare(files: CaseFiles): Promise<PreparedCase> {
    const { channels, region, onWarning, ...preparation } = this.#options;
    const warn = (sentence: string): void => onWarning?.(`Case "${files.name}": ${sentence}`);
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

  /** Lets go of the longest unused cases until the rest fits; the one that has just been loaded stays. */
  #keep(latest: number, { image, label }: PreparedCase): number {
    this.#held.get(latest)!.bytes = image.data.byteLength + label.data.byteLength;
    const limit = this.#options.cacheBytes ?? CACHE_BYTES;
    let bytes = 0;
    for (const entry of this.#held.values()) bytes += entry.bytes;
    for (const [index, entry] of this.#held) {
      if (bytes <= limit) break;
      if (index === latest || entry.bytes === 0) continue;
      bytes -= entry.bytes;
      this.#held.delete(index);
    }
    return bytes;
  }
}

/** Files of one channel each as one volume. */
function stack(volumes: readonly Volume[]): Volume {
  const [first] = volumes as [Volume];
  if (volumes.length === 1) return first;
  const isSameType = volumes.every(({ data }) => data.constructor === first.data.constructor);
  const length = volumes.reduce((sum, { data }) => sum + data.length, 0);
  const data = emptyLike(isSameType ? first.data : new Float32Array(), length);
  let at = 0;
  for (const volume of volumes) {
    data.set(volume.data, at);
    at += volume.data.length;
  }
  const channels = volumes.reduce((sum, volume) => sum + volume.channels, 0);
  return withData(first, data, channels);
}

function checkGrid(name: string, [what, a]: [string, Grid], [other, b]: [string, Grid]): void {
  if (sameGrid(a, b)) return;
  const difference = (["shape", "spacing", "origin"] as const).find((key) =>
    a[key].some((x, i) => Math.abs(x - b[key][i]!) > 1e-3),
  );
  const of = (grid: Grid): string => {
    if (difference === "shape") return `[${grid.shape.join(", ")}] voxels`;
    const numbers = difference ? grid[difference] : grid.direction.flat();
    return `${difference ?? "direction"} [${numbers.map((x) => Number(x.toFixed(3))).join(", ")}]`;
  };
  throw formatError(
    `Case "${name}": ${what} has ${of(a)}, but ${other} has ${of(b)}: both must lie on one grid, so resample one to the other's.`,
  );
}
