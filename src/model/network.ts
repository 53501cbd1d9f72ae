/**
 * @file What a network wants to be fed for a volume, and what it gives: its one input, the output that is used, their
 * axes and types, and window sizes.
 */

import { type AcsconvError, inputError } from "../base/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { castTensor, floatsOf, moveAxis } from "../run/convert.ts";
import type { ValueSpec } from "../run/engine.ts";
import type { Session } from "../run/session.ts";
import type { RunDType, RunTensor } from "../run/tensor.ts";
import type { Vec3 } from "../volume/vec3.ts";
import {
  channelAxisOfSizes,
  FEW_CHANNELS,
  type NetworkReading,
  type Reading,
  readNetwork,
} from "./scores.ts";
import { type Task, taskOf } from "./task.ts";

export interface Network {
  /** Name of the input [N, C, D, H, W]. */
  readonly input: string;
  readonly dtype: RunDType;
  /** Which axis of the input counts the channels. */
  readonly channelAxis: number;
  /** Name of the first output with three spatial axes, or of a classifier with none. */
  readonly output: string;
  /** Which axis of the output counts the classes; null where none does. */
  readonly classAxis: number | null;
  /** What its numbers are, as far as it can be told. */
  readonly reading: Reading | undefined;
  readonly channels: number;
  /** Sizes the model fixes; undefined where it leaves them open. */
  readonly batch: number | undefined;
  readonly size: readonly (number | undefined)[];
}

/** Where a network keeps the channels of images and the classes of scores. */
export type Layout = "channels-first" | "channels-last";

/** What is known of the network in a session, beside what ONNX Runtime says of it. */
export interface Facts {
  readonly reading: NetworkReading;
  readonly task: Task | undefined;
}

const facts = new WeakMap<object, () => Facts>();

/** Remembers of which network a session is. */
export function knowSession(session: object, graph: Graph): void {
  facts.set(session, () => ({ reading: readNetwork(graph), task: taskOf(graph) }));
}

/** What is known of a session's network; nothing where it was opened without one. */
export const factsOf = (session: object): Facts | undefined => facts.get(session)?.();

/** What a network's scores are of: every voxel, [N, K, D, H, W], or the whole scan, [N, K]. */
export type ScoresOf = "voxels" | "scan";

/** Whether a network is a classifier: its scores are of the whole scan. */
export const isClassifier = ({ outputs: [first, ...others] }: Pick<Graph, "outputs">): boolean =>
  first?.shape?.length === 2 && !others.some(({ shape }) => shape?.length === 5);

/**
 * @param channels - those of the volume; a single one may feed several of the network
 * @param layout - where the network does not tell
 */
export function networkOf(
  session: Pick<Session, "inputs" | "outputs">,
  channels: number,
  layout?: Layout,
  of: ScoresOf = "voxels",
): Network {
  const [input, ...more] = session.inputs;
  if (!input || more.length > 0) {
    const found =
      session.inputs.length === 0 ? "none" : session.inputs.map(({ name }) => `"${name}"`).join(", ");
    throw inputError(`Prediction needs a model with one input, the image; this one has ${found}.`);
  }
  const sizes = `"${input.name}" is [${input.dims.map((dim) => dim || "?").join(", ")}]`;
  if (input.dims.length === 4)
    throw inputError(`This is a 2D network (${sizes}): lift it first, as with "acsconv lift".`);
  if (input.dims.length !== 5) throw inputError(`Prediction needs an input [N, C, D, H, W], but ${sizes}.`);
  const known = factsOf(session)?.reading;
  const axisOf = { "channels-first": 1, "channels-last": 4 };
  const asked = layout && axisOf[layout];
  const channelAxis = asked ?? (known ? known.channelAxis : channelAxisOfSizes(input.dims));
  if (channelAxis === undefined)
    throw inputError(
      `Which axis counts the channels cannot be told (${sizes}): say channels-first or channels-last by the option layout (--layout).`,
    );
  const told = channelAxisOfSizes(input.dims);
  const isFew = (axis: number): boolean => {
    const dim = input.dims[axis];
    return typeof dim === "number" && dim <= FEW_CHANNELS;
  };
  if (asked !== undefined && told !== undefined && told !== asked && isFew(told) && !isFew(asked))
    throw inputError(
      `The layout is said to be ${layout}, and ${sizes}, whose channels are ${told === 1 ? "first" : "last"}: leave the option layout (--layout) out.`,
    );
  const scored = scoresIn(session.outputs, known, of);
  if (!scored) throw noScores(session.outputs, of);
  const { output, reading } = scored;
  const isNumber = (dim: number | string): number | undefined => (typeof dim === "number" ? dim : undefined);
  const [batch, ...own] = input.dims.map(isNumber);
  const [ownChannels] = own.splice(channelAxis - 1, 1);
  // A network that was trained on several is not served by one of them.
  const trained = factsOf(session)?.task?.channels ?? [];
  const canFeedAll = channels === 1 && trained.length < 2;
  if (ownChannels !== undefined && ownChannels !== channels && !canFeedAll) {
    const names = trained.length === ownChannels ? ` (${trained.join(", ")})` : "";
    throw inputError(`The network takes ${ownChannels} channels${names}, but the volume has ${channels}.`);
  }
  const unread = of === "scan" ? 1 : (channelAxisOfSizes(output.dims) ?? channelAxis);
  return {
    input: input.name,
    dtype: input.dtype,
    channelAxis,
    output: output.name,
    classAxis:
      output.dims.length === 4 ? null : ((of === "voxels" ? asked : undefined) ?? reading?.axis ?? unread),
    reading,
    channels: ownChannels ?? channels,
    batch,
    size: own,
  };
}

