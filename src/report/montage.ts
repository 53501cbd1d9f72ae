/**
 * @file A volume at a glance: its three planes side by side, in true
 * proportions, with labels or values laid over them.
 */

import { inputError } from "../base/errors.ts";
import type { Vec3 } from "../volume/vec3.ts";
import type { Volume } from "../volume/volume.ts";
import { blend, clamp01, heatColour, labelColour } from "./colours.ts";
import { type Rgb, type RgbImage, blankImage, paste, sideBySide } from "./image.ts";
import { type Plane, PLANES, type PlaneName, linearIn, nearestIn, planeThrough } from "./planes.ts";
import { GLYPH_HEIGHT, drawText, textWidth } from "./text.ts";

/** What is laid over a volume: another one on the same grid, of which the first channel is shown. */
export interface Overlay {
  /** `labels`: 0 is background, every other number has its colour. `values`: viridis, the higher the more opaque. */
  readonly kind: "labels" | "values";
  readonly volume: Volume;
  /** The values at both ends of the scale, such as 0 and 1 for probabilities; by default from their percentiles. */
  readonly range?: readonly [low: number, high: number];
}

/** What to draw, and how. */
export interface MontageOptions {
  readonly overlay?: Overlay;
  /** The voxel (d, h, w) that the planes go through; by default in the middle of the labels, else of the volume. */
  readonly at?: Vec3;
  /** How the volume itself is drawn: `grey` for scans, `values` (viridis) for feature maps. */
  readonly colours?: "grey" | "values";
  /** The longest side of the largest plane, in pixels. */
  readonly size?: number;
}

/** Opacity of labels, and of the highest value. */
const OVERLAY_OPACITY = 0.55;
const GAP = 6;
const TEXT_COLOUR: Rgb = [255, 255, 255];
const CAPTION_COLOUR: Rgb = [170, 170, 170];
const CAPTION_HEIGHT = GLYPH_HEIGHT + 4;

/**
 * The axial, coronal and sagittal plane through a voxel, in one scale, in
 * radiological view with letters for the sides. Intensities between the 1st and the 99th percentile span the
 * scale from black to white (or the colours).
 *
 * @throws {@link AcsconvError} `input` if the overlay has another shape, or `at` lies outside
 */
export function montage(volume: Volume, options: MontageOptions = {}): RgbImage {
  const { overlay, colours = "grey", size = 320 } = options;
  if (overlay && overlay.volume.shape.some((length, axis) => length !== volume.shape[axis]))
    throw inputError(
      `An overlay needs the volume's shape [${volume.shape.join(", ")}], not [${overlay.volume.shape.join(", ")}].`,
    );
  const centre = volume.shape.map((length) => Math.floor(length / 2)) as unknown as Vec3;
  const at =
    options.at ?? (overlay?.kind === "labels" ? middleOfLabels(overlay.volume) : undefined) ?? centre;
  if (!at.every((index, axis) => index >= 0 && index < volume.shape[axis]!))
    throw inputError(`Voxel [${at.join(", ")}] lies outside a volume of [${volume.shape.join(", ")}].`);
  const base = painter({ kind: colours, volume });
  const over = overlay && painter(overlay);
  const mmPerPixel = Math.max(...volume.shape.map((length, axis) => length * volume.spacing[axis]!)) / size;

  const tiles = (Object.keys(PLANES) as PlaneName[]).map((name) => {
    const plane = planeThrough(volume, name, at);
    return drawPlane(plane, mmPerPixel, (r, c) => {
      const under = base(plane, r, c).colour;
      const laid = over?.(plane, r, c);
      return laid ? blend(under, laid.colour, laid.opacity) : under;
    });
  });
  return sideBySide(tiles, GAP);
}

/** Images in rows of `columns`, each with its title above. Cells are as large as the largest image. */
export function grid(images: readonly RgbImage[], columns: number, titles: readonly string[] = []): RgbImage {
  const titleHeight = titles.length > 0 ? GLYPH_HEIGHT + 2 * GAP : 0;
  const cellWidth =
    Math.max(0, ...images.map(({ width }, i) => Math.max(width, textWidth(titles[i] ?? "")))) + GAP;
  const cellHeight = Math.max(0, ...images.map(({ height }) => height)) + titleHeight + GAP;
  const columnCount = Math.max(1, Math.min(columns, images.length));
  const rowCount = Math.ceil(images.length / columnCount);
  const sheet = blankImage(columnCount * cellWidth + GAP, rowCount * cellHeight + GAP);
  images.forEach((image, i) => {
    const x = GAP + (i % columnCount) * cellWidth;
    const y = GAP + Math.floor(i / columnCount) * cellHeight;
    drawText(sheet, titles[i] ?? "", x, y + GAP, TEXT_COLOUR);
    paste(sheet, image, x, y + titleHeight);
  });
  return sheet;
}

