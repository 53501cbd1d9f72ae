/**
 * @file Classified scans in memory: read once, prepared as `classify` prepares them, cut to their middle, and kept while
 * there is room. Voxels stay in the type of their file and get the network's intensities when an example is made.
 */

import { inputError } from "../../base/errors.ts";
import type { Dataset } from "../../model/dataset.ts";
import type { LabelledCase } from "../../model/evaluate.ts";
import {
  type Preparation,
  type PreparedScan,
  middleOf,
  prepareScan,
  readMiddle,
} from "../../model/prepare.ts";
import type { Vec3 } from "../../volume/vec3.ts";
import type { Grid, Volume } from "../../volume/volume.ts";
import { parseChannelName } from "../file-names.ts";
import { Kept } from "../kept.ts";
import { type Warnings, ofCase } from "../warnings.ts";
import type { ClassifiedScan } from "./data-set.ts";

/** How scans are prepared. */
export interface ScanOptions extends Preparation {
  /** Channels of the network; a scan of one channel serves them all. */
  readonly channels: number;
  /** Voxels [D, H, W] around the middle of each scan that the network sees. */
  readonly size: Vec3;
  /** Bytes of voxels to keep in memory: `CACHE_BYTES` unless given. */
  readonly cacheBytes?: number;
  readonly onWarning?: ((sentence: string) => void) | undefined;
}

/** Scans by their number, loaded when they are first asked for. */
export class ScanStore {
  readonly #scans: readonly ClassifiedScan[];
  readonly #options: ScanOptions;
  readonly #kept: Kept<PreparedScan>;
  /** Channels of the first scan that was read, and its name: all have as many. */
  #first: { readonly name: string; readonly channels: number } | undefined;

  constructor(scans: readonly ClassifiedScan[], options: ScanOptions) {
    this.#scans = scans;
    this.#options = options;
    this.#kept = new Kept(
      (index) => this.#prepare(scans[index]!),
      ({ scan }) => scan.data.byteLength,
      options.cacheBytes,
    );
  }

  get length(): number {
    return this.#scans.length;
  }

  /**
   * The part of a scan that the network sees, its intensities still to be applied.
   *
   * @throws {@link AcsconvError} as reading does, and `input` if the preparation does not fit the scan
   */
  async load(index: number): Promise<{ readonly image: Volume }> {
    const { scan } = await this.#kept.load(index);
    return { image: scan };
  }

  /** Every scan as one example, with one class. */
  get examples(): Dataset {
    const { size } = this.#options;
    return {
      length: this.length,
      get: async (index) => {
        const { name, label } = this.#scans[index]!;
        const prepared = await this.#kept.load(index);
        return {
          name,
          image: {
            dtype: "float32",
            dims: [prepared.lines.length, ...size],
            data: readMiddle(prepared, size),
          },
          target: { dtype: "uint8", dims: [], data: Uint8Array.of(label) },
        };
      },
    };
  }

  async #prepare({ name, read }: ClassifiedScan): Promise<PreparedScan> {
    const { channels, size, onWarning, ...preparation } = this.#options;
    const warn = (sentence: string): void => onWarning?.(ofCase(name, sentence));
    const image = await read(warn);
    if (image.channels !== 1 && image.channels !== channels)
      throw inputError(`Case "${name}" has ${image.channels} channels, but the network takes ${channels}.`);
    this.#first ??= { name, channels: image.channels };
    if (image.channels !== this.#first.channels)
      throw inputError(
        `Case "${name}" has ${image.channels} channels, and "${this.#first.name}" ${this.#first.channels}: all scans need as many.`,
      );
    return middleOf(prepareScan(image, channels, preparation, warn), size);
  }
}

/** Scans as they were read, one after the other. */
export async function* readScans(
  scans: readonly ClassifiedScan[],
  warnings: Warnings,
): AsyncGenerator<LabelledCase> {
  for (const { name, label, read } of scans)
    yield { name, label, image: await read((sentence) => warnings.tell(ofCase(name, sentence))) };
}

/** Where the voxels of every scan lie, of those that do not say by reading them. */
export async function gridsOf(scans: readonly ClassifiedScan[]): Promise<readonly Grid[]> {
  const grids: Grid[] = [];
  for (const { grid, read } of scans) {
    // What is odd about a scan is told when it is read to be used.
    const { shape, spacing, origin, direction } = (await grid()) ?? (await read(() => undefined));
    grids.push({ shape, spacing, origin, direction });
  }
  return grids;
}

/**
 * Makes sure that no scan is one channel of several: a class for each of nnU-Net's `case_0000.nii.gz`, `case_0001.nii.gz`
 * would be learned from half of what there is.
 *
 * @param channels - of the network
 * @throws {@link AcsconvError} `input` where the files of every case are as many as the channels
 */
export function requireWholeScans(scans: readonly ClassifiedScan[], channels: number): void {
  if (channels < 2) return;
  const groups = new Map<string, string[]>();
  for (const { name } of scans) {
    const parsed = parseChannelName(name);
    if (!parsed) return;
    groups.set(parsed.stem, [...(groups.get(parsed.stem) ?? []), name]);
  }
  const [first] = groups.values();
  if (!first || [...groups.values()].some((files) => files.length !== channels)) return;
  throw inputError(
    `The network takes ${channels} channels, and files such as "${first.join('" and "')}" look like those of one scan, a file for each: join them into one file with ${channels} channels, because a class is given to each file.`,
  );
}
