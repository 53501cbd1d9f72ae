/**
 * @file What a node makes of the meaning of numbers: between which limits they lie, whether they are whole, whether
 * they add up to 1 over the classes. It tells scores from probabilities, however a network writes down its sigmoid or
 * softmax: 1 / (1 + e^−x) lies between 0 and 1, and e^x / Σ e^x adds up to 1, by any name.
 */

import { intAttr, type Node, stringAttr } from "../graph/graph.ts";
import { dtypeFromOnnx } from "../graph/tensor.ts";
import { keepsRange, rangeOf, slotsOfNode, traitsOf } from "./index.ts";

/** What is known of a value's elements, whatever the image. */
export interface Meaning {
  readonly low: number;
  readonly high: number;
  readonly whole: boolean;
  /** Over the classes they add up to a known number (1 for probabilities), or their exponentials add up to 1. */
  readonly total?: number | "log";
  /** The probability of one of two classes: with the other's it adds up to 1. */
  readonly isOneOfTwo?: boolean;
  /** Numbers of classes. */
  readonly labels?: boolean;
  /** The operator in which probabilities or labels went astray: what these numbers mean cannot be told. */
  readonly lostIn?: string;
}

/** A node, and what is known around it. */
export interface MeaningContext {
  readonly node: Node;
  readonly inputs: readonly Meaning[];
  /** Elements of a value that is a small constant. */
  readonly constant: (value: string) => readonly number[] | undefined;
  /** Whether a value is the same for every image. */
  readonly isConstant: (value: string) => boolean;
  /** The node that computes a value. */
  readonly producer: (value: string) => Node | undefined;
  /** Whether an axis of a value counts the classes. */
  readonly isClassAxis: (value: string, axis: number) => boolean;
  /** Classes of a value; undefined where they are not known. */
  readonly classes: (value: string) => number | undefined;
}

/** Nothing is known of these numbers. */
export const ANYTHING: Meaning = { low: -Infinity, high: Infinity, whole: false };

const between = (low: number, high: number, whole = false): Meaning => ({ low, high, whole });
const least = (all: readonly Meaning[], limit: "low" | "high"): number =>
  Math.min(...all.map((one) => one[limit]));
const most = (all: readonly Meaning[], limit: "low" | "high"): number =>
  Math.max(...all.map((one) => one[limit]));

/** What one node's output means. */
export function meaningOf(c: MeaningContext): Meaning {
  const { node, inputs } = c;
  const traits = traitsOf(node);
  const [x = ANYTHING] = inputs;
  if (traits.activation && traits.activation !== "sigmoid") return overClasses(c, traits.activation);
  if (traits.indices) {
    const isOfClasses = c.isClassAxis(node.inputs[0]!, intAttr(node, "axis", 0));
    return { ...between(0, Infinity, true), ...(isOfClasses ? { labels: true } : { lostIn: node.op }) };
  }
  const range = rangeOf(node, (name) => c.constant(name));
  const followed = follow(c);
  // Beyond a layer or an activation, nothing depends on what was lost before.
  if (!followed) return range ? between(...range) : lose(c);
  const meaning = distributed(c, range ? limited(followed, range) : followed);
  const lost = inputs.find(({ lostIn }) => lostIn !== undefined) ?? x;
  return lost.lostIn === undefined || meaning.lostIn ? meaning : { ...meaning, lostIn: lost.lostIn };
}

/** What comes of the inputs' meaning; undefined where nothing follows from it. */
function follow(c: MeaningContext): Meaning | undefined {
  const { node, inputs } = c;
  const { casts, averages, range } = traitsOf(node);
  if (casts) return cast(node, inputs[0]!);
  // Cubic interpolation overshoots by a little, which changes no meaning.
  if (keepsRange(node) || averages) return kept(c);
  if (DECISIONS.has(node.op)) return between(0, 1, true);
  return ARITHMETIC[node.op]?.(c) ?? (typeof range === "function" ? inputs[0] : undefined);
}

/** Probabilities that no longer add up mean something else, but where one of them is left. */
function distributed({ node, inputs, classes }: MeaningContext, meaning: Meaning): Meaning {
  const isKept = meaning.total !== undefined || meaning.lostIn !== undefined;
  const wasWhole = inputs.some(({ total }) => total !== undefined);
  return isKept || !wasWhole || classes(node.outputs[0]!) === 1 ? meaning : { ...meaning, lostIn: node.op };
}

