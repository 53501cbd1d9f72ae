/** @file Gradients of ConvTranspose by input, kernel and bias, over every kind of geometry. */

import { describe, test } from "vitest";
import { expectGradients, randomFloats } from "../../test/helpers/gradients.ts";
import { node } from "../../test/helpers/graphs.ts";
import { type Attrs, int, ints, str } from "../graph/graph.ts";

interface Geometry {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly attrs?: Attrs;
  readonly bias?: number;
}

const cases: Record<string, Geometry> = {
  "1D": { x: [2, 3, 5], w: [3, 2, 3], attrs: { strides: ints([2]), pads: ints([1, 0]) } },
  "2D ×2 with bias": { x: [2, 3, 3, 4], w: [3, 2, 2, 2], attrs: { strides: ints([2, 2]) }, bias: 2 },
  "3D ×2": { x: [1, 2, 2, 3, 2], w: [2, 3, 2, 2, 2], attrs: { strides: ints([2, 2, 2]) }, bias: 3 },
  "stride 1, padded": { x: [1, 2, 4, 5], w: [2, 2, 3, 3], attrs: { pads: ints([1, 1, 1, 0]) } },
  "output padding": {
    x: [1, 2, 3, 3],
    w: [2, 2, 3, 3],
    attrs: { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]), output_padding: ints([1, 1]) },
    bias: 2,
  },
  "output padding beyond the kernel": {
    x: [1, 2, 3, 3],
    w: [2, 2, 2, 1],
    attrs: { strides: ints([3, 2]), output_padding: ints([2, 1]) },
    bias: 2,
  },
  "stride beyond the kernel": { x: [1, 2, 3, 2], w: [2, 2, 1, 2], attrs: { strides: ints([2, 3]) } },
  dilation: {
    x: [1, 2, 4, 3],
    w: [2, 2, 2, 3],
    attrs: { dilations: ints([3, 2]), strides: ints([2, 1]), pads: ints([2, 1, 0, 1]) },
  },
  groups: {
    x: [2, 4, 3, 3],
    w: [4, 3, 3, 2],
    attrs: { group: int(2), strides: ints([2, 2]) },
    bias: 6,
  },
  "depthwise 3D": {
    x: [1, 3, 2, 2, 3],
    w: [3, 1, 2, 4, 4],
    attrs: { group: int(3), strides: ints([1, 2, 2]), pads: ints([0, 1, 1, 0, 1, 1]) },
  },
  "a size that is asked for": {
    x: [1, 2, 4, 4],
    w: [2, 2, 3, 3],
    attrs: { strides: ints([2, 2]), output_shape: ints([8, 7]) },
  },
  "auto_pad SAME_UPPER": {
    x: [1, 2, 4, 3],
    w: [2, 2, 3, 3],
    attrs: { strides: ints([2, 2]), auto_pad: str("SAME_UPPER") },
  },
};

describe("ConvTranspose", () => {
  test.each(Object.entries(cases))("%s", async (_, { x, w, attrs = {}, bias }) => {
    const inputs = {
      x: randomFloats(x),
      w: randomFloats(w, 2),
      ...(bias && { b: randomFloats([bias], 3) }),
    };
    await expectGradients({ nodes: [node("ConvTranspose", Object.keys(inputs), ["y"], attrs)], inputs });
  });
});
