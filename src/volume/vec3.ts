/** @file The little linear algebra that placing voxels in space takes. */

/** One number for each axis: D, H, W of an array, or x, y, z in space. */
export type Vec3 = readonly [number, number, number];

/** Three vectors. */
export type Mat3 = readonly [Vec3, Vec3, Vec3];

/** Below this, unit axes lie in one plane for all that 32-bit headers can tell. */
export const MIN_DETERMINANT = 1e-4;

export const determinant = ([a, b, c]: Mat3): number => dot(a, cross(b, c));

export const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

export const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

export const scale = (a: Vec3, factor: number): Vec3 => [a[0] * factor, a[1] * factor, a[2] * factor];

export const add = (a: Vec3, b: Vec3): Vec3 => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];

export const subtract = (a: Vec3, b: Vec3): Vec3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

export const norm = (a: Vec3): number => Math.hypot(...a);

export const unit = (a: Vec3): Vec3 => scale(a, 1 / norm(a));

/** Σ weights[i] · vectors[i] */
export const combine = (weights: Vec3, vectors: Mat3): Vec3 =>
  add(add(scale(vectors[0], weights[0]), scale(vectors[1], weights[1])), scale(vectors[2], weights[2]));

/** The vectors dual to `m`: dual[i] · m[j] is 1 where i = j and 0 elsewhere. */
export function dual([a, b, c]: Mat3): Mat3 {
  const factor = 1 / determinant([a, b, c]);
  return [scale(cross(b, c), factor), scale(cross(c, a), factor), scale(cross(a, b), factor)];
}

export const map3 = <T, U>(values: readonly [T, T, T], f: (value: T, i: 0 | 1 | 2) => U): [U, U, U] => [
  f(values[0], 0),
  f(values[1], 1),
  f(values[2], 2),
];
