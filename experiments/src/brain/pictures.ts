/** @file What the networks make of the right half of the brain: axial slices, beside the scan and its tissues. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { load } from "acsconv";
import { type Dataset, type Example, IGNORED, uniform } from "acsconv/data";
import { numbersOf } from "acsconv/graph";
import type { Metric } from "acsconv/metrics";
import { middleOfLabels, greys, labelPaint, slicePicture } from "acsconv/report";
import type { ReportGallery } from "acsconv/report/page";
import { evaluate } from "acsconv/train";
import { encodeNpz, readNpz, plainGrid, withData, type Vec3 } from "acsconv/volume";
import { writeWhole } from "../files.ts";
import { type Tile, stacked } from "../pictures.ts";
import { percent } from "../statistic.ts";
import type { BrainConfig } from "./config.ts";
import { brainData } from "./data.ts";
import { type BrainResults, runName } from "./results.ts";
import { tableOf } from "./table.ts";

const FILE = "prediction.npz";
const ARRAY = "classes";

/** Leaves what the trained network in the folder makes of the right half beside it, for the report to draw. */
export async function keepPrediction(
  config: BrainConfig,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const { test } = await brainData(config);
  const side = config.size;
  let classes = new Uint8Array(0);
  const keep: Metric = { add: (seen) => void (classes = seen.classes.slice()), value: () => ({}) };
  const network = await load(join(folder, "model.onnx"));
  await evaluate(network, test, [keep], { size: [side, side, side], signal });
  const { dims } = (await rightHalf(test)).target;
  const arrays = new Map([[ARRAY, { dtype: "uint8", dims, bytes: classes } as const]]);
  writeWhole(join(folder, FILE), ...encodeNpz(arrays));
}

/** The only example there is; nothing about it is random. */
const rightHalf = async (test: Dataset): Promise<Example> => test.get(0, uniform(0));

/** Slices that are shown, in millimetres above the middle of the tissues. */
const HEIGHTS = [0, 20];
/** Pixels for a voxel. */
const SCALE = 2;
/** Of intensities that are 0 in the mean and deviate by 1. */
const GREYS = greys(-1, 3);

/** Of the first seed's networks that are there; nothing where there are none. */
export async function brainPictures(out: string, results: BrainResults): Promise<ReportGallery[]> {
  const { config, rows } = results;
  const [seed] = config.seeds;
  const shown = rows.flatMap(({ id, label }) => {
    const path = join(out, runName(id, seed!), FILE);
    return existsSync(path) ? [{ id, label, path }] : [];
  });
  if (shown.length === 0) return [];
  const { image, target } = await rightHalf((await brainData(config)).test);
  const shape = target.dims as unknown as Vec3;
  const truth = shownLabels(target.data as Uint8Array);
  const [middle] = middleOfLabels(withData(plainGrid(shape), truth, 1)) ?? [0];
  const slices = HEIGHTS.map((height) => ({
    axis: 0 as const,
    index: Math.min(middle + Math.round(height / config.spacing), shape[0] - 1),
  }));
  const tile = (title: string, data: Float32Array | Uint8Array, paint: typeof labelPaint): Tile => ({
    title,
    image: stacked(slices.map((slice) => slicePicture({ data, shape }, slice, paint, SCALE))),
  });
  const scores = new Map(tableOf(results).map(({ id, dice }) => [id, dice?.perSeed[0] ?? undefined]));
  const predictions: Tile[] = [];
  for (const { id, label, path } of shown) {
    const classes = readNpz(await readFile(path), path).get(ARRAY)!;
    const seen = shownLabels(numbersOf(classes) as Uint8Array, target.data as Uint8Array);
    predictions.push(tile(`${label}\nDice ${percent(scores.get(id))}`, seen, labelPaint));
  }
  return [
    {
      title: `Axial slices of the right half, seed ${seed}`,
      tiles: [tile("scan", image.data, GREYS), tile("tissues", truth, labelPaint), ...predictions],
    },
  ];
}

/** Where nobody knows the truth there is nothing to see. */
const shownLabels = (labels: Uint8Array, truth = labels): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(labels, (label, i) => (truth[i] === IGNORED ? 0 : label));