/**
 * Layers make something new of whatever they get, by what they have learned; what other operators make of
 * probabilities is not known.
 */
function lose(c: MeaningContext): Meaning {
  const isTelling = c.inputs.some(
    ({ low, high, labels, total, lostIn }, i) =>
      !c.isConstant(c.node.inputs[i]!) &&
      (lostIn !== undefined ||
        labels === true ||
        total !== undefined ||
        (low >= 0 && high <= 1 && low < high)),
  );
  return isTelling && !isLearned(c) ? { ...ANYTHING, lostIn: c.node.op } : ANYTHING;
}

/** Whether a node has a kernel that is no mere choice or average: these have no negative elements. */
const isLearned = ({ node, constant, isConstant }: MeaningContext): boolean =>
  slotsOfNode(node).some(({ role, input }) => {
    const kernel = node.inputs[input] ?? "";
    return role === "kernel" && isConstant(kernel) && (constant(kernel)?.some((x) => x < 0) ?? true);
  });

/** Distributions are clipped at their very ends, so that logarithms are finite. */
const END = 0.05;

function limited(meaning: Meaning, [low, high]: readonly [number, number]): Meaning {
  if (low <= meaning.low && high >= meaning.high) return meaning;
  const { whole, labels, total } = meaning;
  const limit = (x: number): number => Math.min(Math.max(x, low), high);
  return {
    ...between(limit(meaning.low), limit(meaning.high), whole),
    ...(labels && low <= 0 && { labels }),
    ...(total === 1 && low <= END && high >= 1 - END && { total }),
    ...(meaning.lostIn !== undefined && { lostIn: meaning.lostIn }),
  };
}

/** Softmax and its relatives. Along another axis than the classes they are no probabilities of classes. */
function overClasses({ node, isClassAxis }: MeaningContext, activation: string): Meaning {
  const isLog = activation === "logSoftmax";
  const meaning = isLog ? between(-Infinity, 0) : between(0, 1, activation === "hardmax");
  const isOfClasses = isClassAxis(node.inputs[0]!, intAttr(node, "axis", -1));
  return { ...meaning, ...(isOfClasses ? { total: isLog ? "log" : 1 } : { lostIn: node.op }) };
}

function cast(node: Node, x: Meaning): Meaning {
  const to = dtypeFromOnnx(intAttr(node, "to", 1)) ?? "float32";
  if (to.startsWith("float") || to === "bfloat16" || x.whole) return x;
  if (to === "bool") return { ...between(0, 1, true), lostIn: node.op };
  // A probability becomes 0, but where it is 1.
  return { ...between(Math.trunc(x.low), Math.trunc(x.high), true), lostIn: node.op };
}

/** Operators that choose among elements: of a distribution they leave none. */
const CHOOSE = new Set(["MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin"]);

/** The same elements, in other places or averaged. */
function kept(c: MeaningContext): Meaning {
  const { node, inputs } = c;
  const { moves, alias, averages, trainingOnly } = traitsOf(node);
  const joined = moves === "join" ? inputs : inputs.slice(0, 1);
  const isMoved = alias !== undefined || moves !== undefined || trainingOnly || !averages || isNearest(node);
  const isWhole = isMoved && joined.every(({ whole }) => whole);
  const meaning = between(least(joined, "low"), most(joined, "high"), isWhole);
  const padded = moves === "pad" ? paddedBy(c, meaning) : meaning;
  if (joined.every(({ labels }) => labels) && isMoved) return { ...padded, labels: true };
  if (joined.some(({ labels }) => labels)) return { ...padded, lostIn: node.op };
  if (joined.length > 1 && joined.some(({ isOneOfTwo }) => isOneOfTwo)) return { ...padded, lostIn: node.op };
  return withTotal(c, padded, joined);
}

const isNearest = (node: Node): boolean => stringAttr(node, "mode", "") === "nearest";

