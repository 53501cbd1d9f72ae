/**
 * @file The synthetic data of the proof of concept: simple shapes in noise.
 *
 * A canvas of 48 is halved along every axis. In 3 of the 4 quadrants (2D), in 4
 * of the 8 octants (3D), lies one shape, at a random place, of extents
 * a, h ~ U{5 … 24} (drawn independently). Then every element of the 0/1 mask gets
 * noise of standard deviation 0.5.
 *
 *   square, cube         a voxels to each side
 *   circle, ball         distance from the middle ≤ a/2
 *   cone, pyramid        over a base of a × a and a height h along the last axis,
 *                        Euclidean or Chebyshev distance from the middle ≤ r(z), r from 0 to a/2
 *   cylinder             Euclidean distance ≤ a/2, height h along the last axis
 *
 * Cones and pyramids are turned by quarters, about all three axes. Cylinders are
 * not in the authors' code, although the text says that directions are random;
 * `rotate: "all"` turns them, too.
 *
 * @see Yang et al., arXiv:1911.10477, appendix B and Fig. A2
 */

import type { Random } from "../../data/dataset.ts";
import { integer, normal, shuffled } from "../../graph/random.ts";

/** Voxels along every axis of an image or volume. */
export const CANVAS = 48;
const HALF = CANVAS / 2;
const [LEAST, MOST] = [5, HALF];
const NOISE = 0.5;

/** In the order of their labels; the background comes last. */
export const CLASSES_2D = ["square", "circle", "background"] as const;
export const CLASSES_3D = ["cone", "pyramid", "cube", "cylinder", "ball", "background"] as const;

/** Which shapes lie in any direction: cones and pyramids, as in the authors' code, or cylinders, too, as in the text. */
export type Rotation = "published" | "all";

/** An image [48, 48] or a volume [48, 48, 48], axis 0 slowest, and the class of every element. */
export interface Sample {
  readonly image: Float32Array;
  readonly labels: Uint8Array;
}

/** A shape on a grid of its own, axis 0 slowest; 2D shapes have one voxel along axis 2. */
interface Shape {
  readonly label: number;
  readonly sizes: Sizes;
  readonly mask: Uint8Array;
}

type Sizes = readonly [number, number, number];

/** An image of three shapes. */
export function image2d(random: Random): Sample {
  return draw(random, 2, 3, () => {
    const label = integer(random, 0, 1);
    const a = integer(random, LEAST, MOST);
    const sizes: Sizes = [a, a, 1];
    return { label, sizes, mask: masked(sizes, (x, y) => label === 0 || Math.hypot(x, y) <= a / 2) };
  });
}

/** A volume of four shapes. */
export function volume3d(random: Random, rotation: Rotation): Sample {
  return draw(random, 3, 4, () => {
    const label = integer(random, 0, 4);
    const [a, h] = [integer(random, LEAST, MOST), integer(random, LEAST, MOST)];
    const shape = shape3d(label, a, h);
    const turns = [0, 1, 2].map(() => integer(random, 0, 3));
    const name = CLASSES_3D[label]!;
    const isTurned = name === "cone" || name === "pyramid" || (name === "cylinder" && rotation === "all");
    return isTurned ? TURNS.reduce((turned, plane, i) => turn(turned, plane, turns[i]!), shape) : shape;
  });
}

function shape3d(label: number, a: number, h: number): Shape {
  const radius = (z: number): number => (a / 2) * (z / (h - 1));
  switch (CLASSES_3D[label]) {
    case "cone":
      return {
        label,
        sizes: [a, a, h],
        mask: masked([a, a, h], (x, y, _, z) => Math.hypot(x, y) <= radius(z)),
      };
    case "pyramid":
      return {
        label,
        sizes: [a, a, h],
        mask: masked([a, a, h], (x, y, _, z) => Math.max(Math.abs(x), Math.abs(y)) <= radius(z)),
      };
    case "cylinder":
      return { label, sizes: [a, a, h], mask: masked([a, a, h], (x, y) => Math.hypot(x, y) <= a / 2) };
    case "ball":
      return { label, sizes: [a, a, a], mask: masked([a, a, a], (x, y, z) => Math.hypot(x, y, z) <= a / 2) };
    default:
      return { label, sizes: [a, a, a], mask: new Uint8Array(a ** 3).fill(1) };
  }
}

/** @param inside - of the place from the middle, and the index along the last axis */
function masked(sizes: Sizes, inside: (x: number, y: number, z: number, k: number) => boolean): Uint8Array {
  const [nx, ny, nz] = sizes;
  const mask = new Uint8Array(nx * ny * nz);
  let at = 0;
  for (let i = 0; i < nx; i++)
    for (let j = 0; j < ny; j++)
      for (let k = 0; k < nz; k++)
        mask[at++] = inside(i - (nx - 1) / 2, j - (ny - 1) / 2, k - (nz - 1) / 2, k) ? 1 : 0;
  return mask;
}

/** The planes of the three turns, in order. */
const TURNS = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const;

/** Turned by `quarters` in a plane, from its first axis towards its second. */
function turn(shape: Shape, [first, second]: readonly [number, number], quarters: number): Shape {
  if (quarters === 0) return shape;
  const { sizes, mask } = shape;
  const turned = [...sizes] as [number, number, number];
  [turned[first], turned[second]] = [sizes[second]!, sizes[first]!];
  const result = new Uint8Array(mask.length);
  const from: [number, number, number] = [0, 0, 0];
  let at = 0;
  for (let i = 0; i < turned[0]; i++)
    for (let j = 0; j < turned[1]; j++)
      for (let k = 0; k < turned[2]; k++) {
        const to = [i, j, k];
        [from[0], from[1], from[2]] = [i, j, k];
        from[first] = to[second]!;
        from[second] = sizes[second]! - 1 - to[first]!;
        result[at++] = mask[(from[0] * sizes[1] + from[1]) * sizes[2] + from[2]]!;
      }
  return turn({ ...shape, sizes: turned, mask: result }, [first, second], quarters - 1);
}

/** Puts `count` shapes into different parts of the canvas, each anywhere in its part, and adds the noise. */
function draw(random: Random, dimensions: 2 | 3, count: number, next: () => Shape): Sample {
  const extent = [CANVAS, CANVAS, dimensions === 3 ? CANVAS : 1];
  const background = (dimensions === 3 ? CLASSES_3D : CLASSES_2D).length - 1;
  const labels = new Uint8Array(CANVAS ** dimensions).fill(background);
  const parts = shuffled(
    random,
    Array.from({ length: 2 ** dimensions }, (_, part) => part),
  ).slice(0, count);
  for (const part of parts) {
    const { label, sizes, mask } = next();
    // The lowest bit of a part's number is its half along axis 0.
    const corner = sizes.map((size, axis) =>
      axis < dimensions ? ((part >> axis) & 1) * HALF + integer(random, 0, HALF - size) : 0,
    );
    let at = 0;
    for (let i = 0; i < sizes[0]; i++)
      for (let j = 0; j < sizes[1]; j++)
        for (let k = 0; k < sizes[2]; k++) {
          const place = ((corner[0]! + i) * extent[1]! + corner[1]! + j) * extent[2]! + corner[2]! + k;
          if (mask[at++]) labels[place] = label;
        }
  }
  const noise = normal(random);
  const image = Float32Array.from(labels, (label) => (label === background ? 0 : 1) + NOISE * noise());
  return { image, labels };
}
