/** What benchmarks share: running a side in a process of its own, and making one figure of several runs. */

import { execFileSync } from "node:child_process";

export function run(command, args) {
  return execFileSync(command, args, { encoding: "utf8", maxBuffer: 1 << 26 });
}

/** The object on the last line that a side printed. */
export function lastJson(text) {
  return JSON.parse(text.trim().split("\n").at(-1));
}

/** Median and fastest of all rounds' seconds, and the highest peak. */
export function summary(rounds) {
  const all = rounds.flatMap(({ seconds }) => seconds).sort((a, b) => a - b);
  return {
    seconds: all[Math.floor(all.length / 2)],
    fastest: all[0],
    rssMB: Math.max(...rounds.map(({ rssMB }) => rssMB)),
  };
}

/** Largest deviation over the largest expected value. */
export function deviationOf(actual, expected) {
  let [worst, largest] = [0, 0];
  actual.forEach((value, i) => {
    const d = Math.abs(value - expected[i]);
    if (!(d <= worst)) worst = d;
    largest = Math.max(largest, Math.abs(expected[i]));
  });
  return worst / largest;
}
