/**
 * @file Pictures of the proof of concept, made anew from the generators and the
 * networks in the experiment's folder: samples (Fig. A2), features without
 * training in 3D (Fig. 3), and predicted masks (as Fig. A3). Those whose networks
 * are not there yet are left out.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { load } from "acsconv";
import type { Metric } from "acsconv/metrics";
import {
  type RgbImage,
  renderLabels,
  type Elements,
  type Slice,
  greys,
  heat,
  labelPaint,
  sliceIndices,
  slicePicture,
} from "acsconv/report";
import type { ReportGallery } from "acsconv/report/page";
import { evaluate } from "acsconv/train";
import type { Vec3 } from "acsconv/volume";
import { type Tile, stacked } from "../pictures.ts";
import { percent } from "../statistic.ts";
import { confusion, countsOf } from "./confusion.ts";
import { DATA_SEED } from "./config.ts";
import { datasetOf, samples2d, samples3d } from "./data.ts";
import { featureMaps } from "./features.ts";
import { type PocResults, folders, rowsOf } from "./results.ts";
import { ROWS, networkOf, runsOf } from "./runs.ts";
import { CANVAS, CLASSES_2D, CLASSES_3D, type Sample } from "./shapes.ts";

/** What the page shows. */
export interface PocPictures {
  readonly images: readonly ReportGallery[];
  readonly volumes: readonly ReportGallery[];
  readonly features: readonly ReportGallery[];
  readonly masks: readonly ReportGallery[];
}

/** Of each figure. They are the first ones of the test sets, not chosen. */
const SAMPLES_2D = 8;
const SAMPLES_3D = 8;
const FEATURE_VOLUMES = 2;
const FEATURE_CHANNELS = 6;
const FEATURE_ROWS = ["acs-r", "acs-p"];
const MASK_VOLUMES = 3;

/** Elements of a class in a slice that make it worth looking at. */
const VISIBLE = 20;

/** Pixels for an element of a slice. */
const SCALE = 4;
const SHAPE_2D: Vec3 = [1, CANVAS, CANVAS];
const SHAPE_3D: Vec3 = [CANVAS, CANVAS, CANVAS];
/** Background is around 0, shapes around 1, and noise has a standard deviation of 0.5. */
const GREYS = greys(-1, 2);

/**
 * @param out - the experiment's folder
 * @throws the signal's reason if it aborts
 */
export async function pocPictures(
  out: string,
  results: PocResults,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<PocPictures> {
  signal?.throwIfAborted();
  const volume = samples3d({ part: "test", seed: DATA_SEED, rotate: results.config.rotate });
  const image = samples2d({ part: "test", seed: DATA_SEED });
  return {
    images: [{ title: "2D test images, and their masks", tiles: firstOf(SAMPLES_2D, image).map(tile2d) }],
    volumes: [
      {
        title: "3D test volumes: a slice, its mask, and the shapes",
        tiles: firstOf(SAMPLES_3D, volume).map(tile3d),
      },
    ],
    features: await featureGalleries(out, results, firstOf(FEATURE_VOLUMES, volume), signal),
    masks: await maskGalleries(out, results, volume, signal),
  };
}

const firstOf = (count: number, samples: (index: number) => Sample): Sample[] =>
  Array.from({ length: count }, (_, index) => samples(index));

// ── Fig. A2 ─────────────────────────────────────────────────────────────────

function tile2d({ image, labels }: Sample, index: number): Tile {
  const whole: Slice = { axis: 0, index: 0 };
  return tile(`image ${index}`, [
    drawImage({ data: image, shape: SHAPE_2D }, whole),
    drawLabels({ data: shown(labels, CLASSES_2D), shape: SHAPE_2D }, whole),
  ]);
}

function tile3d({ image, labels }: Sample, index: number): Tile {
  const elements = { data: shown(labels, CLASSES_3D), shape: SHAPE_3D };
  const slice = tellingSlice(elements);
  return tile(`volume ${index}, ${sliceName(slice)}`, [
    drawImage({ data: image, shape: SHAPE_3D }, slice),
    drawLabels(elements, slice),
    drawBodies(elements),
  ]);
}

// ── Fig. 3 ──────────────────────────────────────────────────────────────────

/** The channels that tell shapes from background best, of networks that were never trained in 3D. */
async function featureGalleries(
  out: string,
  results: PocResults,
  samples: readonly Sample[],
  signal: AbortSignal | undefined,
): Promise<ReportGallery[]> {
  const path = join(folders.pretraining(out), "model.onnx");
  if (!existsSync(path)) return [];
  const pretrained = await load(path);
  const rows = ROWS.filter(({ id }) => FEATURE_ROWS.includes(id));
  const measured = runsOf(rows).flatMap((run) => {
    const found = results.trainings
      .find(({ id }) => id === run.id)
      ?.runs.find(({ features }) => features !== undefined);
    return found ? [{ run, seed: found.seed, auc: found.features!.linear }] : [];
  });
  const galleries: ReportGallery[][] = samples.map(() => []);
  for (const { run, seed, auc } of measured) {
    const best = Array.from(auc.channels.entries())
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, FEATURE_CHANNELS);
    const network = networkOf(run, seed, pretrained, { output: "features" });
    for (const [i, { image, labels }] of samples.entries()) {
      signal?.throwIfAborted();
      const truth = { data: shown(labels, CLASSES_3D), shape: SHAPE_3D };
      const slice = tellingSlice(truth);
      const maps = await featureMaps(network, image);
      galleries[i]!.push({
        title: `${run.row.label}, mAUC ${percent(auc.mean)}: volume ${i}, ${sliceName(slice)}`,
        tiles: [
          tile("image", [drawImage({ data: image, shape: SHAPE_3D }, slice)]),
          tile("truth", [drawLabels(truth, slice)]),
          ...best.map(([channel, value]) => {
            const data = maps[channel]!;
            return tile(`channel ${channel}: ${percent(value)}`, [drawMap({ data, shape: SHAPE_3D }, slice)]);
          }),
        ],
      });
    }
  }
  return galleries.flat();
}

