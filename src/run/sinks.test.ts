import { expect, test } from "vitest";
import { toLabels, toMasks, toProbabilities } from "./sinks.ts";

/** Two planes of 1×3 voxels, two classes. */
const PLANES = [
  [2, -1, 0, 1, 5, 0],
  [-3, 900, 0.5, -2, 899, 0.25],
];

test("labels are the index of the largest score", () => {
  const sink = toLabels([2, 1, 3], "logits");
  PLANES.forEach((plane, z) => sink.plane(z, new Float32Array(plane), 2));
  expect([...sink.result()]).toEqual([0, 1, 0, 1, 0, 0]);
});

test.each([
  { scores: "logits", expected: [0, 1, 1] },
  { scores: "probabilities", expected: [0, 0, 1] },
] as const)("a single class is thresholded at one half: $scores", ({ scores, expected }) => {
  const sink = toLabels([1, 1, 3], scores);
  sink.plane(0, new Float32Array([-0.1, 0.4, 0.6]), 1);
  expect([...sink.result()]).toEqual(expected);
});

test("probabilities of two classes, class by class", () => {
  const sink = toProbabilities([2, 1, 3], "logits");
  PLANES.forEach((plane, z) => sink.plane(z, new Float32Array(plane), 2));
  const p = (a: number, b: number): number => 1 / (1 + Math.exp(b - a));
  const first = [p(2, 1), p(-1, 5), p(0, 0), p(-3, -2), p(900, 899), p(0.5, 0.25)];
  const { classes, data } = sink.result();
  expect(classes).toBe(2);
  expect(data).toBeAllClose([...first, ...first.map((q) => 1 - q)], { rtol: 1e-6, atol: 1e-7 });
});

test("sigmoid treats each class on its own, none leaves scores alone", () => {
  for (const [activation, expected] of [
    ["sigmoid", [1 / (1 + Math.exp(-2)), 0.5]],
    ["none", [2, 0]],
  ] as const) {
    const sink = toProbabilities([1, 1, 1], "logits", activation);
    sink.plane(0, new Float32Array([2, 0]), 2);
    expect(sink.result().data).toBeAllClose(expected, { rtol: 1e-6, atol: 0 });
  }
});

test("what makes no sense is refused", () => {
  expect(() =>
    toLabels([1, 1, 1], "logits", { activation: "softmax" }).plane(0, new Float32Array(1), 1),
  ).toThrow(/softmax is always 1: use sigmoid/);
  expect(() => toLabels([1, 1, 1], "probabilities").plane(0, new Float32Array(300), 300)).toThrow(
    /300 classes: at most 256/,
  );
});

test("labels get the values of their classes, in the smallest type that holds them", () => {
  for (const [values, type] of [
    [[0, 1, 4], Uint8Array],
    [[0, 7, 300], Uint16Array],
  ] as const) {
    const sink = toLabels([1, 1, 4], "labels", { values });
    sink.plane(0, Float32Array.of(2, 0, 1, 2), 1);
    expect(sink.result()).toEqual(type.of(values[2], 0, values[1], values[2]));
    expect(() => sink.plane(0, Float32Array.of(0, 0, 3, 0), 1)).toThrow(
      /the label 3, and its labels are 0 to 2/,
    );
  }
});

test("classes that may overlap become masks, class by class", () => {
  const sink = toMasks([2, 1, 2]);
  sink.plane(0, Float32Array.of(0.2, 0.6, 0.9, 0.8), 2);
  sink.plane(1, Float32Array.of(0.7, 0.5, 0, 1), 2);
  expect(sink.result()).toEqual({ classes: 2, data: Uint8Array.of(0, 1, 1, 0, 1, 1, 0, 1) });
});
