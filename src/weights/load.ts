/**
 * @file Weights of a file into a network, by name, and a report of what came of it.
 *
 * Files name weights as their authors' code did: in an outer dictionary (`state_dict`, `model`), behind
 * prefixes of wrappers (`module.`), by other names altogether. The prefix whose removal makes the most
 * names fit is taken off; other names are mapped.
 */

import { AcsconvError, inputError } from "../base/errors.ts";
import { numbersOf, type Tensor, tensorOf } from "../graph/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { Model } from "../model/model.ts";
import { unknownName } from "../base/names.ts";
import { isFresh } from "../ops/kinds/index.ts";
import { slotsOf } from "../ops/parameters.ts";
import { isStatistic } from "../ops/slots.ts";
import { separateVectors } from "../passes/separate-vectors.ts";
import { NAME_MAPS, type NameMap, type NameMapName } from "./name-maps.ts";
import { fromKeras, KERAS_AXES } from "../formats/keras.ts";
import { readWeights, type WeightFile, type WeightSource } from "./read.ts";
import { matches, type NamePattern } from "./selection.ts";
import { nameOf } from "../base/byte-source.ts";

/** How a file's weights are found and which are taken. */
export interface LoadWeightsOptions {
  /**
   * Other names: a known family of files, a function, or new names by old ones. An old name that ends in a
   * dot stands for all that begin so: `{ "encoder.": "backbone." }`. Applied after the prefix is taken off.
   */
  readonly map?: NameMapName | NameMap | Readonly<Record<string, string>>;
  /** Taken off the file's names, as in `state_dict.module.`. Default: the one that makes the most names fit. */
  readonly prefix?: string;
  /** The network's weights to fill; others stay as they are. See {@link transferred}. */
  readonly only?: NamePattern;
  /** Whether it is an error if a weight of the network is missing in the file or has other sizes there. Default true. */
  readonly strict?: boolean;
}

/** A weight that the file has in other sizes. */
export interface Mismatch {
  readonly name: string;
  readonly expected: readonly number[];
  readonly found: readonly number[];
}

/** What became of each weight. Names are the network's; for `unexpected` the file's, as far as they were mapped. */
export interface LoadReport {
  /** What was taken off the file's names. */
  readonly prefix: string;
  readonly loaded: readonly string[];
  /** Weights of the network that the file has not. */
  readonly missing: readonly string[];
  readonly mismatched: readonly Mismatch[];
  /** Weights of the network that `only` left out. */
  readonly skipped: readonly string[];
  /** Tensors of the file that the network has no use for: heads, counters, optimisers. */
  readonly unexpected: readonly string[];
  /** Bytes that the loaded parameters take in the network; running statistics are no parameters. */
  readonly loadedBytes: number;
  /** Bytes that all parameters of the network take. */
  readonly totalBytes: number;
  /** How many of the network's parameters were loaded, from 0 to 100. */
  readonly percent: number;
}

/**
 * The network, 2D or lifted, with weights from a file. They are matched by name and get the network's
 * element type; sizes have to agree but for axes of length 1 at the end. A lifted network takes the same files as its
 * 2D form, since its kernels keep their names and sizes (those of `3d` and `psc` do not: they want files of such networks).
 *
 * @param source - a path, Blob or bytes, in any format that {@link readWeights} reads
 * @throws {@link AcsconvError} `input` if nothing fits, or not everything while `strict`; otherwise as {@link readWeights}
 *
 * @example
 * const { model, report } = await loadWeights(network, "r18.pth", { only: transferred({ exclude: "fc.*" }) });
 * console.log(`${report.percent.toFixed(1)} % of the parameters`);
 */
