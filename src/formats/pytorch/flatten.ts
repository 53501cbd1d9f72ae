/**
 * @file What is in a checkpoint, by path: `{ epoch: 3, state_dict: { "conv1.weight": … } }` has the tensor
 * `state_dict.conv1.weight` and the text `epoch`.
 *
 * A few bytes of a pickle can stand for values without number, because it may hold one value in many
 * places, and itself. So what is unfolded here has limits of its own.
 */

import type { Tensor } from "../../graph/tensor.ts";
import type { Contents, Fail } from "../foreign.ts";
import {
  isBytes,
  itemsOf,
  lengthOf,
  Named,
  NumpyArray,
  PyDict,
  PyTuple,
  Storage,
  TensorView,
  textOf,
  type Value,
} from "./values.ts";

/** A state dict has two levels, an optimiser five, settings a few more. */
const MAX_DEPTH = 50;
/** As many values as a pickle can make; those that stand in several places count as often. */
const MAX_VISITS = 3_000_000;
/** More than any state dict has, three times. */
const MAX_TENSORS = 100_000;
/** More than the settings of any training. */
const MAX_TEXTS = 10_000;
/** Longer names, and texts, help nobody. */
const MAX_NAME = 500;
const MAX_TEXT = 1_000;
/** The name of a tensor that is the whole file. */
const ROOT = "tensor";

/** @param tensorOf - makes a view a tensor; asked once for each view */
export function flatten(root: Value, tensorOf: (view: TensorView) => Tensor, fail: Fail): Contents {
  const tensors = new Map<string, Tensor>();
  const metadata = new Map<string, string>();
  const made = new Map<TensorView, Tensor>();
  let visits = 0;

  const add = (name: string, view: TensorView): void => {
    if (tensors.has(name)) fail(`has two tensors named ${JSON.stringify(name)}`);
    if (tensors.size === MAX_TENSORS) fail(`has more than ${MAX_TENSORS} tensors`);
    if (name.length > MAX_NAME) fail(`has a tensor whose name is longer than ${MAX_NAME} letters`);
    const tensor = made.get(view) ?? tensorOf(view);
    made.set(view, tensor);
    tensors.set(name, tensor);
  };
  const note = (name: string, value: Value): void => {
    const text = name.length > MAX_NAME || metadata.size === MAX_TEXTS ? undefined : shown(value);
    if (text !== undefined) metadata.set(name, text);
  };
  const count = (values: number): void => {
    visits += values;
    if (visits > MAX_VISITS) fail(`unfolds to more than ${MAX_VISITS} values`);
  };
  const visit = (name: string, value: Value, depth: number): void => {
    if (depth > MAX_DEPTH) fail(`nests its values more than ${MAX_DEPTH} deep`);
    const within = (key: string): string => (name === "" ? key : `${name}.${key}`);
    const view = viewOf(value);
    const items = itemsOf(value);
    count(1 + (items?.length ?? 0));
    if (view) add(name || ROOT, view);
    else if (value instanceof PyDict) {
      for (const [key, item] of entriesOf(value, count, fail)) visit(within(key), item, depth + 1);
    } else if (items?.some(isContainer)) {
      items.forEach((item, i) => visit(within(String(i)), item, depth + 1));
    } else if (!(value instanceof NumpyArray)) note(name || ROOT, value);
  };
  visit("", root, 0);
  return { tensors, metadata };
}

const isContainer = (value: Value): boolean =>
  typeof value === "object" && !(value === null || isBytes(value) || value instanceof Named);

function viewOf(value: Value): TensorView | undefined {
  if (value instanceof TensorView) return value;
  if (value instanceof NumpyArray) return value.view;
  if (!(value instanceof Storage)) return undefined;
  const { dtype, count } = value;
  return new TensorView({ storage: value, dtype, dims: [count], strides: [1], offset: 0, bigEndian: false });
}

/** Keys as texts and their values; of equal keys the last holds. */
function entriesOf(dict: PyDict, count: (values: number) => void, fail: Fail): Map<string, Value> {
  const chain: PyDict[] = [];
  for (let next: Value = dict; next instanceof PyDict; next = next.base) {
    if (chain.length > MAX_DEPTH) fail(`nests its values more than ${MAX_DEPTH} deep`);
    chain.push(next);
  }
  const entries = new Map<string, Value>();
  for (const { items, base } of chain.reverse()) {
    const pairs = base instanceof PyDict ? [] : (itemsOf(base) ?? []);
    count(items.length / 2 + pairs.length);
    for (const pair of pairs) {
      const [key, value] = itemsOf(pair) ?? [];
      if (key !== undefined && value !== undefined) entries.set(keyText(key), value);
    }
    for (let i = 0; i < items.length; i += 2) entries.set(keyText(items[i]!), items[i + 1]!);
  }
  return entries;
}

const keyText = (key: Value): string => (isContainer(key) ? undefined : (textOf(key) ?? shown(key))) ?? "?";

/** A value as people read it; nothing for what has no short form. */
function shown(value: Value): string | undefined {
  if (value === null) return "None";
  if (value instanceof Named) return value.name;
  if (isBytes(value)) return lengthOf(value) > MAX_TEXT ? `${lengthOf(value)} bytes` : textOf(value);
  if (typeof value === "string") return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  if (typeof value !== "object") return String(value);
  const items = itemsOf(value);
  if (!items) return undefined;
  const texts: string[] = [];
  let length = 0;
  for (const item of items) {
    const text = isContainer(item) ? "…" : (shown(item) ?? "…");
    length += text.length + 2;
    if (length > MAX_TEXT) {
      texts.push("…");
      break;
    }
    texts.push(text);
  }
  return value instanceof PyTuple ? `(${texts.join(", ")})` : `[${texts.join(", ")}]`;
}
