/** @file The tiny networks, lifted, against outputs computed independently with PyTorch. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { lift, load, type LiftKind, type RunTensor } from "../src/index.ts";
import { numbersOf } from "../src/graph/tensor.ts";
import { readNpz } from "../src/formats/npz.ts";
import { TESTED_NETWORKS } from "./helpers/networks.ts";

const folder = new URL("./fixtures/models/", import.meta.url);
const names = TESTED_NETWORKS.filter((name) => name !== "unet_train");

/** Largest deviation, relative to the largest value. */
function deviation(actual: RunTensor, expected: ArrayLike<number>): number {
  const data = actual.data as Float32Array;
  expect(data.length).toBe(expected.length);
  let [worst, largest] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const d = Math.abs(data[i]! - expected[i]!);
    if (!(d <= worst)) worst = d;
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return worst / largest;
}

describe.each(names)("%s", (name) => {
  const arrays = readNpz(readFileSync(new URL(`${name.replace("_dynamic", "")}.npz`, folder)));
  const tensor = (key: string): RunTensor => {
    const t = arrays.get(key)!;
    return { dtype: "float32", dims: t.dims, data: Float32Array.from(numbersOf(t)) };
  };

  test("2D", async () => {
    const model = await load(readFileSync(new URL(`${name}.onnx`, folder)));
    const [input, output] = [model.inputs[0]!.name, model.outputs[0]!.name];
    const y = await model.run({ [input]: tensor("x2") });
    expect(deviation(y[output]!, numbersOf(arrays.get("y2")!))).toBeLessThan(1e-4);
    await model.dispose();
  });

  test.each(["acs", "mean", "i3d"])("%s", async (kind) => {
    const model = await load(readFileSync(new URL(`${name}.onnx`, folder)));
    const lifted = lift(model, { kind: (kind === "mean" ? "mean-acs" : kind) as LiftKind });
    const [input, output] = [model.inputs[0]!.name, model.outputs[0]!.name];
    const y = await lifted.run({ [input]: tensor("x3") });
    const expected = arrays.get(`y3_${kind}`)!;
    expect(y[output]!.dims).toEqual(expected.dims);
    expect(deviation(y[output]!, numbersOf(expected))).toBeLessThan(1e-4);
    await lifted.dispose();
  });
});