// ── Fig. A3 ─────────────────────────────────────────────────────────────────

/** What the networks of the honest protocol make of the first test volumes after their last epoch. */
async function maskGalleries(
  out: string,
  { config }: PocResults,
  samples: (index: number) => Sample,
  signal: AbortSignal | undefined,
): Promise<ReportGallery[]> {
  const predicted: { readonly label: string; readonly masks: readonly Uint8Array[] }[] = [];
  for (const { label, honest } of rowsOf(config)) {
    const path = config.seeds
      .map((seed) => join(folders.run(out, honest, seed), "model.onnx"))
      .find((candidate) => existsSync(candidate));
    if (path === undefined) continue;
    const masks: Uint8Array[] = [];
    const collect: Metric = { add: ({ classes }) => void masks.push(classes), value: () => ({}) };
    const data = datasetOf(samples, MASK_VOLUMES, 3);
    await evaluate(await load(path), data, [collect], { size: SHAPE_3D, signal });
    predicted.push({ label, masks });
  }
  if (predicted.length === 0) return [];
  return firstOf(MASK_VOLUMES, samples).map(({ image, labels }, i) => {
    const truth = { data: shown(labels, CLASSES_3D), shape: SHAPE_3D };
    const slice = tellingSlice(truth);
    return {
      title: `Volume ${i}: ${sliceName(slice)}, and the shapes`,
      tiles: [
        tile("image", [drawImage({ data: image, shape: SHAPE_3D }, slice)]),
        tile("truth", [drawLabels(truth, slice), drawBodies(truth)]),
        ...predicted.map(({ label, masks }) => {
          const mask = { data: shown(masks[i]!, CLASSES_3D), shape: SHAPE_3D };
          const score = percent(diceOf(masks[i]!, labels));
          return tile(`${label}\nDice ${score}`, [drawLabels(mask, slice), drawBodies(mask)]);
        }),
      ],
    };
  });
}

/** The mean over the foreground classes that are truly in the volume. */
function diceOf(predicted: Uint8Array, truth: Uint8Array): number {
  const matrix = confusion(CLASSES_3D.length);
  matrix.add({ name: "volume", classes: predicted, truth });
  const values = CLASSES_3D.slice(0, -1).flatMap((_, label) => {
    const counts = countsOf(matrix, label);
    return counts.truth === 0 ? [] : [(2 * counts.both) / (counts.predicted + counts.truth)];
  });
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// ── Drawing ─────────────────────────────────────────────────────────────────

/** Labels as they have colours: 0 is the background, which comes last in `classes`. */
const shown = (labels: Uint8Array, classes: readonly string[]): Uint8Array =>
  labels.map((label) => (label + 1) % classes.length);

/**
 * Of all slices along all axes the one with the most classes that can be seen, and among these with the most of its
 * smallest one.
 */
export function tellingSlice({ data, shape }: Elements): Slice {
  let best: Slice = { axis: 0, index: 0 };
  let most: readonly [classes: number, smallest: number] = [1, 0];
  for (const axis of [0, 1, 2] as const) {
    for (let index = 0; index < shape[axis]; index++) {
      const counts = new Map<number, number>();
      for (const row of sliceIndices(shape, { axis, index })) {
        for (const at of row) {
          const label = data[at]!;
          if (label !== 0) counts.set(label, (counts.get(label) ?? 0) + 1);
        }
      }
      const visible = Array.from(counts.values()).filter((count) => count >= VISIBLE);
      const smallest = Math.min(...visible);
      if (visible.length < most[0] || (visible.length === most[0] && smallest <= most[1])) continue;
      best = { axis, index };
      most = [visible.length, smallest];
    }
  }
  return best;
}

const sliceName = ({ axis, index }: Slice): string => `slice ${index + 1} of ${CANVAS} across axis ${axis}`;

const drawImage = (elements: Elements, slice: Slice): RgbImage => slicePicture(elements, slice, GREYS, SCALE);
const drawLabels = (elements: Elements, slice: Slice): RgbImage =>
  slicePicture(elements, slice, labelPaint, SCALE);
const drawBodies = (elements: Elements): RgbImage => renderLabels(elements, CANVAS * SCALE);

/** From its lowest value in the volume to the one that 1 in 100 exceeds. */
function drawMap(elements: Elements, slice: Slice): RgbImage {
  const sorted = Float32Array.from(elements.data).sort();
  return slicePicture(
    elements,
    slice,
    heat(sorted[0]!, sorted[Math.floor(0.99 * (sorted.length - 1))]!),
    SCALE,
  );
}

const tile = (title: string, images: readonly RgbImage[]): Tile => ({
  title,
  image: stacked(images),
});
