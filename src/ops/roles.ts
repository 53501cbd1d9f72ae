/**
 * @file Axis roles: what each axis of a 2D network's tensor stands for, and
 * where depth enters once height is preceded by it.
 *
 * An axis holds an ordered list of atoms. The one rule of lifting: an axis that
 * is exactly height becomes two axes, depth and height; an axis that merges
 * height with others stays one axis with depth inserted before height; nothing
 * else changes.
 *
 *   [N][C][H][W]  →  [N][C][D][H][W]
 *   [N][C·H·W]    →  [N][C·D·H·W]
 *   [N][C]        →  [N][C]
 */

import { type Dim, mulDims, productOfDims } from "../graph/dim.ts";

/** `C` is any feature-like extent; batch, height and width are the image's. */
export type Role = "N" | "C" | "H" | "W";

export interface Atom {
  readonly role: Role;
  /** The extent in the 2D network. */
  readonly size: Dim;
  /** For height: the extent of depth in the lifted network. */
  readonly depth?: Dim;
}

/** An axis: the product of its atoms; none for an axis of size 1 that stands for nothing. */
export type Axis = readonly Atom[];
export type Axes = readonly Axis[];

export const atom = (role: Role, size: Dim): Axis => [{ role, size }];

export const isHeight = (axis: Axis | undefined): boolean => axis?.length === 1 && axis[0]!.role === "H";
export const hasRole = (axis: Axis | undefined, role: Role): boolean =>
  axis?.some((a) => a.role === role) ?? false;
export const hasHeight = (axes: Axes): boolean => axes.some((axis) => hasRole(axis, "H"));
export const isSpatial = (axis: Axis | undefined): boolean => hasRole(axis, "H") || hasRole(axis, "W");

export const axisSize = (axis: Axis): Dim => productOfDims(axis.map((a) => a.size));
export const shapeOfAxes = (axes: Axes): Dim[] => axes.map(axisSize);

/** The sizes in which height reads as depth does: the view of somebody who slices the other way. */
export const twinShapeOfAxes = (axes: Axes): Dim[] =>
  axes.map((axis) => productOfDims(axis.map((a) => a.depth ?? a.size)));

/** The sizes of the lifted tensor. */
export function liftedShape(axes: Axes): Dim[] {
  return axes.flatMap((axis): Dim[] => {
    if (isHeight(axis)) return [depthOf(axis[0]!), axis[0]!.size];
    return [
      axis.reduce<Dim>((size, a) => mulDims(size, a.role === "H" ? mulDims(a.size, depthOf(a)) : a.size), 1),
    ];
  });
}

const depthOf = (a: Atom): Dim => a.depth ?? 1;

/** Axis of the lifted tensor that holds the 2D axis (for height: height itself; depth is one before it). */
export const liftedAxis = (axes: Axes, axis: number): number =>
  axis + axes.slice(0, axis + 1).filter(isHeight).length;

/** Axes of the lifted tensor that are depth. */
export const depthAxes = (axes: Axes): number[] =>
  axes.flatMap((axis, i) => (isHeight(axis) ? [liftedAxis(axes, i) - 1] : []));

/** Axes of the lifted tensor that a 2D axis becomes: depth and height, or the one axis. */
export function liftedAxes(axes: Axes, axis: number): number[] {
  const at = liftedAxis(axes, axis);
  return isHeight(axes[axis]) ? [at - 1, at] : [at];
}

/** `[N][C·H·W]`: how messages show roles. */
export const showAxes = (axes: Axes): string =>
  axes.map((axis) => `[${axis.map((a) => a.role).join("·") || "1"}]`).join("");
