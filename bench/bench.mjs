/**
 * Ours against PyTorch, in one run, on the same weights and the same volume.
 *
 *   npm run bench [-- CASE …] [--repeat N] [--json FILE]
 *
 * Each side runs in processes of its own, in turns, so that a busy machine
 * disturbs both. Both use every core. One run warms up; the median of the rest
 * counts, and the fastest is shown beside it.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

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
const names = positionals.length > 0 ? positionals : Object.keys(CASES);
const unknown = names.find((name) => !(name in CASES));
if (unknown !== undefined || !(Number(values.repeat) >= 1)) {
  console.error(
    `bench: no case "${unknown ?? values.repeat}"; choose from ${Object.keys(CASES).join(", ")}.`,
  );
  process.exit(2);
}

const here = fileURLToPath(new URL(".", import.meta.url));
const oracle = join(here, "../oracle");
const folder = join(tmpdir(), "acsconv-bench");
const threads = availableParallelism();

if (!existsSync(join(folder, "acs-layer.y3.npy"))) {
  mkdirSync(folder, { recursive: true });
  console.log(`Writing the networks to ${folder} (needs Python with PyTorch, torchvision and onnx) …`);
  run(values.python, [join(oracle, "bench_models.py"), "--out", folder]);
}

const results = names.map((name) => {
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
});
if (values.json) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);

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

function run(command, args) {
  return execFileSync(command, args, { encoding: "utf8", maxBuffer: 1 << 26 });
}

function lastJson(text) {
  return JSON.parse(text.trim().split("\n").at(-1));
}

function summary(rounds) {
  const all = rounds.flatMap(({ seconds }) => seconds).sort((a, b) => a - b);
  return {
    seconds: all[Math.floor(all.length / 2)],
    fastest: all[0],
    rssMB: Math.max(...rounds.map(({ rssMB }) => rssMB)),
  };
}

function pick({ seconds, rssMB }) {
  return { seconds, rssMB };
}
