/** @file `acsconv new`: a network by name, with pretrained weights and a head of its own, as a 3D model. */

import type { Command } from "commander";
import { inputError } from "../base/errors.ts";
import { checkApart, checkWritable } from "../base/files.ts";
import { LIFT_KINDS, type LiftKind, type LiftOptions, lift, type Model, unlift } from "../index.ts";
import {
  ARCHITECTURES,
  type Architecture,
  architecture,
  type ArchitectureOptions,
  classificationHead,
  initialise,
  segmentationHead,
} from "../models/index.ts";
import { unknownName } from "../base/names.ts";
import { isFresh } from "../ops/kinds/index.ts";
import { bytes, shapeText } from "../report/figures.ts";
import {
  type LoadReport,
  loadWeights,
  type Mismatch,
  type NameMapName,
  transferred,
} from "../weights/index.ts";
import { NAME_MAPS } from "../weights/name-maps.ts";
import { PSC, choice, parseCount, parseWhole } from "./arguments.ts";
import { warn } from "./errors.ts";
import type { GlobalOptions } from "./flags.ts";
import { print } from "./print.ts";
import { printable } from "../base/printable.ts";

type Kind = LiftKind | "2d";

interface NewFlags extends GlobalOptions {
  readonly out: string;
  readonly weights?: string;
  readonly map: NameMapName;
  readonly only?: string;
  readonly strict: boolean;
  readonly kind?: Kind;
  readonly psc?: LiftOptions["psc"];
  readonly channels?: number;
  readonly classes?: number;
  readonly head?: "fcn" | "cls";
  readonly stemStride?: "1" | "2";
  readonly stemPool: boolean;
  readonly outputStride?: (typeof OUTPUT_STRIDES)[number];
  readonly seed: number;
}

const OUTPUT_STRIDES = ["1", "2", "4", "8", "16", "32"] as const;

const EXAMPLES = `
Examples:
  A segmenter of grey volumes from ImageNet's weights:
  $ acsconv new resnet18 --weights resnet18-f37072fd.pth --channels 1 --classes 2 --head fcn -o model.onnx

  A classifier that keeps small volumes fine, as the paper's for lung nodules:
  $ acsconv new resnet18 --weights resnet18-f37072fd.pth --classes 2 --head cls --stem-stride 1 --no-stem-pool -o model.onnx

  A whole segmenter but for its last layer, which has other classes; the encoder alone:
  $ acsconv new deeplabv3_resnet101 --weights deeplabv3_resnet101_coco-586e9e4e.pth --classes 2 --no-strict -o model.onnx
  $ acsconv new deeplabv3_resnet101 --weights deeplabv3_resnet101_coco-586e9e4e.pth --classes 2 --only encoder -o model.onnx

  Fresh weights, and the network in 2D:
  $ acsconv new unet --classes 3 --channels 1 --seed 7 -o model.onnx
  $ acsconv new resnet50 --kind 2d -o resnet50.onnx

"acsconv models" lists all networks; resnet18_fcn, vgg16_bn_fcn and densenet121_fcn are the paper's segmenters.`;

export function addNew(program: Command): void {
  program
    .command("new")
    .summary("make a network by name, with pretrained weights")
    .description(
      "Build a 2D network by name, load weights into it, give it a head, lift it and save it as plain ONNX.",
    )
    .argument("<network>", 'such as resnet18; "acsconv models" lists all')
    .requiredOption("-o, --out <path>", "where the network goes")
    .option(
      "--weights <file>",
      "pretrained weights: PyTorch, safetensors, npz, Keras or ONNX (default: fresh ones)",
    )
    .addOption(choice("--map <names>", "whose names the weights have", Object.keys(NAME_MAPS), "torchvision"))
    .option("--only <names>", 'weights to load, such as "layer*,conv1.*", or encoder; others are fresh')
    .option("--no-strict", "load what fits; what is missing or has other sizes is fresh")
    .addOption(
      choice("--kind <kind>", "how a 2D kernel reads a volume, or 2d to stay 2D (default: acs)", [
        ...LIFT_KINDS,
        "2d",
      ]),
    )
    .option(...PSC)
    .option(
      "--channels <n>",
      "input channels; 1 for grey volumes, also with weights of RGB images (default: the network's)",
      parseCount,
    )
    .option("--classes <n>", "classes to tell apart (default: the network's)", parseCount)
    .addOption(
      choice("--head <head>", "instead of the network's: fcn segments, cls classifies", ["fcn", "cls"]),
    )
    .addOption(choice("--stem-stride <n>", "of the first convolution", ["1", "2"]))
    .option("--no-stem-pool", "leave out the pool after it")
    .addOption(
      choice("--output-stride <n>", "the coarsest map; strides beyond it become dilation", OUTPUT_STRIDES),
    )
    .option("--seed <n>", "of fresh weights", parseWhole, 0)
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, _: unknown, command: Command) => {
      await run(name, command.optsWithGlobals<NewFlags>());
    });
}

