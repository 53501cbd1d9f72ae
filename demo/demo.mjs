/**
 * @file `npm run demo`: the paper's idea in two minutes, computed before your eyes. A network that
 * has learnt 2D shapes is lifted to 3D, finds shapes in volumes it has never seen, and learns
 * to tell them apart from a handful of examples, beside the same network from random weights.
 *
 * The data are the paper's synthetic ones; the whole experiment is `npm run experiment -- poc`.
 *
 * @see Yang et al., arXiv:1911.10477, section 4.1
 */

import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { lift } from "acsconv";
import { datasetOf, samples2d, samples3d } from "#experiments/poc/data";
import { meanAuc } from "#experiments/poc/features";
import { CANVAS, CLASSES_2D, CLASSES_3D } from "#experiments/poc/shapes";
import { dice } from "acsconv/metrics";
import { initialise, pretrained } from "acsconv/models";
import { sizesFor, summarise } from "acsconv/report";
import { adam, dice as diceLoss, evaluate, replaceHead, Trainer } from "acsconv/train";
import { page } from "./page.mjs";
import { pictures } from "./pictures.mjs";
import { pieces } from "./pieces.mjs";
import { say, table, timed, title } from "./terminal.mjs";
import { aucFinding, diceFinding, number, percent } from "./words.mjs";

/** @import { LiftKind, Model } from "acsconv" */
/** @import { Metric, Prediction } from "acsconv/metrics" */

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const REPORT = "demo/report.html";
const NETWORK = "demo/shapes.acs.onnx";

/** Of all that is random: weights of new layers, and the order of volumes. */
const SEED = 0;
/** None of these images and volumes was there when the 2D network was trained. */
const images = samples2d({ part: "test", seed: 2024 });
const training = samples3d({ part: "train", seed: 2024, rotate: "published" });
const heldOut = samples3d({ part: "test", seed: 2024, rotate: "published" });
const [IMAGES, VOLUMES, HELD_OUT] = [300, 12, 12];
/** Held-out volumes in the report. */
const SHOWN = 4;
const [EPOCHS, BATCH] = [12, 8];
/** The last layer is new: it learns faster than those that know something already. */
const [LEARNING_RATE, OF_HEAD] = [2e-3, 10];
/** Both networks are trained at the same time, each on half of the processor. */
const THREADS = Math.max(1, Math.floor(availableParallelism() / 2));

/** The last map of the U-Net's decoder, [N, 32, …], before its last layer tells classes apart. */
const FEATURES = "dec1.decode.5";

const background = CLASSES_3D.indexOf("background");
const classes = CLASSES_3D.filter((name) => name !== "background");
/** Rows of the table of Dice, below those of the classes. */
const [MEAN, ANY] = ["mean of the five", "any shape"];
const size3d = /** @type {const} */ ([CANVAS, CANVAS, CANVAS]);

const start = performance.now();

title("1. A 2D network that knows squares and circles");
const net2d = await pretrained("poc-unet-2d");
const dice2d = dice({ classes: CLASSES_2D, background: CLASSES_2D.indexOf("background") });
const scores2d = await timed(`${IMAGES} new noisy images, ${CANVAS} × ${CANVAS}`, () =>
  evaluate(net2d, datasetOf(images, IMAGES, 2), [dice2d], { size: [CANVAS, CANVAS] }),
);
say(`Dice: square ${percent(scores2d["dice.square"])}, circle ${percent(scores2d["dice.circle"])}`);
say("Dice is the overlap of what the network marks with what is there: 100 % is perfect.");

title('2. Lifted to 3D in one line: lift(net2d, { kind: "acs" })');
const before = performance.now();
const net3d = lift(net2d, { kind: "acs" });
say(`took           ${((performance.now() - before) / 1000).toFixed(2)} s`);
say(`parameters     ${number(parametersOf(net2d))} in 2D, ${number(parametersOf(net3d))} in 3D`);
say("Every layer now reads volumes: a third of its channels in each of the three planes.");

title(`3. What does it see in ${HELD_OUT} volumes, without any training in 3D?`);
const names = {
  acs: "ACS, pretrained (p.)",
  flat: "2.5D, pretrained: slice by slice",
  random: "ACS, random weights (r.)",
};
const auc = {
  acs: await measured(names.acs, featuresOf("acs")),
  flat: await measured(names.flat, featuresOf("2.5d")),
  random: await measured(names.random, initialise(featuresOf("acs"), { seed: SEED })),
};
const aucRows = [
  [names.acs, auc.acs.toFixed(3)],
  [names.flat, auc.flat.toFixed(3)],
  [names.random, auc.random.toFixed(3)],
];
table([["", "mAUC"], ...aucRows]);
say("mAUC: how well each of the 32 feature maps tells shapes from background. 0.5 is guessing, 1 perfect.");
say(aucFinding(auc));

title(`4. Fine-tuning on ${VOLUMES} volumes: cone, pyramid, cube, cylinder or ball?`);
const examples = pieces(training, VOLUMES, { size: CANVAS, background });
say(`${examples.length} shapes in noise, cut out with what is around them: ${BATCH} in each step.`);
const beginning = replaceHead(net3d, CLASSES_3D.length, { seed: SEED });
const trainers = [beginning, initialise(beginning, { seed: SEED })].map(trainerOf);
const rounds = await timed("both networks, side by side", (tell) => raced(trainers, tell));
await trainers[0].model().save(NETWORK);

