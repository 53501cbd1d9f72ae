/** @file Losses: values and gradients against PyTorch's (in double), and what they refuse. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { relativeDeviation } from "../../test/helpers/compare.ts";
import { evaluate, graphOf } from "../../test/helpers/graphs.ts";
import { differentiate } from "../grad/differentiate.ts";
import { floatTensor, tensorOf, type Tensor } from "../graph/tensor.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { Expressions } from "../ops/expressions.ts";
import {
  binaryCrossEntropy,
  crossEntropy,
  dice,
  diceCrossEntropy,
  focal,
  type Loss,
  meanSquaredError,
} from "./losses.ts";

const LOSSES: Readonly<Record<string, (options: object) => Loss>> = {
  dice,
  crossEntropy,
  diceCrossEntropy,
  binaryCrossEntropy,
  focal,
  meanSquaredError,
};

interface Case {
  readonly loss: string;
  readonly options: object;
  readonly dims: number[];
  readonly logits: number[];
  readonly target: { readonly dims: number[]; readonly values: number[] };
  readonly value: number;
  readonly gradient: number[];
}

const fixture = new URL("../../test/fixtures/torch_training.json", import.meta.url);
const { losses } = JSON.parse(readFileSync(fixture, "utf8")) as { losses: Case[] };

async function valueAndGradient(loss: Loss, dims: readonly number[], logits: number[], target: Tensor) {
  const builder = new GraphBuilder(18);
  builder.input({ name: "logits", dtype: "float32", shape: dims });
  builder.initializer("target", target);
  const g = new Expressions(builder);
  const value = loss.write(g, "logits", "target");
  const gradient = differentiate(g, value, ["logits"]).get("logits")!;
  const outputs = [value, gradient].map((name) => ({ name, ...builder.known(name) }));
  const y = await evaluate(builder.build(graphOf([]), outputs), {
    logits: { dims, data: Float32Array.from(logits) },
  });
  return { value: y[value]!, gradient: y[gradient]! };
}

test.each(
  losses.map((c, i) => [`${c.loss} ${JSON.stringify(c.options)} on [${c.dims.join()}] (${i})`, c] as const),
)("%s", async (_, c) => {
  const numbers = c.target.values;
  // Whole numbers are classes, but where the loss wants values.
  const loss = LOSSES[c.loss]!(c.options);
  const classes = loss.target === "classes" && numbers.every(Number.isInteger);
  const target = tensorOf(classes ? "uint8" : "float32", c.target.dims, numbers);
  const { value, gradient } = await valueAndGradient(loss, c.dims, c.logits, target);
  expect(Math.abs(value.data[0]! - c.value) / Math.abs(c.value)).toBeLessThan(1e-6);
  expect(value.dims).toEqual([]);
  expect(relativeDeviation(gradient, floatTensor(c.dims, c.gradient))).toBeLessThan(2e-6);
});

test("where every voxel is ignored, loss and gradient are 0", async () => {
  const target = tensorOf("uint8", [1, 4], [7, 7, 7, 7]);
  const logits = [3, 1, -2, 0, 1, 1, 0, 9];
  for (const loss of [crossEntropy({ ignore: 7 }), dice({ ignore: 7 }), focal({ ignore: 7 })]) {
    const { value, gradient } = await valueAndGradient(loss, [1, 2, 4], logits, target);
    expect(value.data[0], loss.name).toBeCloseTo(0, 12);
    expect(
      [...gradient.data].every((x) => x === 0),
      loss.name,
    ).toBe(true);
  }
});

test("a loss of classes refuses one output channel; weights must be as many as classes", async () => {
  const target = tensorOf("uint8", [1, 2], [0, 1]);
  await expect(valueAndGradient(dice(), [1, 1, 2], [0, 0], target)).rejects.toThrow(
    "The dice loss compares classes, but the network's output has sizes [1, 1, 2]; use binaryCrossEntropy, or give the network a head of two classes.",
  );
  await expect(
    valueAndGradient(crossEntropy({ weights: [1, 2, 3] }), [1, 2, 2], [0, 0, 0, 0], target),
  ).rejects.toThrow("Expected a weight for each of the 2 classes of the network's output, found 3.");
});