async function run(name: string, flags: NewFlags): Promise<void> {
  const { out, weights, seed, quiet } = flags;
  const entry = entryOf(name, flags);
  await checkApart([out, ...(weights === undefined ? [] : [weights])]);
  await checkWritable(out);
  const { network, report }: Filled =
    weights === undefined ? { network: build(entry, flags) } : await load(entry, weights, flags);
  const loaded = new Set(report?.loaded);
  const filled = initialise(network, { seed, only: (weight) => !loaded.has(weight) });
  const model = entry.dimensions === 2 ? ofKind(filled, flags) : filled;
  await model.save(out);
  for (const warning of model.report?.warnings ?? []) warn(warning);
  if (quiet) return;
  const text = [
    `${name} → ${out}${entry.dimensions === 2 ? `  (${flags.kind ?? "acs"})` : ""}`,
    ...(report ? ["", `weights of ${weights}:`, ...lines(report)] : []),
    "",
    ...model.inputs.map((input) => printable(`input   ${input.name} ${shapeText(input.shape)}`)),
    ...model.outputs.map((output) => printable(`output  ${output.name} ${shapeText(output.shape)}`)),
  ].join("\n");
  print(text);
}

function entryOf(name: string, { head, classes, kind, psc }: NewFlags): Architecture {
  const names = ARCHITECTURES.map((known) => known.name);
  const entry = ARCHITECTURES[names.indexOf(name)];
  if (!entry) throw unknownName("network", name, names);
  const refuse = (sentence: string): never => {
    throw inputError(sentence);
  };
  if (entry.dimensions === 3 && kind) refuse(`${name} is 3D by birth and is not lifted; leave --kind out.`);
  if (psc && kind !== "psc") refuse(`--psc is for --kind psc, got ${kind ?? "acs"}; leave it out.`);
  if (head && !(head === "cls" && hasHeads(entry))) {
    if (entry.task === "segmentation")
      refuse(`--head is for networks that classify, and ${name} has a decoder of its own; leave --head out.`);
    if (entry.dimensions === 3)
      refuse(`--head is for 2D networks, and ${name} is 3D by birth; leave it out.`);
  }
  if (classes === undefined && (head ?? entry.classes === undefined))
    refuse(`${head ? `--head ${head}` : name} needs to know how many classes to tell apart; give --classes.`);
  return entry;
}

/** Whether it comes with several heads to choose from. */
const hasHeads = ({ options }: Architecture): boolean => options.includes("head");

/** The network without weights: 2D, but for kinds that have kernels of their own. */
function build(entry: Architecture, flags: NewFlags, channels = flags.channels ?? entry.channels): Model {
  const { classes, head, stemStride, stemPool, outputStride } = flags;
  const isAdded = head !== undefined && !hasHeads(entry);
  const options = {
    kernels: "none",
    // The paper's small U-Net has one channel, and no such option.
    ...(channels !== entry.channels && { channels }),
    ...(classes !== undefined && !isAdded && { classes }),
    ...(head && !isAdded && { head: "classification" }),
    ...((stemStride !== undefined || !stemPool) && {
      stem: { stride: stemStride === "1" ? 1 : 2, pool: stemPool },
    }),
    ...(outputStride && { outputStride: Number(outputStride) as 8 }),
  } satisfies ArchitectureOptions;
  const backbone = architecture(entry.name, options);
  const add = head === "fcn" ? segmentationHead : classificationHead;
  const model = isAdded
    ? add(openSized(backbone, entry, options), { classes: classes!, kernels: "none" })
    : backbone;
  const kind = ownKernels(flags);
  return kind ? lift(model, { kind, ...(flags.psc && { psc: flags.psc }) }) : model;
}

