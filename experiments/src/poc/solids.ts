/**
 * @file The shapes of the proof of concept, as masks on grids of their own.
 *
 *   square, cube         a voxels to each side
 *   circle, ball         distance from the middle ≤ a/2
 *   cone, pyramid        over a base of a × a and a height h along the last axis,
 *                        Euclidean or Chebyshev distance from the middle ≤ r(z), r from 0 to a/2
 *   cylinder             Euclidean distance ≤ a/2, height h along the last axis
 */

/** In the order of their labels. */
export const SHAPES_2D = ["square", "circle"] as const;
export const SHAPES_3D = ["cone", "pyramid", "cube", "cylinder", "ball"] as const;
export type ShapeName = (typeof SHAPES_2D)[number] | (typeof SHAPES_3D)[number];

export type Sizes = readonly [number, number, number];

/** A shape, axis 0 slowest; 2D shapes have one voxel along axis 2. */
export interface Solid {
  readonly sizes: Sizes;
  /** 1 inside. */
  readonly mask: Uint8Array;
}

/** @param h - height of cones, pyramids and cylinders */
export function solid(name: ShapeName, a: number, h: number): Solid {
  // distance ≤ r = (a/2) · k/(h − 1), without a division: where both are equal, rounding must not decide.
  const isWithin = (distance: number, k: number): boolean => distance * (h - 1) <= (a / 2) * k;
  switch (name) {
    case "square":
      return masked([a, a, 1], () => true);
    case "circle":
      return masked([a, a, 1], (x, y) => Math.hypot(x, y) <= a / 2);
    case "cube":
      return masked([a, a, a], () => true);
    case "ball":
      return masked([a, a, a], (x, y, z) => Math.hypot(x, y, z) <= a / 2);
    case "cylinder":
      return masked([a, a, h], (x, y) => Math.hypot(x, y) <= a / 2);
    case "cone":
      return masked([a, a, h], (x, y, _, k) => isWithin(Math.hypot(x, y), k));
    case "pyramid":
      return masked([a, a, h], (x, y, _, k) => isWithin(Math.max(Math.abs(x), Math.abs(y)), k));
  }
}

/** @param inside - of the place from the middle, and the index along the last axis */
function masked(sizes: Sizes, inside: (x: number, y: number, z: number, k: number) => boolean): Solid {
  const [nx, ny, nz] = sizes;
  const mask = new Uint8Array(nx * ny * nz);
  let at = 0;
  for (let i = 0; i < nx; i++)
    for (let j = 0; j < ny; j++)
      for (let k = 0; k < nz; k++)
        mask[at++] = inside(i - (nx - 1) / 2, j - (ny - 1) / 2, k - (nz - 1) / 2, k) ? 1 : 0;
  return { sizes, mask };
}

/** The planes of the three turns, in order. */
const TURNS = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const;

/** Turned in the planes of axes 0 and 1, then 0 and 2, then 1 and 2, by so many quarters each. */
export const turned = (solid: Solid, quarters: readonly number[]): Solid =>
  TURNS.reduce((result, plane, i) => turn(result, plane, quarters[i]!), solid);

/** Turned in a plane, from its first axis towards its second. */
function turn(solid: Solid, [first, second]: readonly [number, number], quarters: number): Solid {
  if (quarters === 0) return solid;
  const { sizes, mask } = solid;
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
  return turn({ sizes: turned, mask: result }, [first, second], quarters - 1);
}
