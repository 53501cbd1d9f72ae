/** @file Batches depend on their position alone, are made ahead, and hold examples of one size. */

import { expect, test } from "vitest";
import { type Batch, batches, batchesPerEpoch } from "./batches.ts";
import type { Dataset, Example } from "../model/dataset.ts";

/** Example i is a voxel [1, 1, 1, 2] of i and a random number. */
const example = (index: number, random: number, target: Example["target"]): Example => ({
  name: `case ${index}`,
  image: { dtype: "float32", dims: [1, 1, 1, 2], data: Float32Array.of(index, random) },
  target,
});
const label = (index: number): Example["target"] => ({
  dtype: "uint8",
  dims: [1, 1, 1],
  data: Uint8Array.of(index),
});
const counting = (length: number): Dataset & { made: number } => ({
  length,
  made: 0,
  get(index, random) {
    this.made += 1;
    return example(index, random(), label(index));
  },
});

async function take(stream: AsyncGenerator<Batch>, count: number): Promise<Batch[]> {
  const taken: Batch[] = [];
  for await (const batch of stream) if (taken.push(batch) === count) break;
  return taken;
}
const indices = (batch: Batch): number[] => [...batch.target.data];

test("an epoch is every example once, in an order of its own, but for what fills no batch", async () => {
  const data = counting(7);
  const all = await take(batches(data, { batch: 2, seed: 3 }, { epoch: 0, batch: 0 }), 6);
  const [first, second] = [all.slice(0, 3), all.slice(3)].map((epoch) => epoch.flatMap(indices));
  expect(new Set(first).size).toBe(6);
  expect(new Set(second).size).toBe(6);
  expect(first).not.toEqual(second);
  expect(all[0]!.image.dims).toEqual([2, 1, 1, 1, 2]);
  expect(all[0]!.target.dims).toEqual([2, 1, 1, 1]);
  expect(all[0]!.image.data.filter((_, i) => i % 2 === 0)).toEqual(Float32Array.from(indices(all[0]!)));
  const other = await take(batches(data, { batch: 2, seed: 4 }, { epoch: 0, batch: 0 }), 3);
  expect(other.flatMap(indices)).not.toEqual(first);
});

test("what a batch holds depends on its position, not on where reading began", async () => {
  const options = { batch: 3, seed: 5 };
  const all = await take(batches(counting(10), options, { epoch: 0, batch: 0 }), 9);
  for (const [epoch, batch] of [
    [0, 2],
    [1, 0],
    [1, 2],
    [1, 3],
    [2, 1],
  ] as const) {
    const some = await take(batches(counting(10), options, { epoch, batch }), 2);
    const at = epoch * 3 + batch;
    expect(some).toEqual(all.slice(at, at + 2));
  }
});

test("two batches are made ahead while the first is worked on, and no more after the end", async () => {
  const data = counting(100);
  const stream = batches(data, { batch: 2, seed: 0 }, { epoch: 0, batch: 0 });
  await stream.next();
  expect(data.made).toBe(2);
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));
  await pause();
  expect(data.made).toBe(6);
  await stream.next();
  await stream.return(undefined as never);
  const made = data.made;
  await pause();
  expect(data.made).toBeLessThanOrEqual(made + 1);
});

test("an example of another size is named, and what a data set throws arrives", async () => {
  const odd: Dataset = {
    length: 2,
    get: (index) => example(index, 0, index === 1 ? { ...label(1), dims: [1] } : label(0)),
  };
  const stream = batches(odd, { batch: 2, seed: 0 }, { epoch: 0, batch: 0 });
  await expect(stream.next()).rejects.toThrow(
    /^Examples of one batch have the same sizes, but the target of "case \d" is uint8 \[.*\] of 1 elements and that of "case \d" uint8 \[.*\] of 1 elements: crop or pad them to one size\.$/,
  );
  const failing: Dataset = { length: 1, get: () => Promise.reject(new Error("the disk is gone")) };
  await expect(batches(failing, { batch: 1, seed: 0 }, { epoch: 0, batch: 0 }).next()).rejects.toThrow(
    "the disk is gone",
  );
});

test("too few examples are refused with both numbers", () => {
  expect(batchesPerEpoch(7, 2)).toBe(3);
  expect(() => batchesPerEpoch(0, 2)).toThrow("The data set is empty: there is nothing to train with.");
  expect(() => batchesPerEpoch(3, 4)).toThrow("A step takes 4 examples, but the data set has 3");
});
