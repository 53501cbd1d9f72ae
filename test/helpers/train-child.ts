/** @file A training run in a process of its own, which may be killed: goes on where the folder's checkpoint stands. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { trainLog } from "../../src/train/log.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { tinyNetwork, tinyRun } from "./training.ts";

const [folder, epochs] = process.argv.slice(2);
const trainer = new Trainer(
  tinyNetwork(),
  tinyRun({ epochs: Number(epochs), checkpoint: { folder: folder!, everySteps: 2 } }),
);
if (existsSync(join(folder!, "last.safetensors"))) await trainer.resume();
await trainer.fit({ onEvent: trainLog(join(folder!, "log.jsonl")) });
