/**
 * @file Single slices of a volume along any of its axes, one square of pixels to a
 * voxel: for volumes that have no anatomy, and maps of features. Scans are drawn
 * by montage.ts.
 */

import type { Vec3 } from "../volume/vec3.ts";
import { clamp01, heatColour, labelColour } from "./colours.ts";
import { type Rgb, type RgbImage, blankImage, paste } from "./image.ts";

/** The plane across an axis. */
export interface Slice {
  readonly axis: 0 | 1 | 2;
  readonly index: number;
}

/** A volume's elements, the last axis fastest; an image is a volume of one slice. */
export interface Elements {
  readonly data: ArrayLike<number>;
  readonly shape: Vec3;
}

/** The colour of a value. */
type Paint = (value: number) => Rgb;

const BACKGROUND: Rgb = [24, 24, 24];

/** From `low`, black, to `high`, white. */
export const greys =
  (low: number, high: number): Paint =>
  (value) => {
    const grey = Math.round(255 * clamp01((value - low) / (high - low || 1)));
    return [grey, grey, grey];
  };

/** viridis from `low` to `high`. */
export const heat =
  (low: number, high: number): Paint =>
  (value) =>
    heatColour((value - low) / (high - low || 1));

/** Nearly black for 0, and for every other label its colour. */
export const labelPaint = (label: number): Rgb => (label === 0 ? BACKGROUND : labelColour(label));

/** Indices of a slice's elements, row by row: the axes that are left keep their order. */
export function sliceIndices([depth, height, width]: Vec3, { axis, index }: Slice): Int32Array[] {
  const sizes = [depth, height, width];
  const strides = [height * width, width, 1];
  const [rows, columns] = [0, 1, 2].filter((other) => other !== axis) as [number, number];
  return Array.from({ length: sizes[rows]! }, (_, r) =>
    Int32Array.from(
      { length: sizes[columns]! },
      (_, c) => index * strides[axis]! + r * strides[rows]! + c * strides[columns]!,
    ),
  );
}

/** A slice in the colours of `paint`, every element `scale` × `scale` pixels. */
export function slicePicture({ data, shape }: Elements, slice: Slice, paint: Paint, scale: number): RgbImage {
  const rows = sliceIndices(shape, slice);
  const image = blankImage(rows[0]!.length * scale, rows.length * scale);
  rows.forEach((row, r) => {
    const line = blankImage(image.width, scale);
    row.forEach((at, c) => {
      const colour = paint(data[at]!);
      for (let y = 0; y < scale; y++)
        for (let x = 0; x < scale; x++) line.data.set(colour, 3 * (y * line.width + c * scale + x));
    });
    paste(image, line, 0, r * scale);
  });
  return image;
}
