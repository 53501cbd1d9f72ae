/** @file An experiment in words: what it was run with, how far it came, how to run it again. */

import { commandOf as command } from "../command-text.ts";
import { type PocConfig, PAPER } from "./config.ts";
import type { PocResults } from "./results.ts";
import type { ProtocolName, Scores } from "./scores.ts";

/** "10 of the paper's 50 epochs, 100 training volumes, 200 test volumes, seed 0", and what is not finished. */
export function budgetText(results: PocResults): string {
  const { config } = results;
  const unfinished = standings(results).filter(({ epochs }) => epochs.some((done) => done < config.epochs));
  const missing = unfinished.map(({ label, epochs }) =>
    epochs.every((done) => done === 0)
      ? `${label} (not begun)`
      : `${label} (${epochs.join(", ")} of ${count(config.epochs, "epoch")})`,
  );
  return (
    [
      ofThePaper(config.epochs, PAPER.epochs, "epoch"),
      ofThePaper(config.images, PAPER.images, "2D image"),
      ofThePaper(config.volumes, PAPER.volumes, "training volume"),
      ofThePaper(config.testVolumes, PAPER.testVolumes, "test volume"),
      `seed${config.seeds.length > 1 ? "s" : ""} ${config.seeds.join(", ")}`,
      ...(config.rotate === "all" ? ["cylinders in any direction"] : []),
      ...(config.testEvery > 1 ? [`tested every ${config.testEvery} epochs`] : []),
    ].join(", ") + (missing.length > 0 ? `. Not finished: ${missing.join(", ")}` : "")
  );
}

/** Every training, and the epochs that are done, by seeds. */
const standings = ({ pretraining, trainings }: PocResults) =>
  [{ label: "2D UNet", runs: [pretraining] }, ...trainings].map(({ label, runs }) => ({
    label,
    epochs: runs.map(({ epochs }) => epochs.at(-1)?.epoch ?? 0),
  }));

export const isFinished = (results: PocResults): boolean =>
  standings(results).every(({ epochs }) => epochs.every((done) => done >= results.config.epochs));

/** "the paper's 50 epochs", "10 of the paper's 50 epochs", "80 epochs (the paper: 50)" */
function ofThePaper(number: number, paper: number, unit: string): string {
  if (number === paper) return `the paper's ${count(paper, unit)}`;
  return number < paper
    ? `${number.toLocaleString("en")} of the paper's ${count(paper, unit)}`
    : `${count(number, unit)} (the paper: ${paper.toLocaleString("en")})`;
}

const count = (number: number, unit: string): string =>
  `${number.toLocaleString("en")} ${unit}${number === 1 ? "" : "s"}`;

/** The epochs that numbers are of, by seeds: "37"; the last one with "of 50" while a training goes on. */
export function progressText({ standing }: Scores, { epochs }: PocConfig, protocol: ProtocolName): string {
  const texts = standing.map(({ done, epoch }) => {
    if (epoch === undefined) return "–";
    if (done >= epochs) return String(epoch);
    return protocol === "honest" ? `${epoch} of ${epochs}` : `${epoch} (of ${done} so far)`;
  });
  return new Set(texts).size === 1 ? texts[0]! : texts.join(", ");
}

/** Options of the command, and what they set. */
const OPTIONS = {
  models: "models",
  epochs: "epochs",
  "test-every": "testEvery",
  seeds: "seeds",
  rotate: "rotate",
  images: "images",
  volumes: "volumes",
  "test-volumes": "testVolumes",
} as const satisfies Readonly<Record<string, keyof PocConfig>>;

/** The command that runs an experiment again: it names what is not as in the paper. */
export const commandOf = (config: PocConfig): string => command("poc", OPTIONS, config, PAPER);
