/**
 * @file What a network's numbers mean and how it was made: the one home of both. A task stands in the metadata of the
 * ONNX file, under `acsconv.task`, as JSON. Training writes it; prediction, evaluation and the page read it; what a
 * caller says goes before it.
 *
 *   { "version": 1, "scores": "logits", "classes": { "names": ["background", "liver"], "values": [0, 4] },
 *     "channels": ["CT"], "patch": [64, 128, 128],
 *     "preparation": { "spacing": [2, 1, 1], "orientation": "LPS", "window": [-160, 240], "normalize": "none" } }
 */

import { AcsconvError, messageOf } from "../base/errors.ts";
import { type Field, isObject, listOf } from "../base/fields.ts";
import type { Graph } from "../graph/graph.ts";
import { SCORES, type Scores } from "../run/sinks.ts";
import type { Vec3 } from "../volume/vec3.ts";
import type { Preparation } from "./prepare.ts";
import { NETWORK, PREPARATION } from "./settings.ts";

/** The classes of a network, as the data set that it was trained on names and numbers them. */
export interface TaskClasses {
  /** One for each class, background first. */
  readonly names: readonly string[];
  /** The number in label files of each class, first of the values that it was trained from. */
  readonly values: readonly number[];
}

/** What a network's numbers mean and how it was made. What is not known is missing. */
export interface Task {
  readonly scores?: Scores;
  readonly classes?: TaskClasses;
  /** Names of the image's channels, in order. */
  readonly channels?: readonly string[];
  /** Voxels [D, H, W] that the network saw at once in training. */
  readonly patch?: Vec3;
  /** How scans were prepared. */
  readonly preparation?: Preparation;
}

const KEY = "acsconv.task";
const VERSION = 1;

/** Label files hold at most 16 bits, tables of names a page; anything larger is no task. */
const MAX_TEXT = 2 ** 20;
const MAX_NAMES = 4096;
const MAX_NAME = 256;
const MAX_VALUE = 65535;
const MAX_PATCH = 2 ** 14;

/** The same graph with a task in its metadata, or without any. */
export function withTaskOf(graph: Graph, task: Task | undefined): Graph {
  const metadata = new Map(graph.metadata);
  metadata.delete(KEY);
  if (task) {
    const known = parse(JSON.parse(JSON.stringify({ version: VERSION, ...task })), "input", "The task");
    metadata.set(KEY, JSON.stringify({ version: VERSION, ...known }));
  }
  return { ...graph, metadata };
}

/** The task in a graph's metadata; undefined where there is none. */
export function taskOf(graph: Graph): Task | undefined {
  const text = graph.metadata.get(KEY);
  if (text === undefined) return undefined;
  const where = `The task in the model's metadata ("${KEY}")`;
  if (text.length > MAX_TEXT) throw broken("format", where, `has ${text.length} characters`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken("format", where, `is no valid JSON (${messageOf(error).replace(/\.$/, "")})`);
  }
  return parse(value, "format", where);
}

const broken = (kind: "format" | "input", where: string, how: string): AcsconvError =>
  new AcsconvError(
    kind,
    `${where} ${how}${kind === "format" ? ": train the network again, or save it with another by withTask" : ""}.`,
  );

/** 1 to {@link MAX_NAMES} of what `each` accepts. */
const some = (each: Field, expects: string, isDistinct = false): Field => ({
  expects,
  accepts: (value) =>
    listOf(each).accepts(value) &&
    (value as unknown[]).length > 0 &&
    (value as unknown[]).length <= MAX_NAMES &&
    (!isDistinct || new Set(value as unknown[]).size === (value as unknown[]).length),
});
const upTo = (low: number, high: number): Field => ({
  expects: `a whole number from ${low} to ${high}`,
  accepts: (value) => Number.isInteger(value) && (value as number) >= low && (value as number) <= high,
});
const shortText: Field = {
  expects: "a short text",
  accepts: (value) => typeof value === "string" && value.length <= MAX_NAME,
};

/** What each field has to be; of one that is an object, each of its own. */
type Table = { readonly [name: string]: Field | { readonly expects: string; readonly fields: Table } };

const TASK: Table = {
  scores: { ...NETWORK.scores, expects: SCORES.join(", ") },
  classes: {
    expects: "names and values",
    fields: {
      names: some(shortText, `1 to ${MAX_NAMES} different names`, true),
      values: some(upTo(0, MAX_VALUE), `different whole numbers from 0 to ${MAX_VALUE}`, true),
    },
  },
  channels: some(shortText, `1 to ${MAX_NAMES} names`),
  patch: { ...listOf(upTo(1, MAX_PATCH), 3), expects: `three whole numbers from 1 to ${MAX_PATCH}` },
  preparation: { expects: "an object", fields: PREPARATION },
};

/** Only the fields that are known, each checked: whoever reads a file believes nothing else of it. */
function parse(value: unknown, kind: "format" | "input", where: string): Task {
  const record = isObject(value) ? value : {};
  const { version } = record;
  if (typeof version === "number" && version > VERSION)
    throw new AcsconvError(kind, `${where} has version ${version}, of a newer acsconv: update acsconv.`);
  if (version !== VERSION) throw broken(kind, where, `should be an object of version ${VERSION}`);
  const task = checked(record, TASK, "", kind, where) as Task;
  const { classes } = task;
  if (classes && classes.names?.length !== classes.values?.length)
    throw broken(kind, where, `should have a value for each name of "classes"`);
  return task;
}

function checked(
  record: Readonly<Record<string, unknown>>,
  table: Table,
  path: string,
  kind: "format" | "input",
  where: string,
): Record<string, unknown> {
  const known: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(table)) {
    const value = record[name];
    if (value === undefined) continue;
    if ("fields" in field ? !isObject(value) : !field.accepts(value)) {
      const found = (JSON.stringify(value) ?? "nothing").slice(0, 80);
      throw broken(kind, where, `should have ${field.expects} as "${path}${name}", not ${found}`);
    }
    known[name] =
      "fields" in field && isObject(value)
        ? checked(value, field.fields, `${path}${name}.`, kind, where)
        : value;
  }
  return known;
}
