/** @file The U-Net against PyTorch's, with the same weights: names, sizes, and what it computes in 2D and lifted. */

import { describe, expect, test } from "vitest";
import { relativeDeviation } from "../../test/helpers/compare.ts";
import { facts, formulaTensor, outputs, withFormulaWeights } from "../../test/helpers/poc-formula.ts";
import { elementCount } from "../graph/tensor.ts";
import { lift, type Model } from "../model/model.ts";
import { parameterSlots } from "../ops/parameters.ts";
import type { RunTensor } from "../run/tensor.ts";
import { pocUnet } from "./unet.ts";

const CLASSES = { "2d": 3, "3d": 6 } as const;

/** What training changes, statistics not among it. */
function parametersOf({ graph }: Model): number {
  return parameterSlots(graph).reduce((sum, { tensor }) => sum + elementCount(tensor.dims), 0);
}

const feed = (name: string, dims: number[]): RunTensor => ({
  dtype: "float32",
  dims,
  data: new Float32Array(formulaTensor(name, dims, [-1, 2]).bytes.buffer),
});

async function deviation(model: Model, image: RunTensor, expected: string): Promise<number> {
  const result = await withFormulaWeights(model).run({ image });
  const [output] = Object.values(result);
  return relativeDeviation(output!, outputs.get(expected)!);
}

describe("has the names and sizes of PyTorch's state dict", () => {
  test.each(["2d", "3d"] as const)("%s", (dimensions) => {
    const flat = pocUnet({ classes: CLASSES[dimensions] });
    const { graph } = dimensions === "2d" ? flat : lift(flat, { kind: "3d" });
    const found = [...graph.initializers].filter(([name]) => name.includes("."));
    const sizes = Object.fromEntries(found.map(([name, { dims }]) => [name, [...dims]]));
    // PyTorch keeps 1×1×1 kernels in 5D.
    const expected = Object.entries(facts.shapes[dimensions]).map(([name, dims]) => [
      name,
      name === "final.weight" ? dims.slice(0, 4) : dims,
    ]);
    expect(sizes).toEqual(Object.fromEntries(expected));
  });
});

test.each([
  ["acs", 389_286, "1.56"],
  ["2.5d", 389_286, "1.56"],
  ["3d", 1_164_582, "4.66"],
  ["mean-acs", 389_286, "1.56"],
  // Three logits for each of 480 channels.
  ["soft-acs", 389_286 + 3 * 480, "1.56"],
  ["i3d", 389_286, "1.56"],
] as const)("%s has %i parameters, %s MB", (kind, count, megabytes) => {
  const parameters = parametersOf(lift(pocUnet({ classes: 6 }), { kind }));
  expect(parameters).toBe(count);
  expect(parameters).toBe(facts.parameters[kind]);
  expect(((4 * parameters) / 1e6).toFixed(2)).toBe(megabytes);
});

test("in 2D computes what PyTorch computes", async () => {
  expect(parametersOf(pocUnet({ classes: 3 }))).toBe(facts.parameters["2d"]);
  const image = feed("image", [2, 1, 12, 16]);
  expect(await deviation(pocUnet({ classes: 3 }), image, "2d/logits")).toBeLessThan(1e-5);
  for (const interpolation of ["linear", "nearest"] as const) {
    const features = pocUnet({ classes: 3, output: "features", interpolation });
    expect(await deviation(features, image, `2d/features/${interpolation}`)).toBeLessThan(1e-5);
  }
});

test.each(["acs", "2.5d", "3d", "mean-acs", "soft-acs", "i3d"] as const)(
  "lifted to %s computes what PyTorch computes",
  async (kind) => {
    const image = feed("volume", [1, 1, 8, 4, 12]);
    const logits = lift(pocUnet({ classes: 6 }), { kind });
    expect(await deviation(logits, image, `${kind}/logits`)).toBeLessThan(1e-5);
    const features = lift(pocUnet({ classes: 6, output: "features", interpolation: "nearest" }), { kind });
    expect(await deviation(features, image, `${kind}/features/nearest`)).toBeLessThan(1e-5);
  },
);

test("linear and nearest are different networks", () => {
  const [linear, nearest] = ["linear", "nearest"].map((how) => outputs.get(`2d/features/${how}`)!);
  const floats = { dims: linear!.dims, data: new Float32Array(linear!.bytes.slice().buffer) };
  expect(relativeDeviation(floats, nearest!)).toBeGreaterThan(0.01);
});
