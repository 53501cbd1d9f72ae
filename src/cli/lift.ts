/** @file `acsconv lift`: a 2D network in, a 3D network out, and a report of what became of it. */

import { type Command, InvalidArgumentError } from "commander";
import { checkApart, checkWritable, writeFiles } from "../base/files.ts";
import { LIFT_KINDS, type LiftOptions, type Model, lift, load } from "../index.ts";
import { bytes, compact, shapeText } from "../report/figures.ts";
import { liftReport } from "../report/lift-report.ts";
import { formatTable } from "../report/text-table.ts";
import { PSC, choice, parseCount, parseSizes } from "./arguments.ts";
import { warn } from "./errors.ts";
import type { GlobalOptions } from "./flags.ts";
import { print } from "./print.ts";
import { printable } from "../base/printable.ts";

type PerStage = "height" | 1 | readonly ("height" | 1)[];

interface LiftFlags extends GlobalOptions, Omit<LiftOptions, "depth"> {
  readonly out: string;
  readonly depthStride?: PerStage;
  readonly depthPool?: PerStage;
  readonly report?: string;
}

const EXAMPLES = `
Examples:
  The paper's conversion; every 2D weight is kept, under its name:
  $ acsconv lift resnet18.onnx -o resnet18.acs.onnx

  For grey volumes (CT, MR): fold the RGB stem into one channel, at a third of its cost:
  $ acsconv lift resnet18.onnx -o resnet18.acs.onnx --channels 1

  Few thick slices: keep depth where height and width are halved:
  $ acsconv lift unet.onnx -o unet.acs.onnx --depth-stride 1 --depth-pool 1

  A backbone without its head; the value becomes the output:
  $ acsconv lift densenet121.onnx -o features.acs.onnx --outputs /features/norm5/BatchNormalization_output_0

  The counterparts the paper compares with:
  $ acsconv lift unet.onnx -o unet.25d.onnx --kind 2.5d
  $ acsconv lift unet.onnx -o unet.i3d.onnx --kind i3d
  $ acsconv lift unet.onnx -o unet.psc.onnx --kind psc --psc 3,1

PyTorch folds BatchNorm into the convolutions when it exports. To fine-tune later, export with
training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False.`;

export function addLift(program: Command): void {
  program
    .command("lift")
    .summary("turn a 2D network into a 3D one")
    .description(
      "Turn a pretrained 2D CNN into a natively 3D one. Depth follows height; no weight is lost, and but for the kinds that are drawn anew (3d, psc) none is added.",
    )
    .argument("<model.onnx>", "a 2D network: one image input [N, C, H, W] (or [N, H, W, C])")
    .requiredOption("-o, --out <path>", "where the 3D network goes, as plain ONNX")
    .addOption(choice("--kind <kind>", "how a 2D kernel reads a volume", LIFT_KINDS, "acs"))
    .addOption(
      choice("--view <plane>", "the plane of 2.5d kernels", ["axial", "coronal", "sagittal"], "axial"),
    )
    .option("--split <a,c,s>", "shares of the output channels per view (default: thirds)", parseSplit)
    .option(...PSC)
    .option("--channels <n>", "input channels; 1 folds an RGB stem", parseCount)
    .option("--size <d,h,w>", "fix the input size (default: any)", parseSizes)
    .option(
      "--depth-stride <1|height,…>",
      "stride along depth: as height's, or 1; a list gives one per stage",
      parsePerStage,
    )
    .option("--depth-pool <1|height,…>", "the same for pooling", parsePerStage)
    .addOption(
      choice(
        "--fc <how>",
        "fully connected layers on a flattened map",
        ["mean", "acs", "cut", "error"],
        "mean",
      ),
    )
    .option("--outputs <names>", "values that become the outputs, separated by commas", (text) =>
      text.split(","),
    )
    .addOption(choice("--layout <layout>", "layout of the 2D input", ["NCHW", "NHWC"]))
    .addOption(
      choice("--compat <package>", "even kernels as the authors' package reads them", ["acsconv-py"]),
    )
    .option("--report <path>", "also write the report as JSON, node by node")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, _: unknown, command: Command) => {
      await run(path, command.optsWithGlobals<LiftFlags>());
    });
}

async function run(path: string, flags: LiftFlags): Promise<void> {
  const { out, report, quiet, depthStride, depthPool, ...options } = flags;
  await checkApart([path, out, ...(report === undefined ? [] : [report])]);
  await checkWritable(out);
  if (report !== undefined) await checkWritable(report);
  const depth = {
    ...(depthStride !== undefined && { stride: depthStride }),
    ...(depthPool !== undefined && { pool: depthPool }),
  };
  const model = lift(await load(path, { onWarning: warn }), {
    ...options,
    ...(Object.keys(depth).length > 0 && { depth }),
  });
  await model.save(out);
  for (const warning of model.report!.warnings) warn(warning);
  if (report !== undefined) {
    const json = JSON.stringify(liftReport(model), undefined, 2);
    await writeFiles([{ path: report, chunks: [new TextEncoder().encode(`${json}\n`)] }]);
  }
  if (!quiet) print(describe(model, path, out));
}

function describe(model: Model, from: string, to: string): string {
  const { size, before, after } = liftReport(model);
  const became = new Map<string, { count: number; ops: Map<string, number> }>();
  for (const node of model.report!.nodes) {
    const entry = became.get(node.op) ?? { count: 0, ops: new Map<string, number>() };
    entry.count++;
    for (const op of node.became) entry.ops.set(op, (entry.ops.get(op) ?? 0) + 1);
    became.set(node.op, entry);
  }
  const operators = formatTable(
    ["2D operator", "nodes", "became"],
    [...became].map(([op, { count, ops }]) => [
      op,
      String(count),
      [...ops].map(([name, n]) => `${n} ${name}`).join(", "),
    ]),
  );
  const [input] = model.inputs;
  const costs = formatTable(
    ["", "2D", "3D"],
    [
      ["parameters", compact(before.parameters), compact(after.parameters)],
      ["parameter memory", bytes(before.parameterBytes), bytes(after.parameterBytes)],
      ["multiply-adds", compact(before.multiplyAdds), compact(after.multiplyAdds)],
      ["activations", bytes(before.activationBytes), bytes(after.activationBytes)],
    ],
  );
  return [
    `${printable(from)} → ${printable(to)}  (${model.lifted!.options.kind ?? "acs"})`,
    "",
    operators,
    "",
    `Cost at ${size.slice(1).join("×")} pixels and ${size.join("×")} voxels:`,
    costs,
    "",
    printable(`input   ${input!.name} ${shapeText(input!.shape)}`),
    ...model.outputs.map(({ name, shape }) => printable(`output  ${name} ${shapeText(shape)}`)),
  ].join("\n");
}

function parseSplit(text: string): [number, number, number] {
  const parts = text.split(",").map(Number);
  if (parts.length !== 3 || !parts.every((part) => part >= 0))
    throw new InvalidArgumentError("Expected three shares, such as 1,1,1 or 2,1,0.");
  return parts as [number, number, number];
}

function parsePerStage(text: string): "height" | 1 | ("height" | 1)[] {
  const stages = text.split(",").map((part) => {
    if (part === "1") return 1;
    if (part === "height") return "height";
    throw new InvalidArgumentError("Expected 1 or height, or a list of them such as 1,height.");
  });
  return stages.length === 1 ? stages[0]! : stages;
}
