/** @file `acsconv weights`: what is in a file of weights. */

import type { Command } from "commander";
import { byteLength, elementCount, type Tensor } from "../graph/tensor.ts";
import { bytes, compact } from "../report/figures.ts";
import { formatTable } from "../report/text-table.ts";
import { readWeights, type WeightFile, type WeightFormat } from "../weights/index.ts";
import { parsePattern } from "./arguments.ts";
import type { GlobalOptions } from "./flags.ts";
import { print } from "./print.ts";
import { printable } from "../base/printable.ts";

interface WeightsFlags extends GlobalOptions {
  readonly grep?: RegExp;
  readonly json?: boolean;
}

const FORMATS: Readonly<Record<WeightFormat, string>> = {
  safetensors: "safetensors",
  pytorch: "PyTorch checkpoint (zip)",
  "pytorch-stream": "PyTorch checkpoint (stream, as before PyTorch 1.6)",
  npz: "NumPy archive",
  hdf5: "HDF5 (Keras)",
  onnx: "ONNX model",
};

const EXAMPLES = `
Examples:
  $ acsconv weights resnet18-f37072fd.pth                names, types and shapes
  $ acsconv weights checkpoint.pt --grep "bn.*weight$"   only names that match
  $ acsconv weights model.safetensors --json > weights.json`;

export function addWeights(program: Command): void {
  program
    .command("weights")
    .summary("list what is in a file of weights")
    .description(
      "List the tensors of a file by name: safetensors, PyTorch (.pth, .pt, .bin, .ckpt), NumPy (.npz), Keras (.h5, .hdf5) or ONNX. Nothing in it is executed.",
    )
    .argument("<file>", "weights in any of these formats")
    .option("--grep <pattern>", "list only names that match (a regular expression)", parsePattern)
    .option("--json", "print JSON")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, _: unknown, command: Command) => {
      await run(path, command.optsWithGlobals<WeightsFlags>());
    });
}

async function run(path: string, { grep, json }: WeightsFlags): Promise<void> {
  const file = await readWeights(path);
  const shown = [...file.tensors].filter(([name]) => !grep || grep.test(name));
  const text = json ? JSON.stringify(facts(file, shown), undefined, 2) : page(path, file, shown);
  print(text);
}

type Named = readonly [name: string, tensor: Tensor];

/** Numbers that are trained or follow from training; counters and indices are none. */
const FLOATS = /^(b?float|complex)/;

/** Sums over tensors; parameters are elements of tensors of floating-point numbers. */
function totals(tensors: readonly Named[]): { tensors: number; parameters: number; bytes: number } {
  const sum = (of: (tensor: Tensor) => number): number =>
    tensors.reduce((total, [, tensor]) => total + of(tensor), 0);
  return {
    tensors: tensors.length,
    parameters: sum(({ dtype, dims }) => (FLOATS.test(dtype) ? elementCount(dims) : 0)),
    bytes: sum(sizeOf),
  };
}

const sizeOf = ({ dtype, dims }: Tensor): number => byteLength(dtype, dims);

const facts = ({ format, metadata }: WeightFile, shown: readonly Named[]): object => ({
  format,
  ...totals(shown),
  weights: shown.map(([name, { dtype, dims }]) => ({ name, dtype, shape: dims })),
  metadata: Object.fromEntries(metadata),
});

function page(path: string, { format, tensors, metadata }: WeightFile, shown: readonly Named[]): string {
  const table = formatTable(
    ["name", "type", "shape", "size"],
    shown.map(([name, tensor]) => [
      brief(name),
      tensor.dtype,
      `[${tensor.dims.join(", ")}]`,
      bytes(sizeOf(tensor)),
    ]),
  );
  const { tensors: count, parameters, bytes: size } = totals(shown);
  const of = count < tensors.size ? ` of ${tensors.size}` : "";
  return [
    `${printable(path)}: ${FORMATS[format]}`,
    ...(metadata.size > 0
      ? ["", ...[...metadata].map(([key, text]) => `${brief(key)}: ${brief(text)}`)]
      : []),
    "",
    table,
    "",
    `total: ${count}${of} tensors, ${compact(parameters)} numbers (${bytes(size)})`,
  ].join("\n");
}

/** Longer texts are not for reading: a whole graph can stand in a model's metadata. */
const MAX_TEXT = 120;

/** A text of the file on one line, and not too long. */
function brief(text: string): string {
  const safe = printable(text);
  return safe.length > MAX_TEXT ? `${safe.slice(0, MAX_TEXT)}…` : safe;
}
