/** @file `acsconv experiment brain`: its configuration from flags. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { BrainConfig } from "../../experiments/brain/config.ts";
import { BRAIN } from "../../experiments/brain/experiment.ts";
import { ioErrors } from "../../base/files.ts";
import { isPretrained, pretrainedFile } from "../../models/pretrained.ts";
import { type ExperimentFlags, runExperiment } from "./run.ts";

/** As parsed. */
export type BrainFlags = ExperimentFlags & Omit<BrainConfig, "sha256">;

/** @throws an `Interrupted` after Ctrl-C, when all is saved */
export const runBrain = (flags: BrainFlags): Promise<void> =>
  runExperiment(BRAIN, flags, async () => {
    const { network, models, epochs, testEvery, seeds, steps, batch, size, spacing } = flags;
    const file = isPretrained(network) ? pretrainedFile(network) : network;
    const bytes = await ioErrors("read", network, () => readFile(file));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { network, sha256, models, epochs, testEvery, seeds, steps, batch, size, spacing };
  });
