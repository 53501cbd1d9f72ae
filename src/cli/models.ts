/** @file `acsconv models`: the networks that can be built by name, and what each costs in every kind. */

import type { Command } from "commander";
import { inputError } from "../base/errors.ts";
import { LIFT_KINDS, type LiftOptions, lift } from "../index.ts";
import { ARCHITECTURES, type Architecture, architecture } from "../models/index.ts";
import { costTable } from "../report/cost-table.ts";
import { bytes, compact } from "../report/figures.ts";
import { costsByKind, type KindCost, sizesFor } from "../report/lift-report.ts";
import { type NetworkSummary, summarise } from "../report/summary.ts";
import { formatTable } from "../report/text-table.ts";
import { PSC, choice, parsePattern, parseSizes } from "./arguments.ts";
import type { GlobalOptions } from "./flags.ts";
import { startProgress } from "./progress.ts";
import { print } from "./print.ts";

type Kind = KindCost["kind"];
type Size = readonly [number, number, number];

interface ModelsFlags extends GlobalOptions {
  readonly size: Size;
  readonly kind?: Kind;
  readonly psc?: LiftOptions["psc"];
  readonly grep?: RegExp;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  $ acsconv models                          what 2D, acs and 3d networks cost
  $ acsconv models --size 48,96,96          for volumes of this size
  $ acsconv models --kind i3d --grep resnet another kind, for some of them
  $ acsconv models --json > models.json     all kinds`;

export function addModels(program: Command): void {
  program
    .command("models")
    .summary("list the networks that can be built by name, and their costs")
    .description(
      "List the networks that can be built by name: parameters, their memory, and multiply-adds for one volume. 2D networks see one slice of it.",
    )
    .option("--size <d,h,w>", "input size to reckon with", parseSizes, [64, 64, 64])
    .addOption(
      choice("--kind <kind>", "only one kind, with the memory of its activations", ["2d", ...LIFT_KINDS]),
    )
    .option(...PSC)
    .option("--grep <pattern>", "list only names that match (a regular expression)", parsePattern)
    .option("--json", "print JSON")
    .addHelpText("after", EXAMPLES)
    .action((_: unknown, command: Command) => {
      run(command.optsWithGlobals<ModelsFlags>());
    });
}

/** Where a network has no number of its own. */
const CLASSES = 2;

type Totals = Omit<NetworkSummary, "layers">;

/** A network, and what each kind of it costs. */
interface Row extends Pick<Architecture, "name" | "dimensions" | "task" | "channels"> {
  readonly classes: number;
  /** [H, W] of the image, for a network that takes no other. */
  readonly fixed: readonly number[] | undefined;
  readonly costs: ReadonlyMap<Kind, Totals>;
}

function run({ size, kind, psc, grep, json, quiet }: ModelsFlags): void {
  if (psc && kind !== "psc" && !json)
    throw inputError("--psc is for --kind psc or --json, where that kind is shown.");
  const wanted = ARCHITECTURES.filter(({ name }) => !grep || grep.test(name));
  if (wanted.length === 0)
    throw inputError(
      `No network matches ${String(grep)}; the names are ${ARCHITECTURES.map(({ name }) => name).join(", ")}.`,
    );
  // A log has no use for the progress of some seconds.
  const progress = startProgress("costs", "networks", (quiet ?? false) || !process.stderr.isTTY);
  const rows = wanted.map((entry, i) => {
    const row = costsOf(entry, size, psc);
    progress.update(i + 1, wanted.length);
    return row;
  });
  progress.stop();
  const text = json ? JSON.stringify(facts(rows, size), undefined, 2) : page(rows, size, kind);
  print(text);
}

function costsOf(
  { name, dimensions, task, channels, classes = CLASSES }: Architecture,
  size: Size,
  psc: LiftOptions["psc"],
): Row {
  const model = architecture(name, { kernels: "none", classes });
  const sides = model.inputs[0]!.shape!.slice(2).filter((side) => typeof side === "number");
  const costs: readonly KindCost[] =
    dimensions === 2
      ? costsByKind(lift(model), size, psc)
      : [{ kind: "3d", summary: summarise(model.graph, sizesFor(model.graph, size)) }];
  const totals = costs.map(({ kind, summary }) => {
    const { layers: _, ...totals } = summary;
    return [kind, totals] as const;
  });
  return {
    name,
    dimensions,
    task,
    channels,
    classes,
    fixed: sides.length > 0 ? sides : undefined,
    costs: new Map(totals),
  };
}

const facts = (rows: readonly Row[], size: Size): object => ({
  size,
  networks: rows.map(({ fixed, costs, ...row }) => ({
    ...row,
    ...(fixed && { fixed }),
    kinds: [...costs].map(([kind, totals]) => ({ kind, ...totals })),
  })),
});

function page(rows: readonly Row[], size: Size, kind: Kind | undefined): string {
  const voxels = `${size.join("×")} voxels`;
  const pixels = `${size.slice(1).join("×")} pixels`;
  const title = kind
    ? `${kind}, for ${kind === "2d" ? pixels : voxels}`
    : `2D networks for ${pixels}, 3D ones for ${voxels}`;
  const groups = GROUPS.flatMap(({ title, dimensions, task }) => {
    const group = rows.filter((row) => row.dimensions === dimensions && row.task === task);
    const isShown = group.length > 0 && (!kind || group[0]!.costs.has(kind));
    return isShown ? [(kind || dimensions === 3 ? oneKind(kind ?? "3d") : overview)(title, group)] : [];
  });
  const fixed = rows.filter((row) => row.fixed);
  const names = fixed.map(({ name }) => name).join(", ");
  const notes = [
    ...(fixed.length > 0
      ? [`Slices of ${fixed[0]!.fixed!.join("×")} pixels, the only ones they take: ${names}.`]
      : []),
    ...(kind ? [] : [NOTE]),
  ];
  return [title, ...groups, ...(notes.length > 0 ? [notes.join("\n")] : [])].join("\n\n");
}

/** Tables of their own, and how they are called. */
const GROUPS = [
  { title: "classification", dimensions: 2, task: "classification" },
  { title: "segmentation", dimensions: 2, task: "segmentation" },
  { title: "3D classification", dimensions: 3, task: "classification" },
  { title: "3D segmentation", dimensions: 3, task: "segmentation" },
] as const;

const NOTE = `2.5d costs what acs does. i3d, mean-acs and soft-acs have the parameters of 2D and about the multiply-adds of 3d.
--kind shows them and psc, and the memory of activations.`;

type Table = (title: string, rows: readonly Row[]) => string;

/** What lifting in the paper's way costs, between the 2D network and a plain 3D one. */
const overview: Table = (title, rows) =>
  formatTable(
    [title, "parameters", "size", "3d: size", "multiply-adds: 2D", "acs", "3d"],
    rows.map(({ name, costs }) => [
      name,
      compact(costs.get("2d")!.parameters),
      bytes(costs.get("2d")!.parameterBytes),
      bytes(costs.get("3d")!.parameterBytes),
      ...(["2d", "acs", "3d"] as const).map((kind) => compact(costs.get(kind)!.multiplyAdds)),
    ]),
  );

const oneKind =
  (kind: Kind): Table =>
  (title, rows) =>
    costTable(
      title,
      rows.map(({ name, costs }) => [name, costs.get(kind)!]),
    );
