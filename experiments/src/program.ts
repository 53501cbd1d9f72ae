/** @file The command line of the experiments: the paper's, from data to report, and one on a real scan. */

import { Command, InvalidArgumentError, Option } from "commander";
import { AcsconvError } from "acsconv";
import type { BrainFlags } from "./brain/command.ts";
import { DEFAULTS } from "./brain/config.ts";
import { ROWS as BRAIN_ROWS } from "./brain/rows.ts";
import type { PocFlags } from "./poc/command.ts";
import { PAPER } from "./poc/config.ts";
import { ROWS } from "./poc/runs.ts";

const POC_EXAMPLES = `
Examples:
  The table of the paper, as published: about 8 hours on 2 cores. Ctrl-C, and the same command again, go on:
  $ npm run experiment -- poc -o poc

  A tenth of it, to see what comes:
  $ npm run experiment -- poc -o poc-short --epochs 5 --test-every 5 --images 2000 --test-volumes 50

  Kinds of lifting that the paper's table does not have, in the same folder, which keeps what it has:
  $ npm run experiment -- poc -o poc --models 2.5d-r,2.5d-p,3d-r,acs-r,acs-p,mean-acs-p,soft-acs-p,i3d-p

  The data alone, as NumPy files:
  $ npm run experiment -- poc --save shapes --images 100 --volumes 100

The folder gets report.html (tables, curves, pictures), results.json, config.json, and a folder for every network
with its log, checkpoint and ONNX file.`;

const BRAIN_EXAMPLES = `
Examples:
  With the network that comes with the package, which has seen nothing but squares and circles:
  $ npm run experiment -- brain -o brain

  With a network of your own, a classifier or a segmenter; the paper's FCN decoder is put on a classifier:
  $ npm run experiment -- brain -o brain --network densenet121.onnx

  A network with a decoder: is it better to take over all of it, or its encoder alone?
  $ npm run experiment -- brain -o transfer --models acs-p,acs-e,acs-r

The folder gets report.html (table, curves, pictures), results.json, config.json, and a folder for every training
with its log, checkpoint and ONNX file. Ctrl-C, and the same command again, go on.`;

const OUT = ["-o, --out <folder>", "folder of the experiment; one that is there is gone on with"] as const;
const STAGE = [
  "--stage <name>",
  "work on this stage alone; without it, each gets a process of its own",
] as const;

/** The program, ready to parse. */
export function createProgram(): Command {
  const program = new Command("experiment")
    .usage("[options] <experiment>")
    .description("Run an experiment: data, trainings, tables and figures.")
    .option("-q, --quiet", "print warnings and errors only")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (message, write) => write(usageError(message)) })
    .exitOverride();
  addPoc(program);
  addBrain(program);
  return program;
}

/** commander's words as one sentence: `error: argument '4,x' is invalid. Expected … \n(Did you mean …?)` */
function usageError(message: string): string {
  const said = message
    .replace(/^error: /, "")
    .replace(/\. (Expected|Allowed)/, (_, word: string) => `: ${word.toLowerCase()}`)
    .replace(/\s+\(Did you mean (.*)\?\)/, "; did you mean $1?")
    .trimEnd()
    .replace(/\.$/, "");
  return `experiment: ${said} (see --help).\n`;
}

function addBrain(program: Command): void {
  program
    .command("brain")
    .summary("few-shot: is a pretrained 2D network worth something on a real scan?")
    .description(
      "Few-shot segmentation of a real MR scan, which comes with the package: a pretrained 2D network is lifted, learns " +
        "the tissues of the left half of a brain, and is tested on the right half, beside networks from random weights. " +
        "Rows end in p (pretrained weights), e (those of the encoder only) or r (random ones). About an hour on 2 cores.",
    )
    .option(...OUT)
    .option(
      "--network <file>",
      "the pretrained 2D network: an ONNX file, or the name of one that comes with the package",
      DEFAULTS.network,
    )
    .addOption(modelsOption(BRAIN_ROWS, DEFAULTS))
    .option("--epochs <n>", "epochs of every training", parseCount, DEFAULTS.epochs)
    .option("--steps <n>", "steps of an epoch", parseCount, DEFAULTS.steps)
    .option("--batch <n>", "patches of a step", parseCount, DEFAULTS.batch)
    .option("--size <voxels>", "of a patch, to each side", parseCount, DEFAULTS.size)
    .option("--spacing <mm>", "to which the scan is resampled", parsePositive, DEFAULTS.spacing)
    .option("--test-every <n>", "epochs between two tests", parseCount, DEFAULTS.testEvery)
    .addOption(seedsOption(DEFAULTS))
    .option(...STAGE)
    .addHelpText("after", BRAIN_EXAMPLES)
    .action(async (_: unknown, self: Command) => {
      const { runBrain } = await import("./brain/command.ts");
      await runBrain(self.optsWithGlobals<BrainFlags>());
    });
}