/** The kind, if it has kernels of its own. */
const ownKernels = ({ kind }: NewFlags): LiftKind | undefined =>
  kind !== undefined && kind !== "2d" && isFresh(kind) ? kind : undefined;

/** VGG takes images of one size because of its own head; without that, of any. */
function openSized(backbone: Model, { name }: Architecture, options: ArchitectureOptions): Model {
  if (typeof backbone.inputs[0]!.shape![2] !== "number") return backbone;
  const values = backbone.graph.nodes.flatMap(({ outputs }) => outputs);
  return architecture(name, {
    ...options,
    outputs: [values.findLast((value) => value.startsWith("features."))!],
  });
}

/** Of the heads that this package adds: no published file has them, while files saved by it do. */
const isHead = (name: string): boolean => name.startsWith("head.");

/** A network, and what became of the weights of a file. */
interface Filled {
  readonly network: Model;
  readonly report?: LoadReport;
}

/**
 * The network with the weights of a file. It is built for as many channels as the file has: for those asked for, or
 * for those that lifting folds into one.
 */
async function load(entry: Architecture, path: string, flags: NewFlags): Promise<Filled> {
  const { channels = entry.channels, map, strict } = flags;
  const only =
    flags.only === undefined
      ? () => true
      : transferred(flags.only === "encoder" ? "encoder" : { include: flags.only.split(",") });
  const options = { map, only, strict: false };
  const isFolded = entry.dimensions === 2 && !ownKernels(flags) && channels !== entry.channels;
  const isStem = ({ expected, found }: Mismatch): boolean =>
    expected[1] === entry.channels && found[1] === channels;
  let empty = build(entry, flags, isFolded ? entry.channels : channels);
  let { model, report } = await loadWeights(empty, path, options);
  if (isFolded && report.mismatched.some(isStem)) {
    empty = build(entry, flags, channels);
    ({ model, report } = await loadWeights(empty, path, options));
  }
  const unfit = [...report.missing, ...report.mismatched.map(({ name }) => name)];
  if (strict && unfit.some((name) => !isHead(name))) {
    // Throws the error that lists what does not fit.
    await loadWeights(empty, path, { map, only: (name) => only(name) && !isHead(name) });
  }
  return { network: model, report };
}

/** Lifted, or the 2D network that lifting would have read. */
function ofKind(model: Model, flags: NewFlags): Model {
  if (model.lifted) return model;
  const { channels, kind = "acs" } = flags;
  if (kind !== "2d") return lift(model, { kind, ...(channels !== undefined && { channels }) });
  return channels === undefined ? model : unlift(lift(model, { channels }));
}

/** How many names a line lists. */
const EXAMPLE_NAMES = 4;

/** What became of the weights, for people. */
function lines({ loadedBytes, totalBytes, percent, ...report }: LoadReport): string[] {
  // Counters of training steps, which no network reads.
  const unexpected = report.unexpected.filter((name) => !name.endsWith(".num_batches_tracked"));
  const other = report.mismatched.map(
    ({ name, expected, found }) => `${name} [${found.join(", ")}] for [${expected.join(", ")}]`,
  );
  return [
    `loaded      ${bytes(loadedBytes)} of ${bytes(totalBytes)}: ${percent.toFixed(1)} % of the parameters`,
    ...line("missing", report.missing, "fresh"),
    ...line("other size", other, "fresh"),
    ...line("left out", report.skipped, "fresh"),
    ...line("unexpected", unexpected, "not used"),
  ];
}

function line(title: string, names: readonly string[], became: string): string[] {
  if (names.length === 0) return [];
  const more = names.length > EXAMPLE_NAMES ? ", …" : "";
  return [
    `${title.padEnd(11)} ${names.length} (${became}): ${names.slice(0, EXAMPLE_NAMES).join(", ")}${more}`,
  ];
}
