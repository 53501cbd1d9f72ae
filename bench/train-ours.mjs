/**
 * One training benchmark on our side: lift, take the peer's weights, train.
 *
 *   node bench/train-ours.mjs FOLDER KIND STEPS     prints one JSON line
 */

import { readFileSync } from "node:fs";
import { lift, load } from "acsconv";
import { numbersOf } from "acsconv/graph";
import { sizesFor, summarise } from "acsconv/report";
import { readNpy, readNpz } from "acsconv/volume";
import { adam, dice, TrainingSession, trainingStep } from "acsconv/train";

const [folder, kind, steps] = process.argv.slice(2);
const bytes = (suffix) => new Uint8Array(readFileSync(`${folder}/train.${suffix}`));
const [x, target] = [readNpy(bytes("x.npy"), "x"), readNpy(bytes("target.npy"), "target")];
const [batch, , ...size] = x.dims;

const model = lift(await load(`${folder}/train.onnx`), { kind }).withWeights(
  readNpz(bytes(`${kind}.npz`), kind),
);
const step = trainingStep(model.graph, { loss: dice(), optimiser: adam(), batch, size });
const session = await TrainingSession.open(step);
const [losses, seconds] = [[], []];
for (let i = 0; i < Number(steps); i++) {
  const image = { dtype: "float32", dims: x.dims, data: Float32Array.from(numbersOf(x)) };
  const classes = { dtype: "uint8", dims: target.dims, data: Uint8Array.from(numbersOf(target)) };
  const start = performance.now();
  const { loss } = await session.run({ image, target: classes }, { learningRate: 1e-3, seed: i });
  if (i > 0) seconds.push((performance.now() - start) / 1000);
  losses.push(loss);
}
await session.dispose();
const rssMB = process.resourceUsage().maxRSS / 1024;
const multiplyAdds = batch * summarise(model.graph, sizesFor(model.graph, size)).multiplyAdds;
console.log(JSON.stringify({ losses, seconds, rssMB, multiplyAdds }));