/** What is added at the borders is between the limits, too. */
function paddedBy({ node, constant }: MeaningContext, meaning: Meaning): Meaning {
  if (stringAttr(node, "mode", "constant") !== "constant") return meaning;
  const values = node.inputs[2] ? (constant(node.inputs[2]) ?? [-Infinity, Infinity]) : [0];
  return { ...meaning, low: Math.min(meaning.low, ...values), high: Math.max(meaning.high, ...values) };
}

/** Whether the elements still add up over the classes, once they have gone elsewhere. */
function withTotal(c: MeaningContext, meaning: Meaning, joined: readonly Meaning[]): Meaning {
  const { node } = c;
  const [{ total }] = joined as [Meaning];
  const [before, after] = [node.inputs[0]!, node.outputs[0]!].map((name) => c.classes(name));
  if (joined.some((one) => one.total !== total) || total === undefined) {
    if (joined.some((one) => one.total !== undefined)) return { ...meaning, lostIn: node.op };
    if (isPair(c)) return { ...meaning, total: 1 };
    return joined.some(({ isOneOfTwo }) => isOneOfTwo) ? { ...meaning, isOneOfTwo: true } : meaning;
  }
  if (before === after && !CHOOSE.has(node.op)) return { ...meaning, total };
  // One of two classes tells all; of more, those that are left out are missing.
  return before === 2 && after === 1 && total === 1 && !CHOOSE.has(node.op)
    ? { ...meaning, isOneOfTwo: true }
    : { ...meaning, lostIn: node.op };
}

/** Joins p and 1 − p. */
function isPair({ node, producer, constant, isClassAxis }: MeaningContext): boolean {
  if (traitsOf(node).moves !== "join" || node.inputs.length !== 2) return false;
  if (!isClassAxis(node.outputs[0]!, intAttr(node, "axis", 0))) return false;
  const [a, b] = node.inputs as [string, string];
  return [
    [a, b],
    [b, a],
  ].some(([p, q]) => {
    const from = producer(q!);
    return from?.op === "Sub" && from.inputs[1] === p && isAll(constant(from.inputs[0]!), 1);
  });
}

const isAll = (numbers: readonly number[] | undefined, value: number): boolean =>
  numbers !== undefined && numbers.every((x) => x === value);

/** 0 · ∞ is 0 here: infinity is a limit that nothing reaches. */
const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

function product(a: Meaning, b: Meaning): Meaning {
  const ends = [a.low, a.high].flatMap((x) => [times(x, b.low), times(x, b.high)]);
  return between(Math.min(...ends), Math.max(...ends), a.whole && b.whole);
}
const sum = (a: Meaning, b: Meaning): Meaning => between(a.low + b.low, a.high + b.high, a.whole && b.whole);
const negative = (x: Meaning): Meaning => between(-x.high, -x.low, x.whole);
const inverse = (x: Meaning): Meaning =>
  x.low >= 0 || x.high <= 0 ? between(1 / x.high, x.low === 0 ? Infinity : 1 / x.low) : ANYTHING;

const rising =
  (f: (x: number) => number, whole = false): Arithmetic =>
  ({ inputs: [x] }) =>
    between(f(x!.low), f(x!.high), whole || (f(0.5) === 0.5 && x!.whole));

type Arithmetic = (c: MeaningContext) => Meaning | undefined;

/** Operators whose outputs are 0 or 1. */
const DECISIONS = new Set(
  "Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor Not IsNaN IsInf".split(" "),
);

/** Arithmetic on limits. */
const ARITHMETIC: Readonly<Record<string, Arithmetic>> = {
  Add: (c) => added(c, ...c.inputs),
  Sub: (c) =>
    isTotal(c, c.node.inputs[1]!, "ReduceLogSumExp")
      ? { ...between(-Infinity, 0), total: "log" }
      : added(c, c.inputs[0]!, { ...negative(c.inputs[1]!), ...opposite(c.inputs[1]!) }),
  Sum: (c) => added(c, ...c.inputs),
  Mean: (c) => scaled(added(c, ...c.inputs), 1 / c.inputs.length),
  Mul: multiplied,
  Div: divided,
  Max: ({ inputs }) => between(most(inputs, "low"), most(inputs, "high")),
  Min: ({ inputs }) => between(least(inputs, "low"), least(inputs, "high")),
  Where: ({ inputs: [, x, y] }) =>
    between(least([x!, y!], "low"), most([x!, y!], "high"), x!.whole && y!.whole),
  Neg: ({ inputs: [x] }) => negative(x!),
  Reciprocal: ({ inputs: [x] }) => inverse(x!),
  Relu: rising((x) => Math.max(x, 0)),
  Exp: ({ inputs: [x] }) => ({
    ...between(Math.exp(x!.low), Math.exp(x!.high)),
    ...(x!.total === "log" && { total: 1 }),
  }),
  Log: ({ inputs: [x] }) => ({
    ...between(Math.log(Math.max(x!.low, 0)), Math.log(Math.max(x!.high, 0))),
    ...(x!.total === 1 && { total: "log" }),
  }),
  Sqrt: rising((x) => Math.sqrt(Math.max(x, 0))),
  Tanh: rising(Math.tanh),
  Round: rising(Math.round, true),
  Floor: rising(Math.floor, true),
  Ceil: rising(Math.ceil, true),
};

