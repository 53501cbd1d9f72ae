/** @file Gradients of Conv by input, kernel and bias, over every kind of geometry. */

import { describe, test } from "vitest";
import { expectGradients, randomFloats } from "../../test/helpers/gradients.ts";
import { node } from "../../test/helpers/graphs.ts";
import { type Attrs, int, ints, str } from "../graph/graph.ts";

interface Geometry {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly attrs?: Attrs;
  readonly bias?: boolean;
}

const cases: Record<string, Geometry> = {
  "1D": { x: [2, 3, 7], w: [4, 3, 3], attrs: { pads: ints([1, 1]) } },
  "2D with bias": { x: [2, 3, 5, 6], w: [4, 3, 3, 3], attrs: { pads: ints([1, 1, 1, 1]) }, bias: true },
  "3D without padding": { x: [2, 2, 4, 5, 3], w: [3, 2, 2, 3, 1] },
  "even kernel, uneven padding": { x: [1, 2, 5, 4], w: [3, 2, 2, 4], attrs: { pads: ints([0, 2, 1, 1]) } },
  "padding beyond the kernel": { x: [1, 2, 4, 4], w: [2, 2, 2, 1], attrs: { pads: ints([2, 1, 3, 2]) } },
  dilation: {
    x: [1, 2, 7, 8],
    w: [2, 2, 3, 2],
    attrs: { dilations: ints([2, 3]), pads: ints([2, 1, 0, 3]) },
  },
  "stride that leaves nothing": { x: [2, 2, 7, 5], w: [3, 2, 3, 3], attrs: { strides: ints([2, 2]) } },
  "stride that leaves voxels unread": { x: [1, 2, 8, 9], w: [3, 2, 2, 3], attrs: { strides: ints([3, 4]) } },
  "stride, dilation and padding in 3D": {
    x: [2, 2, 6, 7, 5],
    w: [3, 2, 3, 2, 3],
    attrs: { strides: ints([2, 3, 1]), dilations: ints([1, 2, 2]), pads: ints([1, 0, 2, 1, 1, 2]) },
    bias: true,
  },
  "stride beyond the kernel": { x: [1, 2, 6, 6], w: [2, 2, 1, 1], attrs: { strides: ints([2, 2]) } },
  groups: {
    x: [2, 4, 5, 5],
    w: [6, 2, 3, 3],
    attrs: { group: int(2), pads: ints([1, 1, 1, 1]) },
    bias: true,
  },
  "groups with stride": {
    x: [1, 6, 4, 6, 6],
    w: [3, 2, 3, 3, 1],
    attrs: { group: int(3), strides: ints([1, 2, 2]), pads: ints([1, 1, 0, 1, 1, 0]) },
  },
  depthwise: { x: [2, 4, 5, 4], w: [4, 1, 3, 3], attrs: { group: int(4), pads: ints([1, 1, 1, 1]) } },
  "auto_pad SAME_UPPER": {
    x: [1, 2, 6, 7],
    w: [2, 2, 3, 2],
    attrs: { auto_pad: str("SAME_UPPER"), strides: ints([2, 2]) },
  },
  "auto_pad SAME_LOWER": { x: [1, 2, 6, 5], w: [2, 2, 2, 3], attrs: { auto_pad: str("SAME_LOWER") } },
};

describe("Conv", () => {
  test.each(Object.entries(cases))("%s", async (_, { x, w, attrs = {}, bias = false }) => {
    const inputs = {
      x: randomFloats(x),
      w: randomFloats(w, 2),
      ...(bias && { b: randomFloats([w[0]!], 3) }),
    };
    await expectGradients({ nodes: [node("Conv", Object.keys(inputs), ["y"], attrs)], inputs });
  });
});
