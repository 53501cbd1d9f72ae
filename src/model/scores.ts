/**
 * @file What the numbers of a network mean, found by following them from where they come: through whatever moves,
 * averages, casts or bounds them, to the sigmoid, softmax or arg max they come out of, by name or written out.
 *
 * Which axis counts the channels is found in the same way: with every size of the input a symbol of its own, an
 * output's classes are the axis whose size depends on none, and the image's channels the axis that no output's size
 * depends on.
 */

import { AcsconvError, inputError } from "../base/errors.ts";
import { type Dim, symbol, symbolsOf } from "../graph/dim.ts";
import { indexOf } from "../graph/graph-index.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { elementCount, numbersOf } from "../graph/tensor.ts";
import { upgradeGraph } from "../onnx/upgrade.ts";
import { inferTypes } from "../ops/infer.ts";
import { ANYTHING, type Meaning, meaningOf } from "../ops/meaning.ts";
import type { Known } from "../ops/rule.ts";
import type { Scores } from "../run/sinks.ts";

/** What one output of a network holds. */
export interface Reading {
  /** Undefined where it cannot be told; {@link why} says what stands in the way. */
  readonly scores: Scores | undefined;
  /** Whether it follows from the network, and is not only likely. */
  readonly sure: boolean;
  /** What it rests on, as the end of a sentence such as "the output …". */
  readonly why: string;
  /** Which axis counts the classes; null where none does, as with labels. Undefined where it cannot be told. */
  readonly axis: number | null | undefined;
  /** How many classes that axis has, 1 without any; undefined where the network does not say. */
  readonly classes: number | undefined;
}

/** What is known of a network's numbers. */
export interface NetworkReading {
  /** Which axis of the image counts its channels; undefined where it cannot be told. */
  readonly channelAxis: number | undefined;
  /** By name of the output. */
  readonly outputs: ReadonlyMap<string, Reading>;
}

const readings = new WeakMap<Graph, NetworkReading>();

/** Reads a network of one image, 2D or 3D, lifted or plain. */
export function readNetwork(graph: Graph): NetworkReading {
  const known = readings.get(graph);
  if (known) return known;
  const made = read(graph);
  readings.set(graph, made);
  return made;
}

/** The channels of the image that a network takes; undefined where it leaves them open, or they cannot be told. */
export function inputChannels(graph: Graph): number | undefined {
  const size = graph.inputs[0]?.shape?.[readNetwork(graph).channelAxis ?? 1];
  return typeof size === "number" ? size : undefined;
}

/** What the first output, or the named one, holds. */
export function readScores(graph: Graph, output = graph.outputs[0]?.name): Reading {
  const reading = output === undefined ? undefined : readNetwork(graph).outputs.get(output);
  if (!reading) throw inputError(`The network has no output${output ? ` "${output}"` : ""}.`);
  return reading;
}

function read(given: Graph): NetworkReading {
  const graph = upgradeGraph(given);
  const [image] = graph.inputs;
  const free = typesAt(
    graph,
    image?.shape?.map((_, axis) => symbol(`axis ${axis}`)),
  );
  const declared = typesAt(graph, image?.shape);
  const shapes = { free, declared };
  const channelAxis = image && channelAxisOf(image, graph, shapes);
  const readingOf = readingsOf(graph, shapes, channelAxis, image?.shape?.length);
  const outputs = graph.outputs.map(({ name }) => [name, readingOf(name)] as const);
  return { channelAxis, outputs: new Map(outputs) };
}

type Types = ReadonlyMap<string, Known>;

interface Shapes {
  /** With every size of the image a symbol of its own. Empty where that contradicts the network. */
  readonly free: Types;
  readonly declared: Types;
}

function typesAt(graph: Graph, shape: readonly Dim[] | undefined): Types {
  const [image, ...others] = graph.inputs;
  if (!image) return new Map();
  const inputs: ValueInfo[] = [{ ...image, ...(shape && { shape }) }, ...others];
  try {
    return inferTypes({ ...graph, inputs, valueInfos: new Map() });
  } catch (error) {
    // What follows from the file alone is that it contradicts itself, or is baked to one size.
    if (error instanceof AcsconvError) return new Map();
    throw error;
  }
}

const dependsOn = (dim: Dim, axis: number): boolean => symbolsOf(dim).has(`axis ${axis}`);

/** Most channels of an image whose sizes are all fixed. */
export const FEW_CHANNELS = 4;

/** The axis of the image that no size of an output depends on; else the one that convention names. */
function channelAxisOf({ shape }: ValueInfo, graph: Graph, { free }: Shapes): number | undefined {
  if (!shape || shape.length < 3) return undefined;
  const axes = [...shape.keys()].slice(1);
  for (const { name } of graph.outputs) {
    const sizes = free.get(name)?.shape;
    if (!sizes || sizes.length < shape.length - 1) continue;
    const unused = axes.filter((axis) => !sizes.some((dim) => dependsOn(dim, axis)));
    if (unused.length === 1) return unused[0];
  }
  return channelAxisOfSizes(shape);
}

/** The axis that convention takes for the channels: the second, unless only the last has a size of its own. */
export function channelAxisOfSizes(shape: readonly unknown[]): number | undefined {
  const [first, ...middle] = shape.slice(1, -1).map((size) => typeof size === "number");
  const [second, last] = [shape[1], shape.at(-1)];
  if (typeof last !== "number" || last > FEW_CHANNELS) return 1;
  if (!first && !middle.some((isFixed) => isFixed)) return shape.length - 1;
  return typeof second === "number" && second > FEW_CHANNELS && middle.every((isFixed) => isFixed)
    ? undefined
    : 1;
}

