/**
 * @file A label map as solid bodies in a box, seen from above one corner:
 * rays in parallel, the first label that each one meets, shaded by
 *
 *   ambient + (1 − ambient) · max(0, n · l)      n ~ −Σ o·[label(p + o) is the same]
 *
 * n, the direction out of the body, sums the offsets o of a small neighbourhood.
 */

import { type Mat3, type Vec3, add, combine, dot, map3, norm, scale, unit } from "../volume/vec3.ts";
import { blend, labelColour } from "./colours.ts";
import { type Rgb, type RgbImage, blankImage } from "./image.ts";
import type { Elements } from "./slices.ts";

const AMBIENT = 0.35;
/** Voxels on each side that the direction of a surface is found from. */
const REACH = 2;
/** Of a ray, in voxels. */
const STEP = 0.5;
const PAPER: Rgb = [24, 24, 24];
const EDGE: Rgb = [90, 90, 90];

/** The picture's right, its down, and away from the eye: axis 0 goes down, axis 1 to the front, axis 2 to the right. */
const VIEW = view((25 * Math.PI) / 180, (30 * Math.PI) / 180);
const [RIGHT, DOWN, AWAY] = VIEW;
/** From over the left shoulder. */
const LIGHT = unit(combine([-0.5, -0.8, -1], VIEW));

type LabelAt = (d: number, h: number, w: number) => number;

/** Labels other than 0 of a cubic (or nearly cubic) volume, in a square of `size` pixels. */
export function renderLabels({ data, shape }: Elements, size: number): RgbImage {
  const image = blankImage(size, size);
  for (let i = 0; i < image.data.length; i += 3) image.data.set(PAPER, i);
  // Whatever way it is turned, the box fits.
  const half = Math.hypot(...shape) / 2;
  const perPixel = (2 * half) / size;
  const middle: Vec3 = [(shape[0] - 1) / 2, (shape[1] - 1) / 2, (shape[2] - 1) / 2];
  drawBox(image, shape, perPixel);
  const labelAt: LabelAt = (d, h, w) =>
    d < 0 || h < 0 || w < 0 || d >= shape[0] || h >= shape[1] || w >= shape[2]
      ? 0
      : data[(d * shape[1] + h) * shape[2] + w]!;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const pixel: Vec3 = [(x + 0.5) * perPixel - half, (y + 0.5) * perPixel - half, -half];
      const start = add(middle, combine(pixel, VIEW));
      const [from, to] = crossing(start, shape);
      for (let t = from; t < to; t += STEP) {
        const d = Math.round(start[0] + t * AWAY[0]);
        const h = Math.round(start[1] + t * AWAY[1]);
        const w = Math.round(start[2] + t * AWAY[2]);
        const label = labelAt(d, h, w);
        if (label === 0) continue;
        const out = outward(labelAt, label, d, h, w);
        const light = AMBIENT + (1 - AMBIENT) * Math.max(0, dot(out, LIGHT));
        image.data.set(blend([0, 0, 0], labelColour(label), light), 3 * (y * size + x));
        break;
      }
    }
  }
  return image;
}

/** From where to where along a ray there is volume. */
function crossing(start: Vec3, shape: Vec3): readonly [from: number, to: number] {
  const ends = shape.map((length, axis) =>
    [-0.5, length - 0.5].map((side) => (side - start[axis]!) / AWAY[axis]!).sort((a, b) => a - b),
  );
  return [Math.max(...ends.map(([near]) => near!)), Math.min(...ends.map(([, far]) => far!))];
}

/** The direction out of the body of a label, at one of its voxels. */
function outward(labelAt: LabelAt, label: number, d: number, h: number, w: number): Vec3 {
  const out: [number, number, number] = [0, 0, 0];
  for (let i = -REACH; i <= REACH; i++)
    for (let j = -REACH; j <= REACH; j++)
      for (let k = -REACH; k <= REACH; k++) {
        if (labelAt(d + i, h + j, w + k) !== label) continue;
        out[0] -= i;
        out[1] -= j;
        out[2] -= k;
      }
  // A voxel by itself has no side: it is lit from the eye.
  return norm(out) > 0 ? unit(out) : scale(AWAY, -1);
}

/** The twelve edges; bodies are drawn over them. */
function drawBox(image: RgbImage, shape: Vec3, perPixel: number): void {
  const { width } = image;
  for (const axis of [0, 1, 2] as const) {
    for (const ends of [
      [-1, -1],
      [-1, 1],
      [1, -1],
      [1, 1],
    ]) {
      const corner = map3(shape, (_, i) => (i === axis ? 0 : ends.shift()!));
      for (let t = 0; t <= 2 * width; t++) {
        const at = map3(corner, (side, i) => ((i === axis ? t / width - 1 : side) * shape[i]) / 2);
        const x = Math.floor(width / 2 + dot(at, RIGHT) / perPixel);
        const y = Math.floor(width / 2 + dot(at, DOWN) / perPixel);
        image.data.set(EDGE, 3 * (y * width + x));
      }
    }
  }
}

/** Looking at the front (axis 1 towards the eye), turned to the side and raised by angles. */
function view(turn: number, rise: number): Mat3 {
  const [s, c] = [Math.sin(turn), Math.cos(turn)];
  const right: Vec3 = [0, s, c];
  const away: Vec3 = [Math.sin(rise), -c * Math.cos(rise), s * Math.cos(rise)];
  const down: Vec3 = [Math.cos(rise), c * Math.sin(rise), -s * Math.sin(rise)];
  return [right, down, away];
}