title(`5. Beside each other, on ${HELD_OUT} volumes that neither has seen`);
const judgements = await timed(`${HELD_OUT} volumes, both networks`, () => Promise.all(trainers.map(judged)));
const [p, r] = judgements.map(({ dice }) => dice);
const diceRows = Object.keys(p).map((name) => [name, percent(p[name]), percent(r[name])]);
table([["Dice", "pretrained (p.)", "random (r.)"], ...diceRows]);
const diceWords = [diceFinding(p[MEAN], r[MEAN])];
if (Math.min(p[ANY], r[ANY]) > Math.max(p[MEAN], r[MEAN]))
  diceWords.push("Both find shapes better than they tell them apart, which takes more training than this.");
diceWords.forEach(say);

const facts = [
  `${((performance.now() - start) / 1000).toFixed(0)} s`,
  `at most ${((process.resourceUsage().maxRSS * 1024) / 1e9).toFixed(1)} GB of memory`,
];
const galleries = Array.from({ length: SHOWN }, (_, i) => {
  const { image, labels } = heldOut(i);
  const [byP, byR] = judgements.map(({ seen }) => seen[i]);
  const seen = [
    { title: "what is there", labels },
    { title: `p.: Dice ${percent(diceOf([byP])[MEAN])}`, labels: byP.classes },
    { title: `r.: Dice ${percent(diceOf([byR])[MEAN])}`, labels: byR.classes },
  ];
  return { title: `Volume ${i + 1} of ${HELD_OUT}`, tiles: pictures(image, seen, background) };
});
const html = page({
  facts: [`npm run demo: ${facts.join(", ")}`, `${number(parametersOf(net3d))} parameters`],
  dice2d: scores2d["dice"],
  auc: { rows: aucRows, words: aucFinding(auc) },
  training: { volumes: VOLUMES, shapes: examples.length, rounds },
  dice: { volumes: HELD_OUT, rows: diceRows, words: diceWords.join(" ") },
  labels: classes,
  galleries,
});
await writeFile(REPORT, html);

title(`Done: ${facts.join(", ")}.`);
say(`${REPORT}: all of this with curves and pictures; open it in a browser`);
say(`${NETWORK}: the fine-tuned 3D network; plain ONNX`);
say("To try next:");
say(`$ npx acsconv inspect ${NETWORK} --size ${size3d.join(",")}`);
say("$ npx acsconv lift yours.onnx -o yours.acs.onnx");
say("The paper's whole experiment, which takes hours:");
say("$ npm run experiment -- poc -o poc");

/**
 * The network up to the last map of its decoder.
 *
 * @param {LiftKind} kind
 */
function featuresOf(kind) {
  return lift(net2d, { kind, outputs: [FEATURES] });
}

/**
 * @param {string} label
 * @param {Model} features
 */
async function measured(label, features) {
  const { mean } = await timed(label, (tell) => meanAuc(features, heldOut, HELD_OUT, { onProgress: tell }));
  return mean;
}

/** @param {Model} network */
function trainerOf(network) {
  return new Trainer(network, {
    data: examples,
    loss: diceLoss({ epsilon: 0.01 }),
    optimiser: adam(),
    learningRate: LEARNING_RATE,
    groups: [{ match: "final.*", learningRate: OF_HEAD }],
    schedule: { name: "cosine" },
    epochs: EPOCHS,
    batch: BATCH,
    size: size3d.map((voxels) => voxels / 2),
    seed: SEED,
    session: { threads: THREADS },
  });
}

/**
 * Trains the two at the same time.
 *
 * @param {readonly Trainer[]} trainers
 * @param {(done: number, total: number, note: string) => void} tell
 * @returns the loss of both, round by round through the examples
 */
async function raced(trainers, tell) {
  const rounds = trainers.map(() => /** @type {{ x: number, y: number }[]} */ ([]));
  const last = trainers.map(() => ({ step: 0, loss: NaN }));
  const steps = EPOCHS * trainers[0].stepsPerEpoch;
  await Promise.all(
    trainers.map((trainer, i) =>
      trainer.fit({
        onEvent(event) {
          if (event.type === "epoch") rounds[i].push({ x: event.epoch, y: event.loss });
          if (event.type !== "step") return;
          last[i] = event;
          const [p, r] = last.map(({ loss }) => (Number.isNaN(loss) ? "  –  " : loss.toFixed(3)));
          tell(Math.min(...last.map(({ step }) => step)), steps, `loss  p. ${p}  r. ${r}`);
        },
      }),
    ),
  );
  return rounds;
}

/**
 * What the network sees in each held-out volume, and how well that overlaps with what is there.
 *
 * @param {Trainer} trainer
 */
async function judged(trainer) {
  /** @type {Prediction[]} */
  const seen = [];
  /** @type {Metric} */
  const keep = { add: (prediction) => void seen.push(prediction), value: () => ({}) };
  const session = { threads: THREADS };
  await evaluate(trainer.model(), datasetOf(heldOut, HELD_OUT, 3), [keep], { size: size3d, session });
  return { seen, dice: diceOf(seen) };
}

/**
 * Dice by the names of the table: of each kind of shape, of all kinds, and of shapes whatever they are taken for.
 *
 * @param {readonly Prediction[]} seen
 * @returns {Record<string, number>}
 */
function diceOf(seen) {
  const kinds = dice({ classes: CLASSES_3D, background });
  const any = dice({ classes: ["background", "shape"] });
  /** @param {Uint8Array} labels */
  const isShape = (labels) => labels.map((label) => Number(label !== background));
  for (const prediction of seen) {
    const { name, classes, truth } = prediction;
    kinds.add(prediction);
    any.add({ name, classes: isShape(classes), truth: isShape(truth) });
  }
  const values = kinds.value();
  return {
    ...Object.fromEntries(classes.map((name) => [name, values[`dice.${name}`]])),
    [MEAN]: values["dice"],
    [ANY]: any.value()["dice"],
  };
}

/** @param {Model} model */
function parametersOf({ graph }) {
  return summarise(graph, sizesFor(graph, size3d)).parameters;
}
