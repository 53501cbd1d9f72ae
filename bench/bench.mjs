/**
 * Ours against PyTorch, in one run, on the same weights and the same volume.
 *
 *   npm run bench [-- CASE …] [--repeat N] [--json FILE]
 *   npm run bench -- train [KIND …] [--repeat N] [--json FILE]     a training step; see train.mjs
 *
 * Each side runs in processes of its own, in turns, so that a busy machine
 * disturbs both. Both use every core. One run warms up; the median of the rest
 * counts, and the fastest is shown beside it.
 */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { lastJson, run, summary } from "./shared.mjs";
import { benchTrain, KINDS } from "./train.mjs";

const CASES = {
  "poc-unet": "PoC U-Net, 1×1×48³",
  resnet18: "ResNet-18, 1×3×64³",
  deeplabv3_r50: "DeepLabV3-R50, 1×3×32×96×96",
  "acs-layer": "one 64→64 3×3 layer, 48³",
};
const ROUNDS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeat: { type: "string", default: "5" },
    json: { type: "string" },
    python: { type: "string", default: "/usr/bin/python3" },
  },
});
const training = positionals[0] === "train";
const known = training ? KINDS : Object.keys(CASES);
const asked = training ? positionals.slice(1) : positionals;
const names = asked.length > 0 ? asked : known;
const unknown = names.find((name) => !known.includes(name));
if (unknown !== undefined || !(Number(values.repeat) >= 1)) {
  const choice = training ? known : [...known, "train"];
  console.error(`bench: no case "${unknown ?? values.repeat}"; choose from ${choice.join(", ")}.`);
  process.exit(2);
}

const here = fileURLToPath(new URL(".", import.meta.url));
const oracle = join(here, "../oracle");
const folder = join(tmpdir(), "acsconv-bench");
const threads = availableParallelism();

mkdirSync(folder, { recursive: true });
if (!training && !existsSync(join(folder, "acs-layer.y3.npy"))) {
  console.log(`Writing the networks to ${folder} (needs Python with PyTorch, torchvision and onnx) …`);
  run(values.python, [join(oracle, "bench_models.py"), "--out", folder]);
}

const results = training
  ? benchTrain({ kinds: names, repeat: values.repeat, python: values.python, folder, threads, here })
  : names.map(benchInference);
if (values.json) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);

function benchInference(name) {
  const rounds = { ours: [], peer: [] };
  for (let round = 0; round < ROUNDS; round++) {
    rounds.ours.push(ours(name));
    rounds.peer.push(peer(name));
  }
  const [{ multiplyAdds, deviation }] = rounds.ours;
  if (!(deviation < 1e-4)) throw new Error(`${name}: results differ by ${deviation} of the largest value.`);
  const [a, b] = [summary(rounds.ours), summary(rounds.peer)];
  const flops = 2 * multiplyAdds;
  const show = ({ seconds, fastest, rssMB }) =>
    `${(seconds * 1000).toFixed(0).padStart(6)} ms (fastest ${(fastest * 1000).toFixed(0)}) ` +
    `${(flops / seconds / 1e9).toFixed(0).padStart(4)} GFLOP/s ${rssMB.toFixed(0).padStart(5)} MB`;
  const ratio = b.seconds / a.seconds;
  console.log(`${CASES[name]}  (results agree to ${deviation.toExponential(1)})`);
  console.log(`  acsconv ${show(a)}`);
  console.log(`  PyTorch ${show(b)}`);
  console.log(
    `  ratio   ${ratio.toFixed(2)}× by medians, ${(b.fastest / a.fastest).toFixed(2)}× by fastest runs`,
  );
  return { name, ours: pick(a), peer: pick(b), ratio };
}

function ours(name) {
  return lastJson(run(process.execPath, [join(here, "ours.mjs"), folder, name, values.repeat]));
}

function peer(name) {
  const weights = join(folder, `${name}.weights.npz`);
  const args = ["--case", name, "--weights", weights, "--input", join(folder, `${name}.x3.npy`)];
  const more = ["--repeat", values.repeat, "--threads", String(threads), "--json"];
  const { all, rssMB } = lastJson(run(values.python, [join(oracle, "bench_peer.py"), ...args, ...more]));
  return { seconds: all, rssMB };
}

function pick({ seconds, rssMB }) {
  return { seconds, rssMB };
}