export async function loadWeights(
  model: Model,
  source: WeightSource,
  options: LoadWeightsOptions = {},
): Promise<{ readonly model: Model; readonly report: LoadReport }> {
  const { only = () => true, strict = true } = options;
  const network = new Model(separateVectors(model.graph), model.lifted, model.report);
  const slots = weightsOf(network);
  const isWanted = (name: string): boolean => matches(only, name);
  if (![...slots.keys()].some(isWanted))
    throw inputError(
      `None of the network's ${slots.size} weights is among those to load; their names begin with ${listed(modulesOf(slots.keys()), ALL_MODULES)}.`,
    );
  const file = await readWeights(source);
  const tensors = file.format === "hdf5" ? translated(file, network.graph, nameOf(source)) : file.tensors;
  const map = mapOf(options.map);
  const prefix = options.prefix ?? bestPrefix(tensors.keys(), map, slots);
  const found = renamed(tensors, prefix, map, slots);

  const loaded = new Map<string, Tensor>();
  const missing: string[] = [];
  const mismatched: Mismatch[] = [];
  for (const [name, { tensor, required }] of slots) {
    if (!isWanted(name)) continue;
    const given = found.weights.get(name);
    if (given && sameButOnes(given.dims, tensor.dims)) loaded.set(name, converted(given, tensor));
    else if (given) mismatched.push({ name, expected: tensor.dims, found: given.dims });
    else if (required) missing.push(name);
  }
  const parameters = [...slots].filter(([, { isParameter }]) => isParameter);
  const bytes = (names: typeof parameters): number =>
    names.reduce((sum, [, { tensor }]) => sum + tensor.bytes.length, 0);
  const loadedBytes = bytes(parameters.filter(([name]) => loaded.has(name)));
  const totalBytes = bytes(parameters);
  const report: LoadReport = {
    prefix,
    loaded: [...loaded.keys()],
    missing,
    mismatched,
    skipped: [...slots.keys()].filter((name) => !isWanted(name)),
    unexpected: found.unexpected,
    loadedBytes,
    totalBytes,
    percent: (100 * loadedBytes) / totalBytes,
  };
  if (loaded.size === 0 || (strict && missing.length + mismatched.length > 0))
    throw misfit(nameOf(source), report, betterMap(tensors, found.weights.size, slots));
  return { model: network.withWeights(loaded), report };
}

/** A Keras file's tensors with the names and axes that networks here have. */
function translated({ tensors, metadata }: WeightFile, graph: Graph, name: string): WeightFile["tensors"] {
  if (metadata.get("backend") === "theano")
    throw inputError(
      `"${name}" was written by Keras with Theano, whose kernels are turned round: convert it to TensorFlow's with Keras first.`,
    );
  return fromKeras(tensors, graph.metadata.get(KERAS_AXES));
}

interface Slot {
  readonly tensor: Tensor;
  /** Trained; otherwise a running statistic. */
  readonly isParameter: boolean;
  /** Not one that only lifting brought, such as soft-ACS's logits. */
  readonly required: boolean;
}

/** Parameters and running statistics by name, in the order of the layers. */
function weightsOf({ graph, lifted }: Model): ReadonlyMap<string, Slot> {
  const slots = new Map<string, Slot>();
  for (const slot of [...slotsOf(graph).values()].flat()) {
    const isOwn = !lifted || isFresh(lifted.options.kind ?? "acs");
    const required = isOwn || lifted.source.initializers.has(slot.name);
    slots.set(slot.name, { tensor: slot.tensor, isParameter: !isStatistic(slot), required });
  }
  return slots;
}

function mapOf(map: LoadWeightsOptions["map"]): NameMap {
  if (map === undefined) return (name) => name;
  if (typeof map === "function") return map;
  if (typeof map === "string") {
    if (!Object.hasOwn(NAME_MAPS, map)) throw unknownName("map of names", map, Object.keys(NAME_MAPS));
    return NAME_MAPS[map];
  }
  const beginnings = Object.entries(map).filter(([old]) => old.endsWith("."));
  return (name) => {
    if (Object.hasOwn(map, name)) return map[name];
    const [old, now] = beginnings.find(([old]) => name.startsWith(old)) ?? ["", ""];
    return now + name.slice(old.length);
  };
}

/** Longer prefixes are not looked for: names of any length come out of files. */
const MAX_PREFIX = 100;

/** Of all prefixes that end at a dot the one whose removal makes the most names fit; the shortest of equals. */
function bestPrefix(names: Iterable<string>, map: NameMap, slots: ReadonlyMap<string, Slot>): string {
  const fitting = new Map<string, number>();
  for (const name of names) {
    const dots = [...name.slice(0, MAX_PREFIX).matchAll(/\./g)];
    for (const at of [0, ...dots.map(({ index }) => index + 1)]) {
      const now = map(name.slice(at));
      const prefix = name.slice(0, at);
      if (now !== undefined && slots.has(now)) fitting.set(prefix, (fitting.get(prefix) ?? 0) + 1);
    }
  }
  const byCount = [...fitting].sort(([a, x], [b, y]) => y - x || a.length - b.length);
  return byCount[0]?.[0] ?? "";
}

