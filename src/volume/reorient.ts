/**
 * @file Turning a volume so that its axes run along chosen directions of the
 * patient, by transposing and flipping only: no voxel changes its value or place.
 */

import { inputError } from "../base/errors.ts";
import { pointOf } from "./geometry.ts";
import { type Vec3, map3 } from "./vec3.ts";
import { type Grid, type Volume, emptyLike, voxelCount, withData } from "./volume.ts";

/** Letters by LPS axis: where the axis decreases, and where it increases. */
const LETTERS = ["RL", "AP", "IS"] as const;

const PERMUTATIONS: readonly Vec3[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/**
 * Three letters that say where the axes point, fastest axis first (W, H, D), as
 * nibabel and ITK-SNAP write them: in "RAS", W runs to the right, H to the front
 * and D to the head. Oblique axes get the nearest letter, no letter twice.
 */
export function orientationOf(grid: Grid): string {
  const { direction } = grid;
  // patient[i]: the patient's axis that array axis i follows
  const likeness = (patient: Vec3): number =>
    map3(patient, (axis, i) => Math.abs(direction[i][axis]!)).reduce((a, b) => a + b);
  const patient = PERMUTATIONS.reduce((best, next) => (likeness(next) > likeness(best) ? next : best));
  const [d, h, w] = map3(patient, (axis, i) => LETTERS[axis]![direction[i][axis]! < 0 ? 0 : 1]!);
  return w + h + d;
}

/**
 * Transposes and flips a volume to the orientation `code` (see {@link orientationOf}).
 * `reorient(reorient(v, code), orientationOf(v))` gives `v` back.
 *
 * @throws {@link AcsconvError} `input` if `code` does not name each of R/L, A/P and I/S once
 */
export function reorient(volume: Volume, code: string): Volume {
  const { grid, source, flip, first } = turned(volume, code);
  const strides: Vec3 = [volume.shape[1] * volume.shape[2], volume.shape[2], 1];
  const steps = map3(source, (axis, i) => (flip[i] ? -strides[axis] : strides[axis]));
  const offset = first[0] * strides[0] + first[1] * strides[1] + first[2];
  return withData(grid, transpose(volume, grid.shape, offset, steps), volume.channels);
}

/** The grid that a volume on `grid` has after {@link reorient}. */
export const reorientGrid = (grid: Grid, code: string): Grid => turned(grid, code).grid;

/** A grid in another orientation: the array axis that becomes each, whether it is turned round, and which voxel is first. */
function turned(
  volume: Grid,
  code: string,
): {
  readonly grid: Grid;
  readonly source: readonly [Axis, Axis, Axis];
  readonly flip: readonly [boolean, boolean, boolean];
  readonly first: Vec3;
} {
  const wanted = parse(code);
  const present = parse(orientationOf(volume));
  // The array axis that shall become axis i, and whether it has to be turned round.
  const source = map3(wanted, ({ axis }) => present.findIndex((other) => other.axis === axis) as Axis);
  const flip = map3(wanted, ({ sign }, i) => sign !== present[source[i]].sign);

  const shape = map3(source, (axis) => volume.shape[axis]);
  const first: [number, number, number] = [0, 0, 0];
  source.forEach((axis, i) => {
    if (flip[i]) first[axis] = volume.shape[axis] - 1;
  });
  const grid: Grid = {
    shape,
    spacing: map3(source, (axis) => volume.spacing[axis]),
    origin: pointOf(volume, first),
    direction: map3(source, (axis, i) =>
      flip[i] ? map3(volume.direction[axis], (x) => -x + 0) : volume.direction[axis],
    ),
  };
  return { grid, source, flip, first };
}

type Axis = 0 | 1 | 2;

/** Reads each channel from `offset` on in `steps`, and writes it row by row. */
function transpose(volume: Volume, shape: Vec3, offset: number, steps: Vec3): Volume["data"] {
  const { data, channels } = volume;
  const [depth, height, width] = shape;
  const result = emptyLike(data, data.length);
  let to = 0;
  for (let c = 0; c < channels; c++) {
    for (let d = 0; d < depth; d++) {
      for (let h = 0; h < height; h++) {
        let from = c * voxelCount(volume) + offset + d * steps[0] + h * steps[1];
        for (let w = 0; w < width; w++, from += steps[2]) result[to++] = data[from]!;
      }
    }
  }
  return result;
}

/** The patient's axis and sense for D, H, W: the letters from last to first. */
function parse(code: string): [Letter, Letter, Letter] {
  const letters = [...code.toUpperCase()].reverse().map((letter): Letter | undefined => {
    const axis = LETTERS.findIndex((pair) => pair.includes(letter));
    return axis < 0 ? undefined : { axis, sign: LETTERS[axis]!.indexOf(letter) };
  });
  const axes = new Set(letters.map((letter) => letter?.axis));
  if (letters.length !== 3 || axes.size !== 3 || axes.has(undefined))
    throw inputError(
      `An orientation names one of R/L, one of A/P and one of I/S, such as "RAS" or "LPS", not "${code}".`,
    );
  return letters as [Letter, Letter, Letter];
}

interface Letter {
  readonly axis: number;
  readonly sign: number;
}
