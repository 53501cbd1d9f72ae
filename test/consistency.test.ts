/**
 * @file What a lifted network must satisfy whatever the network is, with no
 * other software to compare with. A volume that is constant along one axis is
 * an image in every slice, and the 2D network says what becomes of that.
 */

import { describe, expect, test } from "vitest";
import type { Graph } from "../src/graph/graph.ts";
import { int, ints } from "../src/graph/graph.ts";
import { floatTensor, int64Tensor } from "../src/graph/tensor.ts";
import { lift, Model, type LiftKind } from "../src/index.ts";
import type { LiftOptions } from "../src/lift/options.ts";
import { VIEWS } from "../src/ops/views.ts";
import { relativeDeviation } from "./helpers/compare.ts";
import { evaluate, graphOf, node, type Floats } from "./helpers/graphs.ts";
import { network, NETWORKS, random, repeated, slices, transposed } from "./helpers/networks.ts";

/** Relative to the largest value; what float32 leaves is below 2e-6. */
const CLOSE = 1e-5;
const AXES = ["depth", "height", "width"] as const;

/** As users run it: optimised for inference. */
async function run(model: Model, x: Floats): Promise<Floats> {
  const y = await model.run({ [model.inputs[0]!.name]: { dtype: "float32", ...x } });
  await model.dispose();
  return y[model.outputs[0]!.name] as Floats;
}

/** As it is saved: lowered only. */
async function runSaved(model: Model, x: Floats): Promise<Floats> {
  const y = await evaluate(model.toBytes(), { [model.inputs[0]!.name]: x });
  return y[model.outputs[0]!.name]!;
}

/** An image as the network was exported for; where it takes any, two of unequal sides. */
function imageFor(model: Model, seed = 1): Floats {
  const sizes = model.inputs[0]!.shape!.map((dim, axis) =>
    typeof dim === "number" ? dim : [2, 3, 32, 40][axis]!,
  );
  return random(sizes, seed);
}

/** Everything goes to the view that omits an axis. */
const oneView = (axis: number): LiftOptions => ({
  kind: "acs",
  split: [0, 0, 0].with(axis, 1) as [number, number, number],
});

describe.each(NETWORKS)("%s", (name) => {
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
    const even = new Model({ ...soft.graph, initializers: new Map([...soft.graph.initializers, ...equal]) });
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

/** A volume of unequal sides that every tiny network takes (batch 1). */
const volumeFor = (model: Model, channels = model.inputs[0]!.shape![1] as number, batch = 1): Floats =>
  random([batch, channels, 36, 32, 40], 3);

const PAIRS = NETWORKS.filter((name) => NETWORKS.includes(`${name}_dynamic`));

describe.each(PAIRS)("%s: the static and the dynamic export lift to one function", (name) => {
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

/** One operator after a 3×3 convolution, [1, 2, 8, 8] → [1, 4, …]. */
function after(
  nodes: Parameters<typeof graphOf>[0],
  more: Record<string, ReturnType<typeof floatTensor>> = {},
): Model {
  const w = random([4, 2, 3, 3], 5);
  const graph: Graph = graphOf(
    [node("Conv", ["x", "w"], ["c"], { kernel_shape: ints([3, 3]), pads: ints([1, 1, 1, 1]) }), ...nodes],
    {
      inputs: [{ name: "x", dtype: "float32", shape: [1, 2, 8, 8] }],
      initializers: { w: floatTensor(w.dims, w.data), ...more },
    },
  );
  return new Model(graph);
}

/**
 * What reads zeros beyond the border reads them along depth too, so the first
 * and last slices see what no slice of the 2D network sees. Only they do.
 */
describe("exceptions to slice consistency, at the border only", () => {
  const zero = floatTensor([4, 4, 3, 3], random([4, 4, 3, 3], 6).data);
  const bias = floatTensor([4], [1, -2, 3, -4]);
  const average = (attrs: Parameters<typeof node>[3]) =>
    node("AveragePool", ["p"], ["y"], { kernel_shape: ints([3, 3]), strides: ints([1, 1]), ...attrs });
  const cases: [string, Model][] = [
    [
      "Pad with zeros before an average, as Inception has it",
      after([node("Pad", ["c", "pads"], ["p"]), average({})], {
        pads: int64Tensor([0, 0, 1, 1, 0, 0, 1, 1]),
      }),
    ],
    [
      "AveragePool that counts its padding",
      after([
        node("Identity", ["c"], ["p"]),
        average({ pads: ints([1, 1, 1, 1]), count_include_pad: int(1) }),
      ]),
    ],
    [
      "a convolution padded beyond its centre, which makes slices out of nothing",
      after(
        [node("Conv", ["c", "v", "b"], ["y"], { kernel_shape: ints([3, 3]), pads: ints([2, 2, 2, 2]) })],
        { v: zero, b: bias },
      ),
    ],
  ];

  test.each(cases)("%s", async (_, model) => {
    const image = imageFor(model);
    const flat = await runSaved(model, image);
    for (const axis of [0, 1, 2]) {
      const found = slices(await runSaved(lift(model, oneView(axis)), repeated(image, axis, 9)), axis);
      for (const slice of found.slice(1, -1)) expect(relativeDeviation(slice, flat)).toBeLessThan(CLOSE);
      for (const slice of [found[0]!, found.at(-1)!])
        expect(relativeDeviation(slice, flat)).toBeGreaterThan(0.01);
    }
  });

  test.each(cases)("%s: 2.5d that keeps depth knows no border", async (_, model) => {
    const image = imageFor(model);
    const flat = await runSaved(model, image);
    const lifted = lift(model, { kind: "2.5d", depth: { stride: 1, pool: 1 } });
    for (const slice of slices(await runSaved(lifted, repeated(image, 0, 3)), 0)) {
      expect(relativeDeviation(slice, flat)).toBeLessThan(CLOSE);
    }
  });
});

test("i3d of a volume constant along depth is the 2D network wherever its windows lie inside", async () => {
  const model = await network("unet");
  const image = imageFor(model);
  const flat = await runSaved(model, image);
  const found = slices(await run(lift(model, { kind: "i3d" }), repeated(image, 0, 80)), 0);
  expect(found).toHaveLength(80);
  // Two poolings by 2 and seven 3×3 convolutions reach 22 voxels.
  for (const slice of found.slice(24, -24)) expect(relativeDeviation(slice, flat)).toBeLessThan(CLOSE);
  expect(relativeDeviation(found[0]!, flat)).toBeGreaterThan(0.01);
});

test("the helpers themselves: slices of a repeated image are the image", () => {
  const image = random([2, 3, 4, 5]);
  for (const axis of [0, 1, 2]) {
    const volume = repeated(image, axis, 6);
    expect(volume.dims).toEqual([2, 3, 4, 5].toSpliced(2 + axis, 0, 6));
    for (const slice of slices(volume, axis)) expect(slice).toEqual(image);
  }
  expect(transposed({ dims: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }, [1, 0]).data).toEqual(
    Float32Array.of(1, 4, 2, 5, 3, 6),
  );
});
