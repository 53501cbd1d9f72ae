/** @file The command line: what all commands share, and the list of them. */

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addEvaluate } from "./evaluate.ts";
import { addInspect } from "./inspect.ts";
import { addLift } from "./lift.ts";
import { addModels } from "./models.ts";
import { addNew } from "./new.ts";
import { addPredict } from "./predict.ts";
import { addPull } from "./pull.ts";
import { addTrain } from "./train.ts";
import { addWeights } from "./weights.ts";

const EXAMPLES = `
Examples:
  $ acsconv lift resnet18.onnx -o resnet18.acs.onnx       2D network in, 3D network out
  $ acsconv inspect resnet18.acs.onnx                     its layers, parameters and cost
  $ acsconv predict unet.acs.onnx scan.nii.gz -o seg.nii.gz
  $ acsconv train --model unet.acs.onnx --data Task09_Spleen -o run

"acsconv help <command>" shows more examples.`;

/** The program, ready to parse. Commands added to it inherit how errors and help are shown. */
export function createProgram(): Command {
  const { version, description } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  ) as { version: string; description: string };
  const program = new Command("acsconv")
    .description(description)
    .version(version, "-V, --version", "print the version")
    .option("-q, --quiet", "print warnings and errors only")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", EXAMPLES)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (message, write) => write(usageError(message, "acsconv")) })
    .exitOverride();
  addModels(program);
  addNew(program);
  addLift(program);
  addInspect(program);
  addPredict(program);
  addTrain(program);
  addEvaluate(program);
  addWeights(program);
  addPull(program);
  for (const command of program.commands) {
    command.configureOutput({
      outputError: (message, write) => write(usageError(message, `acsconv ${command.name()}`)),
    });
  }
  return program;
}

/** commander's words as one sentence: `error: argument '4,x' is invalid. Expected … \n(Did you mean …?)` */
function usageError(message: string, command: string): string {
  const said = message
    .replace(/^error: /, "")
    .replace(/\. (Expected|Allowed)/, (_, word: string) => `: ${word.toLowerCase()}`)
    .replace(/\s+\(Did you mean (.*)\?\)/, "; did you mean $1?")
    .trimEnd()
    .replace(/\.$/, "");
  return `acsconv: ${said} (see "${command} --help").\n`;
}
