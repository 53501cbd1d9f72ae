/** @file `experiment poc`: its configuration from flags, and its data as files. */

import { join } from "node:path";
import { DATA_SEED, type PocConfig } from "./config.ts";
import { samples2d, samples3d } from "./data.ts";
import { POC } from "./experiment.ts";
import { saveSamples } from "./save.ts";
import { interruptible } from "../interrupt.ts";
import { type ExperimentFlags, runExperiment } from "../run.ts";
import { startStatus } from "../terminal.ts";

/** As parsed. */
export interface PocFlags extends ExperimentFlags, Omit<PocConfig, "testImages"> {
  readonly save?: string;
}

/** @throws an `Interrupted` after Ctrl-C, when all is saved */
export async function runPoc(flags: PocFlags): Promise<void> {
  const { quiet = false, save } = flags;
  if (save === undefined) await runExperiment(POC, flags, () => configOf(flags));
  else await saveData(configOf(flags), save, quiet);
}

/** A fifth of the images again are for testing, as in the paper. */
function configOf(flags: PocFlags): PocConfig {
  const { models, epochs, testEvery, seeds, rotate, images, volumes, testVolumes } = flags;
  const testImages = Math.ceil(images / 5);
  return { models, epochs, testEvery, seeds, rotate, images, testImages, volumes, testVolumes };
}

async function saveData(config: PocConfig, folder: string, quiet: boolean): Promise<void> {
  const { images, testImages, volumes, testVolumes, rotate } = config;
  const seed = DATA_SEED;
  const parts = [
    ["2d/train", samples2d({ part: "train", seed }), images, 2],
    ["2d/test", samples2d({ part: "test", seed }), testImages, 2],
    ["3d/train", samples3d({ part: "train", seed, rotate }), volumes, 3],
    ["3d/test", samples3d({ part: "test", seed, rotate }), testVolumes, 3],
  ] as const;
  await interruptible("interrupted: the files that are there are whole.", async (signal) => {
    for (const [name, samples, count, dimensions] of parts) {
      const status = startStatus(quiet);
      try {
        await saveSamples(samples, count, dimensions, join(folder, name), {
          signal,
          onProgress: (done, total) => status.show(`${name}: ${done}/${total} files`),
        });
      } finally {
        status.stop();
      }
    }
  });
  if (quiet) return;
  const lines = parts.map(([name, , count]) => `${String(count).padStart(6)} files  ${join(folder, name)}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}
