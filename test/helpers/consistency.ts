/**
 * @file What a lifted network must satisfy whatever the network is, with no
 * other software to compare with. A volume that is constant along one axis is
 * an image in every slice, and the 2D network says what becomes of that.
 */

import { describe, expect, test } from "vitest";
import { floatTensor } from "../../src/graph/tensor.ts";
import { lift, Model, type LiftKind } from "../../src/index.ts";
import type { LiftOptions } from "../../src/lift/options.ts";
import { VIEWS } from "../../src/ops/views.ts";
import { relativeDeviation } from "./compare.ts";
import { evaluate, type Floats } from "./graphs.ts";
import { network, random, repeated, slices } from "./networks.ts";

/** Relative to the largest value; what float32 leaves is below 2e-6. */
export const CLOSE = 1e-5;
const AXES = ["depth", "height", "width"] as const;

/** As users run it: optimised for inference. */
export async function run(model: Model, x: Floats): Promise<Floats> {
  const y = await model.run({ [model.inputs[0]!.name]: { dtype: "float32", ...x } });
  await model.dispose();
  return y[model.outputs[0]!.name] as Floats;
}

/** As it is saved: lowered only. */
export async function runSaved(model: Model, x: Floats): Promise<Floats> {
  const y = await evaluate(model.toBytes(), { [model.inputs[0]!.name]: x });
  return y[model.outputs[0]!.name]!;
}

/** An image as the network was exported for; where it takes any, two of unequal sides. */
export function imageFor(model: Model, seed = 1): Floats {
  const sizes = model.inputs[0]!.shape!.map((dim, axis) =>
    typeof dim === "number" ? dim : [2, 3, 32, 40][axis]!,
  );
  return random(sizes, seed);
}

/** Everything goes to the view that omits an axis. */
export const oneView = (axis: number): LiftOptions => ({
  kind: "acs",
  split: [0, 0, 0].with(axis, 1) as [number, number, number],
});

/** A volume of unequal sides that every tiny network takes (batch 1). */
const volumeFor = (model: Model, channels = model.inputs[0]!.shape![1] as number, batch = 1): Floats =>
  random([batch, channels, 36, 32, 40], 3);

/** The laws, for each of these networks. */
export function consistencyOf(names: readonly string[]): void {
  describe.each(names)("%s", (name) => {
    test("reacts to its input", async () => {
      const model = await network(name);
      const [a, b] = [await runSaved(model, imageFor(model, 1)), await runSaved(model, imageFor(model, 2))];
      expect(relativeDeviation(a, b)).toBeGreaterThan(0.05);
    });

    test.each([1, 3])("2.5d, %i equal slices: each is the 2D network's", async (D) => {
      const model = await network(name);
      const image = imageFor(model);
      const flat = await runSaved(model, image);
      const lifted = lift(model, { kind: "2.5d", depth: { stride: 1, pool: 1 } });
      const found = slices(await run(lifted, repeated(image, 0, D)), 0);
      expect(found).toHaveLength(flat.dims.length === 2 ? 1 : D);
      for (const slice of found) expect(relativeDeviation(slice, flat)).toBeLessThan(CLOSE);
    });

    test.each(AXES.map((axis, i) => [axis, i] as const))(
      "one view, %s constant: every slice is the 2D network's",
      async (_, axis) => {
        const model = await network(name);
        const image = imageFor(model);
        const flat = await runSaved(model, image);
        // 37 voxels are halved with remainders, 40 without.
        const lifts = [
          [37, oneView(axis)],
          [40, { kind: "2.5d", view: VIEWS[axis]! }],
        ] as const;
        for (const [voxels, options] of lifts) {
          const y = await runSaved(lift(model, options), repeated(image, axis, voxels));
          for (const slice of slices(y, axis)) expect(relativeDeviation(slice, flat)).toBeLessThan(CLOSE);
        }
      },
    );

    test("soft-acs with equal logits is mean-acs", async () => {
      const model = await network(name);
      const soft = lift(model, { kind: "soft-acs" });
      const logits = [...soft.graph.initializers].filter(([key]) => key.endsWith("soft_w_core"));
      expect(logits.length).toBeGreaterThan(0);
      const equal = logits.map(
        ([key, { dims }]) => [key, floatTensor(dims, new Float32Array(dims[0]! * 3).fill(0.7))] as const,
      );
      const even = new Model({
        ...soft.graph,
        initializers: new Map([...soft.graph.initializers, ...equal]),
      });
      const x = volumeFor(model);
      const mean = await run(lift(model, { kind: "mean-acs" }), x);
      expect(relativeDeviation(await run(even, x), mean)).toBeLessThan(CLOSE);
      expect(relativeDeviation(await run(soft, x), mean)).toBeGreaterThan(1e-3);
    });

    test("channels: 1 is the network fed with copies", async () => {
      const model = await network(name);
      const channels = model.inputs[0]!.shape![1] as number;
      const x = volumeFor(model, 1);
      const copies = {
        dims: x.dims.with(1, channels),
        data: Float32Array.from({ length: channels * x.data.length }, (_, i) => x.data[i % x.data.length]!),
      };
      const y = await run(lift(model, { channels: 1 }), x);
      expect(relativeDeviation(y, await run(lift(model), copies))).toBeLessThan(CLOSE);
    });
  });

  const pairs = names.filter((name) => names.includes(`${name}_dynamic`));

  describe.each(pairs)("%s: the static and the dynamic export lift to one function", (name) => {
    test.each(["acs", "mean-acs", "2.5d", "i3d"] as const satisfies LiftKind[])("%s", async (kind) => {
      const models = [await network(name), await network(`${name}_dynamic`)];
      const channels = models[0]!.inputs[0]!.shape![1] as number;
      for (const sizes of [
        [36, 32, 40],
        [35, 42, 37],
      ]) {
        const x = random([2, channels, ...sizes], 4);
        const [fixed, dynamic] = await Promise.all(models.map((model) => run(lift(model, { kind }), x)));
        expect(relativeDeviation(fixed!, dynamic!)).toBeLessThan(CLOSE);
      }
    });
  });
}
