/**
 * @file Checks what is fed to a model against what the model declares, before
 * ONNX Runtime sees it: its own messages name neither side.
 */

import { inputError } from "../base/errors.ts";
import { elementCount } from "../graph/tensor.ts";
import type { ValueSpec } from "./engine.ts";
import { arrayTypeOf, isRunDType, type RunTensor, type RunTensors } from "./tensor.ts";

export function checkFeeds(inputs: readonly ValueSpec[], feeds: RunTensors): void {
  for (const name of Object.keys(feeds)) {
    if (inputs.some((input) => input.name === name)) continue;
    throw inputError(`The model has no input "${name}"; it has ${listInputs(inputs)}.`, {
      code: "E_UNKNOWN_NAME",
    });
  }
  for (const input of inputs) {
    const feed = Object.hasOwn(feeds, input.name) ? feeds[input.name] : undefined;
    const reason = feed ? mismatch(input, feed) : "found nothing";
    if (!reason) continue;
    throw inputError(`Input "${input.name}": expected ${describe(input)}, ${reason}.`, {
      code: "E_FEED",
    });
  }
}

/**
 * The feeds in buffers of their own, to be sent to another thread.
 *
 * @param transfer - whether arrays may be given away as they are, instead of copied; a view of a larger or
 *   shared buffer never is
 */
export function ownFeeds(feeds: RunTensors, transfer: boolean): RunTensors {
  const own = Object.entries(feeds).map(([name, feed]) => [
    name,
    { ...feed, data: owned(feed.data, transfer) },
  ]);
  return Object.fromEntries(own) as RunTensors;
}

/** As {@link ownFeeds}, for one array. */
export function owned<T extends RunTensor["data"]>(data: T, transfer: boolean): T {
  if (transfer && ArrayBuffer.isView(data) && data.byteLength === data.buffer.byteLength) {
    if (data.buffer instanceof ArrayBuffer) return data;
  }
  // A Buffer is a Uint8Array too, but its `slice` is a view.
  return (data instanceof Uint8Array ? new Uint8Array(data) : data.slice()) as T;
}

/** Why a tensor does not fit, or undefined if it does. */
function mismatch(input: ValueSpec, feed: RunTensor): string | undefined {
  const { dtype, dims, data } = feed;
  if (!isRunDType(dtype) || !(data instanceof arrayTypeOf(dtype)))
    return `found ${dtype} with its elements in a ${(data as object).constructor.name}`;
  const found = `found ${dtype} [${dims.join(", ")}]`;
  if (dtype !== input.dtype) return found;
  if (dims.length !== input.dims.length)
    return `${found}, of ${dims.length} axes instead of ${input.dims.length}`;
  const axis = input.dims.findIndex((dim, at) => typeof dim === "number" && dim !== dims[at]);
  if (axis >= 0) return `${found}, which differs on axis ${axis}`;
  if (elementCount(dims) !== data.length) return `${found} with ${data.length} elements`;
  return undefined;
}

const describe = ({ dtype, dims }: ValueSpec): string =>
  `${dtype} [${dims.map((dim) => dim || "?").join(", ")}]`;

const listInputs = (inputs: readonly ValueSpec[]): string =>
  inputs.map((input) => `"${input.name}"`).join(", ") || "none";
