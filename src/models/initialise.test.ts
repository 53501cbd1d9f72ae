/** @file Fresh weights against the distributions that PyTorch documents. */

import { describe, expect, test } from "vitest";
import { type Tensor, floatTensor, numbersOf } from "../graph/tensor.ts";
import { lift, type Model } from "../model/model.ts";
import { initialise } from "./initialise.ts";
import { pocUnet } from "./unet.ts";

const unet = pocUnet({ classes: 6 });
const dense = initialise(lift(unet, { kind: "3d" }));

const tensor = ({ graph }: Model, name: string): Tensor => graph.initializers.get(name)!;
const values = (model: Model, name: string): Float32Array => numbersOf(tensor(model, name)) as Float32Array;
const areEqual = (a: Model, b: Model, name: string): boolean =>
  Buffer.from(tensor(a, name).bytes).equals(tensor(b, name).bytes);
const names = ({ graph }: Model, end: RegExp): string[] =>
  [...graph.initializers.keys()].filter((name) => end.test(name));

/** Layers by name, and what their kernels sum over: input channels times taps. */
const FAN_IN = {
  "enc1.encode.0": 1,
  "enc1.encode.3": 64,
  "enc2.encode.0": 64,
  "enc2.encode.3": 128,
  "dec1.decode.0": 192,
  "dec1.decode.3": 64,
} as const;
const layers = [
  ...Object.entries(FAN_IN).map(([layer, channels]) => [layer, unet, 9 * channels] as const),
  ...Object.entries(FAN_IN).map(([layer, channels]) => [layer, dense, 27 * channels] as const),
  ["final", unet, 32] as const,
];

/** Numbers U(±bound): all within, the moments' errors below five standard errors, and the ends reached. */
function expectUniform(numbers: Float32Array, bound: number): void {
  const n = numbers.length;
  let [sum, squares, least, most] = [0, 0, Infinity, -Infinity];
  for (const number of numbers) {
    const x = number / bound;
    sum += x;
    squares += x * x;
    least = Math.min(least, x);
    most = Math.max(most, x);
  }
  // Rounded to float32.
  expect(Math.max(-least, most)).toBeLessThanOrEqual(1 + 2 ** -23);
  // Of U(±1): Var x = 1/3, Var x² = 1/5 − 1/9.
  expect(Math.abs(sum / n)).toBeLessThan(5 * Math.sqrt(1 / 3 / n));
  expect(Math.abs(squares / n - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / n));
  // All n numbers miss an end by t or more with the probability (1 − t/2)ⁿ: e⁻¹⁰ here.
  expect(Math.min(-least, most)).toBeGreaterThan(1 - 20 / n);
}

describe("draws kernels and biases", () => {
  const wide = new Map([unet, dense].map((model) => [model, initialise(model, { kernels: "kaiming" })]));

  test.each(layers)("of %s as PyTorch's layers do", (layer, model, fanIn) => {
    expectUniform(values(model, `${layer}.weight`), 1 / Math.sqrt(fanIn));
    expectUniform(values(model, `${layer}.bias`), 1 / Math.sqrt(fanIn));
  });

  test.each(layers)("of %s for ReLU: kernels wider by √6, biases the same", (layer, model, fanIn) => {
    const kaiming = wide.get(model)!;
    expectUniform(values(kaiming, `${layer}.weight`), Math.sqrt(6 / fanIn));
    expect(areEqual(kaiming, model, `${layer}.bias`)).toBe(true);
    const wider = values(model, `${layer}.weight`).map((x) => x * Math.sqrt(6));
    expect(values(kaiming, `${layer}.weight`)).toBeAllClose(wider, { rtol: 1e-6, atol: 0 });
  });
});

test("BatchNorm begins as the identity", () => {
  const sevens = names(unet, /\.[14]\./).map((name): [string, Tensor] => {
    const { dims } = tensor(unet, name);
    return [name, floatTensor(dims, new Float32Array(dims[0]!).fill(7))];
  });
  const fresh = initialise(unet.withWeights(new Map(sevens)));
  const norms = names(fresh, /\.[14]\./);
  expect(norms).toHaveLength(6 * 4);
  for (const name of norms) {
    const expected = /\.(weight|running_var)$/.test(name) ? 1 : 0;
    expect(new Set(values(fresh, name)), name).toEqual(new Set([expected]));
  }
});

describe("streams", () => {
  const weights = names(unet, /(encode|decode)\.[03]\.|final/);

  test("a seed gives its weights again, another one gives others everywhere", () => {
    const [again, other] = [initialise(unet, { seed: 0 }), initialise(unet, { seed: 1 })];
    for (const name of weights) {
      expect(areEqual(again, unet, name), name).toBe(true);
      expect(areEqual(other, unet, name), name).toBe(false);
    }
  });

  test("tensors do not repeat each other, and those of equal names agree between networks", () => {
    // The first number of each, of its bound.
    const firsts = weights.map((name) => {
      const kernel = tensor(unet, name.replace("bias", "weight")).dims;
      return values(unet, name)[0]! * Math.sqrt(kernel.slice(1).reduce((a, b) => a * b));
    });
    expect(new Set(firsts.map((x) => x.toFixed(4))).size).toBe(weights.length);
    const three = pocUnet({ classes: 3 });
    for (const name of weights.filter((name) => !name.startsWith("final")))
      expect(areEqual(three, unet, name), name).toBe(true);
  });

  test.each(["acs", "2.5d", "mean-acs", "soft-acs", "i3d"] as const)(
    "%s begins as the 2D network",
    (kind) => {
      const lifted = initialise(lift(unet, { kind }), { seed: 0 });
      for (const name of weights) expect(areEqual(lifted, unet, name), name).toBe(true);
    },
  );
});

describe("parallel separable convolutions", () => {
  const lifted = lift(unet, { kind: "psc" });
  const fresh = initialise(lifted, { seed: 0 });

  test("are drawn as PyTorch's layers do, by the kernel's own fan-in", () => {
    // 64 → 128: ⌊128·64·27 / (64·9 + 128·3)⌋ / 3 = 76 channels between plane and line.
    expectUniform(values(fresh, "enc2.encode.0.stream1.plane0.weight"), 1 / Math.sqrt(64 * 9));
    expectUniform(values(fresh, "enc2.encode.0.stream1.line.weight"), 1 / Math.sqrt(76 * 3));
    expectUniform(values(fresh, "enc2.encode.0.stream1.line.bias"), 1 / Math.sqrt(76 * 3));
  });

  test("come out of lifting as they are drawn with seed 0, others with another", () => {
    const streams = names(lifted, /\.stream\d\./);
    // Six convolutions; a plane, a line and its bias in three streams.
    expect(streams).toHaveLength(6 * 3 * 3);
    const other = initialise(lifted, { seed: 1 });
    for (const name of streams) {
      expect(areEqual(fresh, lifted, name), name).toBe(true);
      expect(areEqual(other, lifted, name), name).toBe(false);
    }
  });
});

test("soft-ACS's logits stay", () => {
  const lifted = lift(unet, { kind: "soft-acs" });
  const fresh = initialise(lifted, { kernels: "kaiming", seed: 5 });
  const logits = names(lifted, /soft_w_core$/);
  expect(logits).toHaveLength(6);
  for (const name of logits) expect(areEqual(fresh, lifted, name), name).toBe(true);
});
