/** @file `acsconv experiment`: the paper's experiments, from data to report. */

import { type Command, Option } from "commander";
import { PAPER } from "../experiments/poc/config.ts";
import { ROWS } from "../experiments/poc/runs.ts";
import { unknownName } from "../names.ts";
import { parseCount, parseWhole } from "./arguments.ts";
import type { PocFlags } from "./experiment/poc.ts";

const EXAMPLES = `
Examples:
  The table of the paper, as published: about 8 hours on 2 cores. Ctrl-C, and the same command again, go on:
  $ acsconv experiment poc -o poc

  A tenth of it, to see what comes:
  $ acsconv experiment poc -o poc-short --epochs 5 --test-every 5 --images 2000 --test-volumes 50

  Kinds of lifting that the paper's table does not have, in the same folder, which keeps what it has:
  $ acsconv experiment poc -o poc --models 2.5d-r,2.5d-p,3d-r,acs-r,acs-p,mean-acs-p,soft-acs-p,i3d-p

  The data alone, as NumPy files:
  $ acsconv experiment poc --save shapes --images 100 --volumes 100

The folder gets report.html (tables, curves, pictures), results.json, config.json, and a folder for every network
with its log, checkpoint and ONNX file.`;

export function addExperiment(program: Command): void {
  const experiment = program
    .command("experiment")
    .summary("run an experiment of the paper")
    .description("Run an experiment of the paper: data, trainings, tables and figures.");
  experiment
    .command("poc")
    .summary("proof of concept: does 2D pretraining help a 3D network?")
    .description(
      "The proof of concept: a UNet learns squares and circles in 2D, and is lifted to segment cones, pyramids, " +
        "cubes, cylinders and balls in 3D, beside 2.5D and 3D networks. Defaults are the paper's numbers.",
    )
    .option("-o, --out <folder>", "folder of the experiment; one that is there is gone on with")
    .addOption(
      new Option("--models <ids>", `rows of the table, of ${ROWS.map(({ id }) => id).join(", ")}`)
        .argParser(parseModels)
        .default(PAPER.models, PAPER.models.join(",")),
    )
    .option("--epochs <n>", "epochs of every training", parseCount, PAPER.epochs)
    .option("--test-every <n>", "epochs between two tests", parseCount, PAPER.testEvery)
    .addOption(
      new Option("--seeds <numbers>", "seeds of weights and batches; the data stay the same")
        .argParser(parseSeeds)
        .default(PAPER.seeds, PAPER.seeds.join(",")),
    )
    .addOption(
      new Option("--rotate <shapes>", "which lie in any direction: cones and pyramids, or cylinders, too")
        .choices(["published", "all"])
        .default(PAPER.rotate),
    )
    .option("--images <n>", "2D images to train with; a fifth more are for testing", parseCount, PAPER.images)
    .option("--volumes <n>", "3D volumes to train with", parseCount, PAPER.volumes)
    .option("--test-volumes <n>", "3D volumes to test with", parseCount, PAPER.testVolumes)
    .option("--save <folder>", "write the data there as .npz files, and train nothing")
    .option("--stage <name>", "work on this stage alone; without it, each gets a process of its own")
    .addHelpText("after", EXAMPLES)
    .action(async (_: unknown, self: Command) => {
      const { runPoc } = await import("./experiment/poc.ts");
      await runPoc(self.optsWithGlobals<PocFlags>());
    });
}

/** Rows in the order of the table, each once. */
function parseModels(text: string): string[] {
  const asked = text.split(",").map((id) => id.trim());
  const ids = ROWS.map(({ id }) => id);
  const unknown = asked.find((id) => !ids.includes(id));
  if (unknown !== undefined) throw unknownName("model", unknown, ids);
  return ids.filter((id) => asked.includes(id));
}

const parseSeeds = (text: string): number[] => [...new Set(text.split(",").map(parseWhole))];