/** The file's tensors by the network's names, and the rest by their own. */
function renamed(
  tensors: ReadonlyMap<string, Tensor>,
  prefix: string,
  map: NameMap,
  slots: ReadonlyMap<string, Slot>,
): { readonly weights: ReadonlyMap<string, Tensor>; readonly unexpected: readonly string[] } {
  const weights = new Map<string, Tensor>();
  const unexpected: string[] = [];
  for (const [name, tensor] of tensors) {
    const inside = name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
    const now = inside === undefined ? undefined : map(inside);
    if (now !== undefined && slots.has(now) && !weights.has(now)) weights.set(now, tensor);
    else unexpected.push(now ?? inside ?? name);
  }
  return { weights, unexpected };
}

/** [O, I] and [O, I, 1, 1] hold the same elements in the same order; so do kernels for images and for slices, [O, I, 1, kh, kw]. */
function sameButOnes(a: readonly number[], b: readonly number[]): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  const isSlice = short.length === 4 && long.length === 5 && long[2] === 1;
  const fits = (sizes: readonly number[]): boolean => long.every((size, axis) => size === (sizes[axis] ?? 1));
  return fits(short) || (isSlice && fits([short[0]!, short[1]!, 1, short[2]!, short[3]!]));
}

/** A file's tensor in the element type and sizes of the network's. */
const converted = (from: Tensor, { dtype, dims }: Tensor): Tensor =>
  from.dtype === dtype ? { dtype, dims, bytes: from.bytes } : tensorOf(dtype, dims, numbersOf(from));

/** The known family of names by which more than `count` tensors would fit, if there is one. */
function betterMap(
  tensors: ReadonlyMap<string, Tensor>,
  count: number,
  slots: ReadonlyMap<string, Slot>,
): string | undefined {
  const counts = Object.entries<NameMap>(NAME_MAPS).map(([name, map]) => {
    const fitting = renamed(tensors, bestPrefix(tensors.keys(), map, slots), map, slots).weights.size;
    return { name, fitting };
  });
  const [best] = counts.sort((a, b) => b.fitting - a.fitting);
  return best!.fitting > count ? best!.name : undefined;
}

/** Names that a message repeats. */
const EXAMPLES = 3;
const ALL_MODULES = 20;

function misfit(source: string, report: LoadReport, better: string | undefined): AcsconvError {
  const { loaded, missing, mismatched, unexpected } = report;
  const total = loaded.length + missing.length + mismatched.length;
  const sizes = ({ name, expected, found }: Mismatch): string =>
    `${name}: expected [${expected.join(", ")}], found [${found.join(", ")}]`;
  const faults = [
    missing.length > 0 && `${missing.length} are missing (${listed(missing)})`,
    mismatched.length > 0 &&
      `${mismatched.length} have other sizes (${listed(mismatched.map(sizes), EXAMPLES, "; ")})`,
  ].filter(Boolean);
  const instead =
    unexpected.length > 0 ? `; the file has ${unexpected.length} others (${listed(unexpected)})` : "";
  const remedy =
    better !== undefined
      ? `its names are those of the map "${better}": give it`
      : loaded.length === 0
        ? "it seems to be of another network: compare the names, and give a map"
        : "load what fits with strict: false, leave weights out with only, or give a map";
  return inputError(
    `"${source}" does not fit the network: of its ${total} weights ${faults.join(" and ")}${instead}; ${remedy}.`,
    { code: "E_MISFIT" },
  );
}

const listed = (names: readonly string[], most = EXAMPLES, between = ", "): string =>
  names.slice(0, most).join(between) + (names.length > most ? `${between}…` : "");

/** The first parts of names: `backbone`, `classifier` */
const modulesOf = (names: Iterable<string>): string[] => [
  ...new Set([...names].map((name) => name.replace(/\..*$/, ""))),
];
