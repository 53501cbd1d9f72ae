/** @file Slices of volumes and renderings of labels, pixel by pixel. */

import { describe, expect, test } from "vitest";
import type { Vec3 } from "../volume/vec3.ts";
import { labelColour } from "./colours.ts";
import type { RgbImage } from "./image.ts";
import { renderLabels } from "./rendering.ts";
import { greys, heat, labelPaint, sliceIndices, slicePicture } from "./slices.ts";

const pixel = ({ width, data }: RgbImage, x: number, y: number): number[] =>
  Array.from(data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3));

describe("slices", () => {
  const shape: Vec3 = [2, 3, 4];

  test("are the elements whose index along the axis is the slice's, in order", () => {
    for (const axis of [0, 1, 2] as const) {
      for (let index = 0; index < shape[axis]; index++) {
        const expected: number[] = [];
        for (let d = 0; d < 2; d++)
          for (let h = 0; h < 3; h++)
            for (let w = 0; w < 4; w++) if ([d, h, w][axis] === index) expected.push((d * 3 + h) * 4 + w);
        const rows = sliceIndices(shape, { axis, index });
        expect(rows.flatMap((row) => Array.from(row))).toEqual(expected);
        expect(rows).toHaveLength(axis === 0 ? 3 : 2);
      }
    }
  });

  test("are drawn with squares of pixels", () => {
    const data = Uint8Array.from({ length: 24 }, (_, i) => i % 3);
    const image = slicePicture({ data, shape }, { axis: 1, index: 2 }, labelPaint, 3);
    expect([image.width, image.height]).toEqual([12, 6]);
    for (let d = 0; d < 2; d++) {
      for (let w = 0; w < 4; w++) {
        const colour = labelPaint(data[(d * 3 + 2) * 4 + w]!);
        for (const [x, y] of [[0, 0], [2, 2]] as const) {
          expect(pixel(image, 3 * w + x, 3 * d + y)).toEqual(colour);
        }
      }
    } // prettier-ignore
  });

  test("are painted between two values, and no further", () => {
    const paint = greys(-1, 2);
    expect([-5, -1, 0.5, 2, 9].map((value) => paint(value)[0])).toEqual([0, 0, 128, 255, 255]);
    expect(heat(1, 3)(1)).toEqual([68, 1, 84]);
    expect(heat(1, 3)(3)).toEqual([253, 231, 37]);
    // All the same: no NaN.
    expect(greys(2, 2)(2)).toEqual([0, 0, 0]);
  });
});

describe("renderLabels", () => {
  const SIZE = 24;
  const shape: Vec3 = [SIZE, SIZE, SIZE];
  const volume = (labelAt: (d: number, h: number, w: number) => number): Uint8Array => {
    const data = new Uint8Array(SIZE ** 3);
    for (let d = 0, i = 0; d < SIZE; d++)
      for (let h = 0; h < SIZE; h++) for (let w = 0; w < SIZE; w++) data[i++] = labelAt(d, h, w);
    return data;
  };
  const ball = (label: number, middle: Vec3, radius: number) => (d: number, h: number, w: number) =>
    Math.hypot(d - middle[0], h - middle[1], w - middle[2]) <= radius ? label : 0;
  /** Where a pixel's hue is that of a label, whatever its light is. */
  const isOf = (label: number, rgb: readonly number[]): boolean => {
    const hue = labelColour(label);
    const light = Math.max(...rgb) / Math.max(...hue);
    return light > 0.3 && rgb.every((value, i) => Math.abs(value - light * hue[i]!) <= 2);
  };
  const count = (image: RgbImage, label: number): number => {
    let found = 0;
    for (let y = 0; y < image.height; y++)
      for (let x = 0; x < image.width; x++) if (isOf(label, pixel(image, x, y))) found++;
    return found;
  };

  test("a ball is a disc of its area, in the middle, lighter above than below", () => {
    const radius = 8;
    const size = 120;
    const image = renderLabels({ data: volume(ball(1, [11.5, 11.5, 11.5], radius)), shape }, size);
    const perVoxel = size / Math.hypot(...shape);
    // Voxels stick out of the ball by half of one.
    const area = Math.PI * ((radius + 0.25) * perVoxel) ** 2;
    expect(count(image, 1)).toBeGreaterThan(0.93 * area);
    expect(count(image, 1)).toBeLessThan(1.07 * area);
    expect(isOf(1, pixel(image, 60, 60))).toBe(true);
    expect(Math.max(...pixel(image, 55, 50))).toBeGreaterThan(1.3 * Math.max(...pixel(image, 65, 75)));
  });

  test("axis 0 goes down, axis 2 to the right, and axis 1 comes to the front", () => {
    const centre = (at: Vec3): readonly [x: number, y: number] => {
      const image = renderLabels({ data: volume(ball(3, at, 3)), shape }, 96);
      let [x, y, n] = [0, 0, 0];
      for (let j = 0; j < 96; j++)
        for (let i = 0; i < 96; i++)
          if (isOf(3, pixel(image, i, j))) {
            x += i;
            y += j;
            n++;
          }
      return [x / n, y / n];
    };
    const [x, y] = centre([11, 11, 11]);
    expect(centre([18, 11, 11])[1]).toBeGreaterThan(y + 5);
    expect(centre([11, 11, 18])[0]).toBeGreaterThan(x + 5);
    // 9 voxels nearer along the line of sight, which goes 30° down and 25° to the side, a larger ball hides a ball.
    const behind = ball(1, [15, 6, 15], 3);
    const front = ball(2, [15 - 4.5, 6 + 7.1, 15 - 3.3], 5);
    const alone = renderLabels({ data: volume(behind), shape }, 96);
    expect(count(alone, 1)).toBeGreaterThan(100);
    const both = renderLabels({ data: volume((d, h, w) => front(d, h, w) || behind(d, h, w)), shape }, 96);
    expect(count(both, 1)).toBe(0);
  });

  test("without labels there is the box; single voxels are seen", () => {
    const empty = renderLabels({ data: volume(() => 0), shape }, 64);
    const colours = new Set(
      Array.from({ length: 64 * 64 }, (_, i) => pixel(empty, i % 64, Math.floor(i / 64)).join()),
    );
    expect(colours.size).toBe(2);
    const single = renderLabels(
      { data: volume((d, h, w) => (d === 12 && h === 12 && w === 12 ? 1 : 0)), shape },
      64,
    );
    expect(count(single, 1)).toBeGreaterThan(0);
  });
});