/**
 * What values mean, by their names; nodes stand in the order in which they compute.
 *
 * @param rank - of the image
 */
function readingsOf(
  graph: Graph,
  { free, declared }: Shapes,
  channelAxis: number | undefined,
  rank = 0,
): (name: string) => Reading {
  const shapeOf = (name: string): readonly Dim[] | undefined =>
    free.get(name)?.shape ?? declared.get(name)?.shape;

  /** The axis beside the batch whose size does not depend on the image's; null if every axis does. */
  const classAxisOf = (name: string): number | null | undefined => {
    const shape = shapeOf(name);
    if (!shape) return channelAxis;
    const own = [...shape.keys()].slice(1).filter((axis) => symbolsOf(shape[axis]!).size === 0);
    if (own.length === 1) return own[0]!;
    const isWithout = shape.length === rank - 1;
    if (own.length === 0 && isWithout) return null;
    // Of an image whose sizes are baked in, or of a classifier.
    if (shape.length === rank) return channelAxis;
    return shape.length === 2 ? 1 : isWithout ? null : undefined;
  };
  const classesOf = (name: string, axis = classAxisOf(name)): number | undefined => {
    if (axis === null) return 1;
    if (axis === undefined) return undefined;
    // The file's own word, where we know nothing.
    const told = graph.outputs.find((output) => output.name === name)?.shape;
    return [shapeOf(name)?.[axis], told?.[axis]].find((size) => typeof size === "number");
  };
  const isClassAxis = (name: string, axis: number): boolean => {
    const own = shapeOf(name)?.length;
    if (axis < 0 && own === undefined) return false;
    return (axis < 0 ? axis + own! : axis) === classAxisOf(name);
  };

  const constant = (name: string): readonly number[] | undefined => {
    const tensor = graph.initializers.get(name);
    if (tensor) {
      const isSmall = elementCount(tensor.dims) <= SMALL && tensor.dtype !== "string";
      return isSmall ? Array.from(numbersOf(tensor)) : undefined;
    }
    const value = declared.get(name)?.value ?? free.get(name)?.value;
    const elements = value && Array.from(value.data);
    return elements?.every((x): x is number => typeof x === "number") ? elements : undefined;
  };
  const ofConstant = (name: string): Meaning => {
    const numbers = constant(name);
    if (!numbers || numbers.length === 0) return ANYTHING;
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    return { low, high, whole: numbers.every(Number.isInteger) };
  };

  const index = indexOf(graph);
  const producer = (name: string): Node | undefined => index.producer(name);
  const isConstant = (name: string): boolean =>
    graph.initializers.has(name) ||
    (producer(name)?.inputs.every((input) => input === "" || isConstant(input)) ?? false);
  /** Whole numbers for each voxel that are neither decisions nor known to be classes may be anything. */
  const ofType = (name: string, op: string, meaning: Meaning): Meaning => {
    const { dtype, shape } = declared.get(name) ?? free.get(name) ?? {};
    const isInteger = /^u?int/.test(dtype ?? "") && (shape?.length ?? 0) > 2;
    return isInteger && !meaning.labels && !meaning.whole
      ? { ...meaning, lostIn: meaning.lostIn ?? op }
      : meaning;
  };
  const context = { constant, isConstant, producer, isClassAxis, classes: (name: string) => classesOf(name) };
  const known = new Map<string, Meaning>();
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => known.get(name) ?? ofConstant(name));
    const meaning = meaningOf({ node, inputs, ...context });
    for (const output of node.outputs) if (output) known.set(output, ofType(output, node.op, meaning));
  }
  return (name) => {
    const axis = classAxisOf(name);
    const classes = classesOf(name, axis);
    return { ...verdict(known.get(name) ?? ANYTHING, classes), axis, classes };
  };
}

/** Constants that say something of the meaning of numbers have few elements. */
const SMALL = 4096;

type Verdict = Pick<Reading, "scores" | "sure" | "why">;

/** What numbers of this meaning are, where there are so many of them for each voxel. */
function verdict(meaning: Meaning, classes: number | undefined): Verdict {
  const { low, high, whole, total, labels, lostIn } = meaning;
  const sure = (scores: Scores, why: string): Verdict => ({ scores, sure: true, why });
  const unknown = (why: string): Verdict => ({ scores: undefined, sure: false, why });
  const isSingle = classes === 1;
  if (lostIn !== undefined) return unknown(`goes through ${lostIn} on its way from an activation`);
  if (labels) return sure("labels", "holds positions of the largest score");
  if (total !== undefined && isSingle) return unknown("is a softmax over a single class, which is always 1");
  if (total === "log") return sure("logits", "holds logarithms of probabilities");
  if (low >= 0 && high <= 1 && low < high) {
    if (total !== undefined) {
      return Math.abs(total - 1) < 1e-3
        ? sure("probabilities", "adds up to 1 over the classes")
        : unknown(`adds up to ${total} over the classes`);
    }
    if (isSingle) return whole ? sure("labels", "is 0 or 1") : sure("probabilities", "lies between 0 and 1");
    return sure("regions", "lies between 0 and 1, each class by itself");
  }
  const limits = `lies between ${low} and ${high}`;
  if (whole || (low >= 0 && (isSingle || high < Infinity)) || (high <= 0 && isSingle)) return unknown(limits);
  return low === -Infinity && high === Infinity
    ? sure("logits", "comes out of no activation")
    : { scores: "logits", sure: false, why: limits };
}
