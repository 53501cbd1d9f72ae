/**
 * @file Batches of a data set, epoch after epoch, made ahead while ONNX Runtime computes in a thread of its own.
 *
 * Every epoch has an order of its own, and every example a random stream of its own, drawn from the seed, the epoch and
 * its index. So what a batch holds depends on its position alone, not on what was read before it: a run that goes on in
 * the middle of an epoch sees what it would have seen.
 */

import { inputError } from "../base/errors.ts";
import { seedFor, shuffled, uniform } from "../base/random.ts";
import type { RunTensor } from "../run/tensor.ts";
import type { Dataset, Example } from "../model/dataset.ts";

/** Examples, one beside the other. */
export interface Batch {
  /** [B, ...sizes of an image] */
  readonly image: RunTensor<"float32">;
  /** [B, ...sizes of a target] */
  readonly target: RunTensor<"uint8" | "float32">;
}

/** A batch of an endless run, both from 0. */
export interface BatchPosition {
  readonly epoch: number;
  readonly batch: number;
}

/** Batches that are made ahead. Two, so that one that takes long is made up for by one that does not. */
const AHEAD = 2;

/** How many batches an epoch has. */
export function batchesPerEpoch(length: number, batch: number): number {
  if (length >= batch) return Math.floor(length / batch);
  throw inputError(
    length === 0
      ? "The data set is empty: there is nothing to train with."
      : `A step takes ${batch} examples, but the data set has ${length}: choose a smaller batch, accumulate fewer, or give more: scans, or patches of each case.`,
  );
}

/**
 * The batches from a position on, without end: one epoch follows the other. What is left of
 * an epoch after its last whole batch is not used in it. Leaving the loop ends the reading ahead.
 */
export async function* batches(
  data: Dataset,
  { batch, seed }: { readonly batch: number; readonly seed: number },
  from: BatchPosition,
): AsyncGenerator<Batch, never> {
  const perEpoch = batchesPerEpoch(data.length, batch);
  const indices = Array.from({ length: data.length }, (_, index) => index);
  let order: readonly number[] | undefined;
  let isWanted = true;
  const make = async ({ epoch, batch: number }: BatchPosition): Promise<Batch> => {
    if (number === 0 || !order) order = shuffled(uniform(seedFor(seed, `order:${epoch}`)), indices);
    const examples: Example[] = [];
    for (const index of order.slice(number * batch, (number + 1) * batch)) {
      // Lets what waits for the batch before, or for ONNX Runtime, go on first.
      await nextTask();
      if (isWanted) examples.push(await data.get(index, uniform(seedFor(seed, `${epoch}:${index}`))));
    }
    return stack(examples);
  };

  let last: Promise<unknown> = Promise.resolve();
  let next = from;
  const ahead: Promise<Batch>[] = [];
  try {
    for (;;) {
      while (ahead.length <= AHEAD) {
        const position = next.batch < perEpoch ? next : { epoch: next.epoch + 1, batch: 0 };
        const made = last.then(() => make(position));
        made.catch(() => undefined);
        ahead.push(made);
        last = made;
        next = { ...position, batch: position.batch + 1 };
      }
      yield await ahead.shift()!;
    }
  } finally {
    isWanted = false;
  }
}

const nextTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** Examples as one batch. */
function stack(examples: readonly Example[]): Batch {
  const first = examples[0]!;
  for (const example of examples) {
    for (const part of ["image", "target"] as const) {
      const [found, expected] = [describe(example[part]), describe(first[part])];
      if (found === expected) continue;
      throw inputError(
        `Examples of one batch have the same sizes, but the ${part} of "${example.name}" is ${found} and that of "${first.name}" ${expected}: crop or pad them to one size.`,
      );
    }
  }
  const { dtype } = first.target;
  const joined = (part: "image" | "target", all: Float32Array | Uint8Array) => {
    examples.forEach(({ [part]: { data } }, i) => all.set(data, i * data.length));
    return { dims: [examples.length, ...first[part].dims], data: all };
  };
  const length = (part: "image" | "target"): number => examples.length * first[part].data.length;
  const target = dtype === "uint8" ? new Uint8Array(length("target")) : new Float32Array(length("target"));
  return {
    image: { dtype: "float32", ...joined("image", new Float32Array(length("image"))) },
    target: { dtype, ...joined("target", target) },
  } as Batch;
}

const describe = ({ dtype, dims, data }: RunTensor): string =>
  `${dtype} [${dims.join(", ")}] of ${data.length} elements`;