function noScores(outputs: readonly ValueSpec[], of: ScoresOf): AcsconvError {
  const found = outputs.map(({ name, dims }) => `"${name}" [${dims.join(", ")}]`).join(", ");
  const isOther = outputs.some(({ dims }) => dims.length === (of === "voxels" ? 2 : 5));
  if (of === "voxels")
    return inputError(
      `Prediction needs an output with a score for every voxel, [N, K, D, H, W]; this model gives ${found}` +
        `${isOther ? ", the scores of a classifier: use classify, or acsconv predict with a table as its output, -o scores.csv" : ""}.`,
    );
  return inputError(
    `Classification needs an output with scores of the whole scan, [N, K]; this model gives ${found}` +
      `${isOther ? ", scores of every voxel: use predict" : ""}.`,
  );
}

/** Types of whole numbers. */
export const INTEGER = /^(u?int|bool)/;

/**
 * Makes sure that a network can be predicted with, as far as its file tells, before anything is made for its results.
 *
 * @throws {@link AcsconvError} `input` for a 2D network, or outputs without a score for every voxel or scan
 */
export function requirePredictable({ inputs, outputs }: Pick<Graph, "inputs" | "outputs">): void {
  const [input] = inputs;
  if (inputs.length === 1 && input!.shape?.length === 4)
    throw inputError(
      `This is a 2D network ("${input!.name}" is [${input!.shape.join(", ")}]): lift it first, as with "acsconv lift".`,
    );
  const ranks = outputs.map(({ shape }) => shape?.length);
  if (ranks.length === 0 || ranks.some((rank) => rank === undefined || [0, 2, 4, 5].includes(rank))) return;
  const found = outputs.map(({ name, shape }) => `"${name}" [${shape?.join(", ")}]`).join(", ");
  throw inputError(
    `Prediction needs an output with a score for every voxel, [N, K, D, H, W], or for every scan, [N, K]; this model gives ${found}` +
      `${ranks.every((rank) => rank === 1) ? ": export it without the squeeze, so that a single score is [N, 1]" : ""}.`,
  );
}

/** The first output with three spatial axes, or of a classifier with none. A session may not know an output's rank; running it will tell. */
function scoresIn(
  outputs: readonly ValueSpec[],
  known: NetworkReading | undefined,
  of: ScoresOf,
): { readonly output: ValueSpec; readonly reading: Reading | undefined } | undefined {
  const all = outputs.map((output) => ({ output, reading: known?.outputs.get(output.name) }));
  return all.find(({ output: { dims, dtype }, reading }) => {
    if (of === "scan") return dims.length === 2 || dims.length === 0;
    if (dims.length === 4) return reading ? reading.axis === null : INTEGER.test(dtype);
    return dims.length === 5 || dims.length === 0;
  });
}

/** The network's input for a batch [B, C, d, h, w] of our own. */
export function feedsOf(
  network: Pick<Network, "input" | "dtype" | "channelAxis">,
  batch: RunTensor<"float32">,
): Record<string, RunTensor> {
  const { dims, data } = moveAxis(batch, 1, network.channelAxis);
  return { [network.input]: castTensor({ dtype: "float32", dims, data }, network.dtype) };
}

/** A network's output as float32 [B, K, d, h, w]. */
export function scoresOf({ classAxis }: Pick<Network, "classAxis">, output: RunTensor): RunTensor<"float32"> {
  const data = floatsOf(output);
  const dims = classAxis === null ? output.dims.toSpliced(1, 0, 1) : output.dims;
  return {
    dtype: "float32",
    ...(classAxis === null ? { dims, data } : moveAxis({ dims, data }, classAxis, 1)),
  };
}

/** Windows that fit common networks (five halvings) and memories, where neither the model nor the user says. */
const GRANULARITY = 32;
const LARGEST = 96;

/**
 * The window [D, H, W]: what the model fixes, else what the user wants, else the volume's size rounded up to 32 voxels,
 * at most 96.
 */
export function choosePatch(network: Network, shape: Vec3, wanted?: Vec3): Vec3 {
  const patch = shape.map((size, axis) => {
    const suitable = Math.min(Math.ceil(size / GRANULARITY) * GRANULARITY, LARGEST);
    return network.size[axis] ?? wanted?.[axis] ?? suitable;
  }) as unknown as Vec3;
  if (wanted?.some((size, axis) => size !== patch[axis]))
    throw inputError(
      `The model takes windows of [${network.size.map((size) => size ?? "any").join(", ")}] voxels, not [${wanted.join(", ")}]; ` +
        "lift it again without a size to leave them open.",
    );
  return patch;
}
