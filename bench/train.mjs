/**
 * A training step, ours against PyTorch's: the paper's proof-of-concept U-Net
 * (64/128 channels), soft Dice, Adam, batch 4 of 48³ (the paper's Table 6).
 *
 *   npm run bench -- train [KIND …] [--repeat N] [--json FILE]
 *
 * Both start from the same weights; before times are printed their losses are
 * compared over the first steps. PyTorch computes acs as three convolutions
 * joined, mean-acs and soft-acs as three convolutions added, as the paper does.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { deviationOf, lastJson, run, summary } from "./shared.mjs";

export const KINDS = ["acs", "soft-acs", "mean-acs", "3d", "2.5d"];
const ROUNDS = 2;
/** Steps whose losses are compared, and how closely they agree. */
const COMPARED = 3;
const TOLERANCE = 1e-4;

/** @param {{ kinds: string[], repeat: string, python: string, folder: string, threads: number, here: string }} options */
export function benchTrain({ kinds, repeat, python, folder, threads, here }) {
  const peerScript = join(here, "../oracle/bench_train.py");
  if (!existsSync(join(folder, "train.target.npy"))) {
    console.log(`Writing the training network to ${folder} (needs Python with PyTorch) …`);
    run(python, [peerScript, "--write", folder]);
  }
  const steps = String(Math.max(COMPARED, Number(repeat)) + 1);
  const ours = (kind) => lastJson(run(process.execPath, [join(here, "train-ours.mjs"), folder, kind, steps]));
  const peer = (kind) => {
    const args = ["--kind", kind, "--data", folder, "--steps", steps, "--threads", String(threads), "--json"];
    const { all, ...result } = lastJson(run(python, [peerScript, ...args]));
    return { ...result, seconds: all };
  };
  return kinds.map((kind) => {
    const rounds = { ours: [], peer: [] };
    for (let round = 0; round < ROUNDS; round++) {
      rounds.ours.push(ours(kind));
      rounds.peer.push(peer(kind));
    }
    const deviation = deviationOf(
      rounds.ours[0].losses.slice(0, COMPARED),
      rounds.peer[0].losses.slice(0, COMPARED),
    );
    if (!(deviation <= TOLERANCE)) {
      console.error(`bench: the losses of ${kind} deviate by ${deviation.toExponential(1)} from PyTorch's.`);
      process.exitCode = 1;
    }
    const [a, b] = [summary(rounds.ours), summary(rounds.peer)];
    // Forward, gradient by inputs, gradient by kernels: a multiply and an add each.
    const gflop = (6 * rounds.ours[0].multiplyAdds) / 1e9;
    const rate = (seconds) => `${(gflop / seconds).toFixed(0)} GFLOP/s`;
    const ratio = b.seconds / a.seconds;
    console.log(
      `${kind}: ours ${a.seconds.toFixed(2)} s/step (fastest ${a.fastest.toFixed(2)}, ${rate(a.fastest)}, ${a.rssMB.toFixed(0)} MB), ` +
        `PyTorch ${b.seconds.toFixed(2)} s/step (fastest ${b.fastest.toFixed(2)}, ${rate(b.fastest)}, ${b.rssMB.toFixed(0)} MB); ` +
        `${ratio.toFixed(2)}× by medians, ${(b.fastest / a.fastest).toFixed(2)}× by fastest steps; losses agree to ${deviation.toExponential(0)}`,
    );
    return { name: `train ${kind}`, ours: a, peer: b, ratio, gflop, deviation };
  });
}