function addPoc(program: Command): void {
  program
    .command("poc")
    .summary("proof of concept: does 2D pretraining help a 3D network?")
    .description(
      "The proof of concept: a UNet learns squares and circles in 2D, and is lifted to segment cones, pyramids, " +
        "cubes, cylinders and balls in 3D, beside 2.5D and 3D networks. Defaults are the paper's numbers.",
    )
    .option(...OUT)
    .addOption(modelsOption(ROWS, PAPER))
    .option("--epochs <n>", "epochs of every training", parseCount, PAPER.epochs)
    .option("--test-every <n>", "epochs between two tests", parseCount, PAPER.testEvery)
    .addOption(seedsOption(PAPER))
    .addOption(
      new Option("--rotate <shapes>", "which lie in any direction: cones and pyramids, or cylinders, too")
        .choices(["published", "all"])
        .default(PAPER.rotate),
    )
    .option("--images <n>", "2D images to train with; a fifth more are for testing", parseCount, PAPER.images)
    .option("--volumes <n>", "3D volumes to train with", parseCount, PAPER.volumes)
    .option("--test-volumes <n>", "3D volumes to test with", parseCount, PAPER.testVolumes)
    .option("--save <folder>", "write the data there as .npz files, and train nothing")
    .option(...STAGE)
    .addHelpText("after", POC_EXAMPLES)
    .action(async (_: unknown, self: Command) => {
      const { runPoc } = await import("./poc/command.ts");
      await runPoc(self.optsWithGlobals<PocFlags>());
    });
}

/** Of all rows those that are asked for, in the order of the table, each once. */
const parseModels =
  (rows: readonly { readonly id: string }[]) =>
  (text: string): string[] => {
    const asked = text.split(",").map((id) => id.trim());
    const ids = rows.map(({ id }) => id);
    const unknown = asked.find((id) => !ids.includes(id));
    if (unknown !== undefined) {
      throw new AcsconvError("input", `There is no model "${unknown}": there are ${ids.join(", ")}.`);
    }
    return ids.filter((id) => asked.includes(id));
  };

const modelsOption = (
  rows: readonly { readonly id: string }[],
  { models }: { readonly models: readonly string[] },
): Option =>
  new Option("--models <ids>", `rows of the table, of ${rows.map(({ id }) => id).join(", ")}`)
    .argParser(parseModels(rows))
    .default(models, models.join(","));

const seedsOption = ({ seeds }: { readonly seeds: readonly number[] }): Option =>
  new Option("--seeds <numbers>", "seeds of weights and batches; the data stay the same")
    .argParser(parseSeeds)
    .default(seeds, seeds.join(","));

const number =
  (expected: string, isRight: (value: number) => boolean) =>
  (text: string): number => {
    const value = text.trim() === "" ? NaN : Number(text);
    if (!isRight(value)) throw new InvalidArgumentError(`Expected ${expected}.`);
    return value;
  };
const parsePositive = number("a number above 0", (value) => value > 0 && Number.isFinite(value));
const parseCount = number("a whole number from 1 on", (value) => Number.isSafeInteger(value) && value >= 1);
const parseWhole = number("a whole number from 0 on", (value) => Number.isSafeInteger(value) && value >= 0);

const parseSeeds = (text: string): number[] => [...new Set(text.split(",").map(parseWhole))];
