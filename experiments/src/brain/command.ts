/** @file `experiment brain`: its configuration from flags. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { BrainConfig } from "./config.ts";
import { BRAIN } from "./experiment.ts";
import { ioErrors } from "../files.ts";
import { networkFile } from "./networks.ts";
import { type ExperimentFlags, runExperiment } from "../run.ts";

/** As parsed. */
export type BrainFlags = ExperimentFlags & Omit<BrainConfig, "sha256">;

/** @throws an `Interrupted` after Ctrl-C, when all is saved */
export const runBrain = (flags: BrainFlags): Promise<void> =>
  runExperiment(BRAIN, flags, () => {
    const { network, models, epochs, testEvery, seeds, steps, batch, size, spacing } = flags;
    const bytes = ioErrors("read", network, () => readFileSync(networkFile(network)));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { network, sha256, models, epochs, testEvery, seeds, steps, batch, size, spacing };
  });
