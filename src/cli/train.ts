/** @file `acsconv train`: a network and labelled scans in, a folder with the trained network out. */

import type { Command } from "commander";
import { CONFIG_GROUPS } from "../train/runs/config-fields.ts";
import { addFlags } from "./flags.ts";
import type { TrainFlags } from "./train/run.ts";

const EXAMPLES = `
Examples:
  What would be trained, how much memory a step takes and how long all of it; writes nothing:
  $ acsconv train --model unet.acs.onnx --data Task09_Spleen --dry-run

  Fine-tune a 2D network, lifted by the way, on a fifth fewer cases than there are:
  $ acsconv train --model unet.onnx --kind acs --data Task09_Spleen --validation 0.2 -o run

  A new last layer for 3 classes, a CT window, augmentation, the encoder frozen:
  $ acsconv train --model unet.acs.onnx --classes 3 --data Task03_Liver --window -200,250 \\
      --augment flip,noise --freeze 'encoder.*' --size 64,128,128 -o run

  A classifier, on a folder for each class (or a .csv of file,label, or MedMNIST's .npz):
  $ acsconv train --model resnet18.onnx --classes 2 --data nodules --validation 0.2 --spacing 1 --size 48 -o run

  Options of a loss or an optimiser as JSON; all of it in a file (JSON or TypeScript):
  $ acsconv train --config run.json --optimiser '{"name":"sgd","momentum":0.9,"nesterov":true}' -o run

  After Ctrl-C, a crash or kill -9:
  $ acsconv train --resume -o run

The folder gets config.json, log.jsonl, last.safetensors and best.safetensors (checkpoints), model.onnx (the best
epoch, for "acsconv predict" and "acsconv evaluate") and report.html.`;

export function addTrain(program: Command): void {
  const command = program
    .command("train")
    .summary("train a 3D network on labelled scans")
    .description(
      "Train or fine-tune a network, 3D or lifted from 2D, on labelled scans: to segment or to classify them.",
    )
    .option("-o, --out <folder>", "folder of the run")
    .option("--config <file>", "settings as JSON or TypeScript; flags go before them")
    .option("--resume", "go on with the run in the folder")
    .option("--overwrite", "replace the run in the folder")
    .option("--dry-run", "show what would be done, and time two steps; writes nothing");
  addFlags(command, CONFIG_GROUPS);
  command.addHelpText("after", EXAMPLES).action(async (_: unknown, self: Command) => {
    // What only training needs, such as charts, would slow every other command down.
    const { runTraining } = await import("./train/run.ts");
    await runTraining(self.optsWithGlobals<TrainFlags>());
  });
}