/** The labelled voxel closest to the labels' centre of mass, which itself may lie in a hole; undefined without labels. */
export function middleOfLabels({ data, shape: [depth, height, width] }: Volume): Vec3 | undefined {
  const sum: [number, number, number] = [0, 0, 0];
  let count = 0;
  const visit = (f: (d: number, h: number, w: number) => void): void => {
    for (let d = 0, i = 0; d < depth; d++)
      for (let h = 0; h < height; h++) for (let w = 0; w < width; w++, i++) if (data[i] !== 0) f(d, h, w);
  };
  visit((d, h, w) => {
    sum[0] += d;
    sum[1] += h;
    sum[2] += w;
    count++;
  });
  let closest: Vec3 | undefined;
  let least = Infinity;
  visit((d, h, w) => {
    const distance = (d - sum[0] / count) ** 2 + (h - sum[1] / count) ** 2 + (w - sum[2] / count) ** 2;
    if (distance >= least) return;
    least = distance;
    closest = [d, h, w];
  });
  return closest;
}

/** What one volume contributes to a pixel. */
type Painter = (plane: Plane, r: number, c: number) => { readonly colour: Rgb; readonly opacity: number };

type Layer = Omit<Overlay, "kind"> & { readonly kind: "grey" | Overlay["kind"] };

function painter({ kind, volume, range }: Layer): Painter {
  const { data, shape } = volume;
  if (kind === "labels") {
    return (plane, r, c) => {
      const label = nearestIn(data, plane, r, c);
      return { colour: labelColour(label), opacity: label === 0 ? 0 : OVERLAY_OPACITY };
    };
  }
  const [low, high] = range ?? percentiles(data, shape[0] * shape[1] * shape[2]);
  return (plane, r, c) => {
    const value = clamp01((linearIn(data, plane, r, c) - low) / (high - low || 1));
    const grey = Math.round(255 * value);
    const colour = kind === "grey" ? ([grey, grey, grey] as const) : heatColour(value);
    return { colour, opacity: OVERLAY_OPACITY * value };
  };
}

/** How many voxels the percentiles are taken of: enough for a picture, little to sort. */
const SAMPLES = 200_000;

/** The 1st and the 99th percentile of the finite values among the first `count`; of all of them if these two are equal. */
function percentiles(data: ArrayLike<number>, count: number): readonly [low: number, high: number] {
  // An odd step, so that it does not walk along one column of a volume of even size.
  const step = 2 * Math.floor(count / SAMPLES / 2) + 1;
  const samples = new Float32Array(Math.ceil(count / step));
  let taken = 0;
  for (let i = 0; i < count; i += step) if (Number.isFinite(data[i])) samples[taken++] = data[i]!;
  const sorted = samples.subarray(0, taken).sort();
  const at = (fraction: number): number => sorted[Math.round(fraction * (taken - 1))] ?? 0;
  return at(0.01) < at(0.99) ? [at(0.01), at(0.99)] : [at(0), at(1)];
}

/** A plane in `mmPerPixel`, with the letters of its upper and left side, and its name below. */
function drawPlane(plane: Plane, mmPerPixel: number, colourAt: (r: number, c: number) => Rgb): RgbImage {
  const { rows, columns } = plane;
  const width = Math.max(1, Math.round((columns.size * columns.spacing) / mmPerPixel));
  const height = Math.max(1, Math.round((rows.size * rows.spacing) / mmPerPixel));
  const image = blankImage(width, height + CAPTION_HEIGHT);
  for (let y = 0; y < height; y++) {
    const r = ((y + 0.5) * rows.size) / height - 0.5;
    for (let x = 0; x < width; x++) {
      const c = ((x + 0.5) * columns.size) / width - 0.5;
      image.data.set(colourAt(r, c), 3 * (y * width + x));
    }
  }
  drawText(image, rows.startsAt, Math.floor((width - textWidth("A")) / 2), 2, TEXT_COLOUR);
  drawText(image, columns.startsAt, 3, Math.floor((height - GLYPH_HEIGHT) / 2), TEXT_COLOUR);
  const caption = `${plane.name} ${plane.slice}/${plane.slices}`;
  const left = Math.max(0, Math.floor((width - textWidth(caption)) / 2));
  drawText(image, caption, left, height + 4, CAPTION_COLOUR);
  return image;
}
