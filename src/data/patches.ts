/** @file Examples from prepared cases: patches at random places for training, whole scans for evaluation. */

import { inputError } from "../base/errors.ts";
import { integer } from "../base/random.ts";
import { readBox } from "../model/prepare.ts";
import { boxOf } from "../volume/crop.ts";
import { type Vec3, map3 } from "../volume/vec3.ts";
import type { CaseStore, PreparedCase } from "./cases.ts";
import type { Dataset, Example, Random } from "../model/dataset.ts";
import { type ClassMap, IGNORED } from "./labels.ts";

/** How patches are drawn. */
export interface PatchOptions {
  /** Voxels [D, H, W]. */
  readonly size: Vec3;
  /** Patches of each case in an epoch: 1 unless given. */
  readonly perCase?: number;
  /** The share of patches with a foreground voxel in the middle: a third unless given, as in nnU-Net. */
  readonly foreground?: number;
}

/** @see Isensee et al., nnU-Net, https://doi.org/10.1038/s41592-020-01008-z */
const FOREGROUND = 1 / 3;

/**
 * Patches of the cases at random places. Where the scan is smaller than the patch it stands in the middle, as in
 * prediction: between zeros (after normalising), which are background.
 *
 * @throws {@link AcsconvError} `input` for sizes, counts or shares that make no sense
 */
export function patches(cases: CaseStore, options: PatchOptions): Dataset {
  const { size, perCase = 1, foreground = FOREGROUND } = options;
  if (![...size, perCase].every((n) => Number.isInteger(n) && n > 0))
    throw inputError(
      `Patches need whole sizes and a whole number per case, not [${size.join(", ")}] and ${perCase}.`,
    );
  if (!(foreground >= 0 && foreground <= 1))
    throw inputError(`The share of foreground patches lies between 0 and 1, not at ${foreground}.`);
  const countsOf = new WeakMap<ClassMap, readonly ClassCount[]>();
  return {
    length: cases.length * perCase,
    async get(index, random) {
      const one = await cases.load(index % cases.length);
      let present = countsOf.get(one.label);
      if (!present) countsOf.set(one.label, (present = countForeground(one.label)));
      const centre = random() < foreground ? foregroundVoxel(one.label, present, random) : undefined;
      const start = map3(one.label.shape, (extent, i) => startOf(extent, size[i], centre?.[i], random));
      return exampleOf(one, start, size);
    },
  };
}

/** Every case as one example: the whole scan, or the region that the store was made for. */
export function wholeScans(cases: CaseStore): Dataset {
  return {
    length: cases.length,
    async get(index) {
      const one = await cases.load(index);
      return exampleOf(one, [0, 0, 0], one.label.shape);
    },
  };
}

/** Where a patch starts on an axis: around `centre` as far as the scan reaches, or anywhere within. */
function startOf(extent: number, size: number, centre: number | undefined, random: Random): number {
  const last = extent - size;
  if (last < 0) return -Math.floor(-last / 2);
  if (centre === undefined) return integer(random, 0, last);
  return Math.min(Math.max(centre - Math.floor(size / 2), 0), last);
}

/** How many voxels of a class lie in each plane. */
interface ClassCount {
  readonly class: number;
  readonly planes: Uint32Array;
  readonly total: number;
}

/**
 * The foreground classes that a case has. To draw a voxel evenly, a plane is
 * found by these counts and searched: no list of voxels has to be kept.
 */
function countForeground({ data, shape: [depth, height, width] }: ClassMap): readonly ClassCount[] {
  const planes = new Map<number, Uint32Array>();
  for (let d = 0, i = 0; d < depth; d++) {
    for (const end = i + height * width; i < end; i++) {
      const k = data[i]!;
      if (k === 0 || k === IGNORED) continue;
      let counts = planes.get(k);
      if (!counts) planes.set(k, (counts = new Uint32Array(depth)));
      counts[d]!++;
    }
  }
  return [...planes]
    .sort(([a], [b]) => a - b)
    .map(([k, counts]) => ({ class: k, planes: counts, total: counts.reduce((a, b) => a + b) }));
}

/** A foreground voxel: each class that the case has is as probable, and each of its voxels. */
function foregroundVoxel(label: ClassMap, present: readonly ClassCount[], random: Random): Vec3 | undefined {
  if (present.length === 0) return undefined;
  const chosen = present[integer(random, 0, present.length - 1)]!;
  let rank = integer(random, 0, chosen.total - 1);
  let d = 0;
  while (rank >= chosen.planes[d]!) rank -= chosen.planes[d++]!;
  const [, height, width] = label.shape;
  let i = d * height * width;
  for (; label.data[i] !== chosen.class || rank > 0; i++) if (label.data[i] === chosen.class) rank--;
  return [d, Math.floor(i / width) % height, i % width];
}

/** The box of a case as the network sees it, and its classes. */
function exampleOf(one: PreparedCase, start: Vec3, size: Vec3): Example {
  const { name, label, lines } = one;
  const { data } = boxOf(label, start, size);
  const image = readBox({ scan: one.image, grid: one.image, lines }, start, size);
  return {
    name,
    image: { dtype: "float32", dims: [lines.length, ...size], data: image },
    target: { dtype: "uint8", dims: size, data: data as Uint8Array },
  };
}
