/** @file What metrics get to see of volumes, images and whole examples. */

import { expect, test } from "vitest";
import { graphOf, node } from "../../test/helpers/graphs.ts";
import type { Dataset, Example } from "./dataset.ts";
import { symbol } from "../graph/dim.ts";
import { floatTensor } from "../graph/tensor.ts";
import type { Metric, Prediction } from "../metrics/metric.ts";
import { lift, Model } from "./model.ts";
import { evaluate } from "./evaluate.ts";
import { plainGrid, withData } from "../volume/volume.ts";

/** Logits (x, 0, −x) of every pixel: class 0 where x is above zero, 2 below. */
function network(nodes: Parameters<typeof graphOf>[0] = []): Model {
  const output = nodes.length > 0 ? "logits" : "y";
  return new Model(
    graphOf([node("Conv", ["x", "w"], [output]), ...nodes], {
      inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 1, symbol("H"), symbol("W")] }],
      initializers: { w: floatTensor([3, 1, 1, 1], [1, 0, -1]) },
    }),
  );
}

/** Keeps what it is given. */
function recorder(): Metric & { readonly seen: Prediction[] } {
  const seen: Prediction[] = [];
  return { seen, add: (prediction) => void seen.push(prediction), value: () => ({ seen: seen.length }) };
}

const ramp = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => ((i * 7) % 11) - 5.5);
const classesOf = (data: Float32Array): number[] => Array.from(data, (x) => (x > 0 ? 0 : 2));
const logitsOf = (data: Float32Array): number[] => [...data, ...data.map(() => 0), ...data.map((x) => -x)];
const dataset = (...dims: readonly number[][]): Dataset & { readonly examples: Example[] } => {
  const examples = dims.map((sizes, i): Example => {
    const length = sizes.reduce((a, b) => a * b, 1);
    return {
      name: `case ${i}`,
      image: { dtype: "float32", dims: [1, ...sizes], data: ramp(length) },
      target: { dtype: "uint8", dims: sizes, data: new Uint8Array(length).fill(i) },
    };
  });
  return { examples, length: examples.length, get: (index) => examples[index]! };
};

test.each<[string, Model, readonly number[], number[][]]>([
  [
    "volumes smaller and larger than a window",
    lift(network()),
    [4, 4, 8],
    [
      [4, 4, 8],
      [3, 2, 5],
      [9, 4, 11],
    ],
  ],
  ["images for a 2D network", network(), [4, 8], [[4, 8]]],
])("%s: each voxel's class and logits", async (_, model, size, sizes) => {
  const data = dataset(...sizes);
  const [metric, other] = [recorder(), { add: () => undefined, value: () => ({ dice: 0.5 }) }];
  expect(await evaluate(model, data, [metric, other], { size })).toEqual({ seen: sizes.length, dice: 0.5 });
  metric.seen.forEach(({ name, classes, truth, scores }, i) => {
    const { image, target } = data.examples[i]!;
    expect(name).toBe(`case ${i}`);
    expect(truth).toBe(target.data);
    expect([...classes]).toEqual(classesOf(image.data));
    expect(scores!.classes).toBe(3);
    // Windows that overlap are weighed, with weights that add up to 1.
    expect(scores!.data).toBeAllClose(logitsOf(image.data), { rtol: 1e-6, atol: 1e-6 });
  });
});

test("one class for a whole volume", async () => {
  const model = lift(
    network([node("GlobalAveragePool", ["logits"], ["pooled"]), node("Flatten", ["pooled"], ["y"])]),
  );
  const example: Example = {
    name: "nodule",
    image: { dtype: "float32", dims: [1, 2, 2, 2], data: Float32Array.of(1, 1, 1, 1, 1, 1, 1, -15) },
    target: { dtype: "uint8", dims: [], data: Uint8Array.of(1) },
  };
  const metric = recorder();
  await evaluate(model, { length: 1, get: () => example }, [metric], { size: [2, 2, 2] });
  expect(metric.seen).toEqual([
    {
      name: "nodule",
      classes: Uint8Array.of(2),
      truth: Uint8Array.of(1),
      scores: { classes: 3, data: Float32Array.of(-1, 0, 1), kind: "logits" },
    },
  ]);
});

test("targets that are no classes are refused, and a signal ends it", async () => {
  const { examples } = dataset([4, 4, 8]);
  const target = { dtype: "float32", dims: [4, 4, 8], data: new Float32Array(128) } as const;
  const values: Dataset = { length: 1, get: () => ({ ...examples[0]!, target }) };
  await expect(evaluate(lift(network()), values, [], { size: [4, 4, 8] })).rejects.toThrow(
    'Metrics compare classes (uint8), but the target of "case 0" is float32.',
  );
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(
    evaluate(lift(network()), dataset([4, 4, 8]), [], { size: [4, 4, 8], signal }),
  ).rejects.toThrow("enough");
});

test("channels in another order than the network's are refused, and of other names told", async () => {
  const sizes = [symbol("D"), symbol("H"), symbol("W")];
  const graph = graphOf([node("Conv", ["x", "w"], ["y"])], {
    inputs: [{ name: "x", dtype: "float32", shape: [1, 2, ...sizes] }],
    outputs: [{ name: "y", dtype: "float32", shape: [1, 2, ...sizes] }],
    initializers: { w: floatTensor([2, 2, 1, 1, 1], [1, 0, 0, 1]) },
  });
  const model = new Model(graph).withTask({ channels: ["T1", "FLAIR"] });
  const grid = plainGrid([2, 2, 2]);
  const image = withData(
    grid,
    Float32Array.from({ length: 16 }, (_, i) => i),
    2,
  );
  const label = { ...withData(grid, new Uint8Array(8)), data: new Uint8Array(8) };
  const told: string[] = [];
  const evaluated = (channels: readonly string[]): Promise<unknown> =>
    model.evaluate([{ name: "a", image, label }], {
      labels: ["rest", "thing"],
      metrics: () => [],
      channels,
      onWarning: (sentence) => told.push(sentence),
    });
  await evaluated(["t1", "FLAIR"]);
  expect(told).toEqual([]);
  await expect(evaluated(["FLAIR", "T1"])).rejects.toThrow(
    /channels T1, FLAIR, and the data set has FLAIR, T1: put/,
  );
  await evaluated(["CT", "PET"]);
  expect(told).toEqual([
    "The network was trained on the channels T1, FLAIR, and the data set has CT, PET: make sure that they are the same in the same order.",
  ]);
});
