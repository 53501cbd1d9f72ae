/**
 * @file The laws of lifting for networks of every sort of layer, and
 * the exceptions to them, which only borders make.
 */

import { describe, expect, test } from "vitest";
import type { Graph } from "../src/graph/graph.ts";
import { int, ints } from "../src/graph/graph.ts";
import { floatTensor, int64Tensor } from "../src/graph/tensor.ts";
import { lift, Model } from "../src/index.ts";
import { relativeDeviation } from "./helpers/compare.ts";
import { CLOSE, consistencyOf, imageFor, oneView, run, runSaved } from "./helpers/consistency.ts";
import { graphOf, node } from "./helpers/graphs.ts";
import { TESTED_NETWORKS, network, random, repeated, slices, transposed } from "./helpers/networks.ts";

consistencyOf(TESTED_NETWORKS);

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
