/** @file `acsconv inspect`: a network's layers, what they cost, and what each kind of lifting would cost. */

import type { Command } from "commander";
import { type Model, load } from "../index.ts";
import { simplify } from "../passes/simplify.ts";
import { costTable } from "../report/cost-table.ts";
import { bytes, compact, shapeText } from "../report/figures.ts";
import { costsByKind, sizesFor, usualSize } from "../report/lift-report.ts";
import { type NetworkSummary, summarise } from "../report/summary.ts";
import { opsetOf } from "../graph/graph.ts";
import { formatTable } from "../report/text-table.ts";
import { parseSizes } from "./arguments.ts";
import { warn } from "./errors.ts";
import type { GlobalOptions } from "./flags.ts";
import { print } from "./print.ts";
import { printable } from "../base/printable.ts";

interface InspectFlags extends GlobalOptions {
  readonly size?: readonly [number, number, number];
  readonly all?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  $ acsconv inspect resnet18.onnx                       a 2D network
  $ acsconv inspect resnet18.acs.onnx --size 48,96,96   a lifted one, and the paper's Table 2 for it
  $ acsconv inspect resnet18.acs.onnx --json > costs.json`;

export function addInspect(program: Command): void {
  program
    .command("inspect")
    .summary("show a network's layers and what they cost")
    .description(
      "Show a network layer by layer: output size, parameters, multiply-adds, activation memory. For a lifted network also what every kind of lifting would cost (the paper's Table 2).",
    )
    .argument("<model.onnx>", "any ONNX model")
    .option("--size <d,h,w>", "input size to reckon with (2D networks use height and width)", parseSizes)
    .option("--all", "list operators without parameters too")
    .option("--json", "print JSON")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, _: unknown, command: Command) => {
      await run(path, command.optsWithGlobals<InspectFlags>());
    });
}

async function run(path: string, flags: InspectFlags): Promise<void> {
  const model = await load(path, { onWarning: warn });
  const size = flags.size ?? usualSize(model);
  const graph = simplify(model.graph);
  const summary = summarise(graph, sizesFor(graph, size));
  const kinds = model.lifted ? costsByKind(model, size) : [];
  const text = flags.json
    ? JSON.stringify({ size, ...summary, kinds }, undefined, 2)
    : [
        heading(model, path, size),
        "",
        layers(summary, flags.all ?? false),
        "",
        total(summary),
        ...costsOfKinds(kinds),
      ].join("\n");
  print(text);
}

function heading(model: Model, path: string, size: readonly number[]): string {
  const what = model.lifted
    ? `lifted (${model.lifted.options.kind ?? "acs"})`
    : `ONNX opset ${opsetOf(model.graph)}`;
  const rank = model.inputs[0]?.shape?.length ?? 5;
  return [
    `${path}: ${what}`,
    ...model.inputs.map((input) => `input   ${input.name} ${shapeText(input.shape)} ${input.dtype ?? ""}`),
    ...model.outputs.map(
      (output) => `output  ${output.name} ${shapeText(output.shape)} ${output.dtype ?? ""}`,
    ),
    `figures for an input of ${(rank === 4 ? size.slice(1) : size).join("×")}`,
  ]
    .map(printable)
    .join("\n");
}

function layers({ layers: all }: NetworkSummary, everything: boolean): string {
  const shown = everything
    ? all
    : all.filter(({ parameters, multiplyAdds }) => parameters > 0 || (multiplyAdds ?? 1) > 0);
  return formatTable(
    ["layer", "operator", "output", "parameters", "multiply-adds", "activations"],
    shown.map((layer) => [
      layer.name,
      layer.kind ? `${layer.op} ${layer.kind}` : layer.op,
      layer.outputShape?.join("×") ?? "?",
      compact(layer.parameters),
      compact(layer.multiplyAdds),
      bytes(layer.activationBytes),
    ]),
  );
}

const total = ({ parameters, parameterBytes, multiplyAdds, activationBytes }: NetworkSummary): string =>
  `total: ${compact(parameters)} parameters (${bytes(parameterBytes)}), ${compact(multiplyAdds)} multiply-adds, ${bytes(activationBytes)} of activations`;

function costsOfKinds(kinds: ReturnType<typeof costsByKind>): string[] {
  if (kinds.length === 0) return [];
  const table = costTable(
    "kind",
    kinds.map(({ kind, summary }) => [kind, summary]),
  );
  return ["", "The same network in every kind (the paper's Table 2; 2d: one slice):", table];
}