const opposite = ({ total }: Meaning): Partial<Meaning> =>
  typeof total === "number" ? { total: -total } : {};

const added = ({ node }: MeaningContext, ...terms: readonly Meaning[]): Meaning =>
  terms.reduce((a, b) => addedTo(a, b, node.op));

function addedTo(a: Meaning, b: Meaning, op: string): Meaning {
  const isZero = ({ low, high }: Meaning): boolean => low === 0 && high === 0;
  if (isZero(b)) return a;
  if (isZero(a)) return b;
  if (a.labels || b.labels) return { ...sum(a, b), lostIn: op };
  if (typeof a.total !== "number" || typeof b.total !== "number") return sum(a, b);
  return { ...sum(a, b), total: a.total + b.total };
}

function scaled(x: Meaning, factor: number): Meaning {
  const meaning = product(x, between(factor, factor, Number.isInteger(factor)));
  return { ...meaning, ...(typeof x.total === "number" && { total: x.total * factor }) };
}

function multiplied(c: MeaningContext): Meaning {
  const [a, b] = c.inputs as [Meaning, Meaning];
  const [one, other] = c.node.inputs as [string, string];
  for (const [x, name, factor] of [
    [a, one, other],
    [b, other, one],
  ] as const) {
    const numbers = c.constant(factor);
    if (isAll(numbers, 1)) return x;
    if (x.labels) return { ...product(a, b), lostIn: c.node.op };
    const by = c.producer(factor);
    if (x.low >= 0 && by && by.op === "Reciprocal" && isTotalOf(c, by.inputs[0]!, name, "ReduceSum"))
      return { ...between(0, 1), total: 1 };
    if (numbers?.length === 1) return scaled(x, numbers[0]!);
  }
  return product(a, b);
}

function divided(c: MeaningContext): Meaning {
  const [a, b] = c.inputs as [Meaning, Meaning];
  const numbers = c.constant(c.node.inputs[1]!);
  if (isAll(numbers, 1)) return a;
  if (a.low >= 0 && isTotal(c, c.node.inputs[1]!, "ReduceSum")) return { ...between(0, 1), total: 1 };
  if (numbers?.length === 1 && numbers[0] !== 0 && !a.labels) return scaled(a, 1 / numbers[0]!);
  const quotient = product(a, inverse(b));
  return a.labels ? { ...quotient, lostIn: c.node.op } : quotient;
}

/** What may stand between a sum over the classes and the division by it: other sizes, and a little that is added. */
const SAFE = new Set(["Cast", "Identity", "Expand", "Clip", "Max", "Add", "Unsqueeze", "Reshape"]);

const isTotal = (c: MeaningContext, value: string, op: string): boolean =>
  isTotalOf(c, value, c.node.inputs[0]!, op);

/** Whether `value` is the sum (or such) of `of` over the classes. */
function isTotalOf(c: MeaningContext, value: string, of: string, op: string): boolean {
  let node = c.producer(value);
  while (node && SAFE.has(node.op)) node = c.producer(node.inputs[0]!);
  if (!node || (node.op !== op && !(op === "ReduceSum" && node.op === "ReduceL1"))) return false;
  const axes = node.inputs[1] ? c.constant(node.inputs[1]) : undefined;
  return node.inputs[0] === of && axes?.length === 1 && c.isClassAxis(of, axes[0]!);
}
