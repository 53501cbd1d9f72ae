/** @file Dropout as it is in training, and how it is taken out. */

import { expect, test } from "vitest";
import { graphOf, node, runInOrt, value } from "../../test/helpers/graphs.ts";
import { floatTensor, tensorOf } from "../graph/tensor.ts";
import { dropIdentities } from "../passes/tidy.ts";
import { drawMask } from "../train/masks.ts";
import { withDropout, withoutDropout } from "./dropout.ts";

const graph = graphOf(
  [
    node("Relu", ["x"], ["a"]),
    node("Dropout", ["a", "ratio", "training"], ["b"]),
    node("Neg", ["b"], ["c"]),
    node("Dropout", ["c"], ["y"]),
  ],
  {
    inputs: [value("x", [2, 3])],
    outputs: [value("y", [2, 3])],
    initializers: { ratio: floatTensor([], [0.2]), training: tensorOf("bool", [], [1]) },
  },
);
const x = { dims: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };

test("where the mask holds, values grow by 1/(1 − p)", async () => {
  const { graph: active, masks } = withDropout(graph);
  expect(masks).toEqual([
    { name: "b/mask", dims: [2, 3], ratio: expect.closeTo(0.2, 6) as number },
    { name: "y/mask", dims: [2, 3], ratio: 0.5 },
  ]);
  const given = graphOf([...active.nodes], {
    inputs: [value("x", [2, 3])],
    outputs: [value("y", [2, 3])],
    initializers: {
      ...Object.fromEntries(active.initializers),
      "b/mask": tensorOf("bool", [2, 3], [1, 1, 0, 0, 1, 1]),
      "y/mask": tensorOf("bool", [2, 3], [1, 0, 1, 0, 1, 1]),
    },
  });
  const { y } = await runInOrt(given, { x });
  [-2.5, 0, 0, 0, -12.5, -15].forEach((expected, i) => expect(y![i]).toBeCloseTo(expected, 5));
});

test("switched off it is the identity", async () => {
  const plain = dropIdentities(withoutDropout(graph));
  expect(plain.nodes.map(({ op }) => op)).toEqual(["Relu", "Neg", "Identity"]);
  expect((await runInOrt(plain, { x }))["y"]).toEqual([-1, -2, -3, -4, -5, -6]);
});

test("masks hold as often as they should, and follow from the seed and the name", () => {
  const mask = { name: "m", dims: [100, 100], ratio: 0.3 };
  const { data } = drawMask(mask, 1);
  const kept = data.reduce((sum, bit) => sum + bit, 0) / data.length;
  // Four standard deviations of a share of 10⁴ draws.
  expect(Math.abs(kept - 0.7)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 1e4));
  expect(drawMask(mask, 1).data).toEqual(data);
  expect(drawMask(mask, 2).data).not.toEqual(data);
  expect(drawMask({ ...mask, name: "n" }, 1).data).not.toEqual(data);
});
