/** @file Gradients of Resize in its modes, upwards and downwards. */

import { describe, test } from "vitest";
import { expectGradients, randomFloats } from "../../test/helpers/gradients.ts";
import { node } from "../../test/helpers/graphs.ts";
import { type Attrs, float, int, ints, str } from "../graph/graph.ts";
import { floatTensor, int64Tensor } from "../graph/tensor.ts";

interface Case {
  readonly x: readonly number[];
  readonly scales?: readonly number[];
  readonly sizes?: readonly number[];
  readonly attrs: Attrs;
}

const mode = (mode: string, coordinates = "half_pixel"): Attrs => ({
  mode: str(mode),
  coordinate_transformation_mode: str(coordinates),
});
const nearest = (coordinates: string, nearest_mode: string): Attrs => ({
  ...mode("nearest", coordinates),
  nearest_mode: str(nearest_mode),
});

const volume = [1, 2, 3, 4, 5];
const image = [2, 1, 5, 6];

const cases: Record<string, Case> = {
  "nearest, integer factors": {
    x: volume,
    scales: [1, 1, 2, 2, 3],
    attrs: nearest("asymmetric", "floor"),
  },
  "nearest, half pixel, to sizes": {
    x: volume,
    sizes: [1, 2, 7, 3, 5],
    attrs: nearest("half_pixel", "round_prefer_floor"),
  },
  "nearest, rounded up, down": {
    x: volume,
    scales: [1, 1, 0.7, 1.6, 0.5],
    attrs: nearest("asymmetric", "ceil"),
  },
  "nearest, aligned corners": {
    x: image,
    sizes: [2, 1, 8, 3],
    attrs: nearest("align_corners", "round_prefer_ceil"),
  },
  "linear ×2": { x: volume, scales: [1, 1, 2, 2, 2], attrs: mode("linear") },
  "linear, to sizes, up and down": { x: volume, sizes: [1, 2, 5, 3, 10], attrs: mode("linear") },
  "linear, PyTorch's half pixel to one": {
    x: volume,
    sizes: [1, 2, 1, 6, 5],
    attrs: mode("linear", "pytorch_half_pixel"),
  },
  "linear, aligned corners": { x: volume, sizes: [1, 2, 6, 2, 5], attrs: mode("linear", "align_corners") },
  "linear, asymmetric": { x: image, scales: [1, 1, 1.5, 0.6], attrs: mode("linear", "asymmetric") },
  "linear, a scale that changes no size": { x: image, scales: [1, 1, 1.1, 1.15], attrs: mode("linear") },
  "linear, of some axes": {
    x: image,
    scales: [2, 1.5],
    attrs: { ...mode("linear"), axes: ints([-1, 2]) },
  },
  "linear, antialiased": { x: image, sizes: [2, 1, 3, 4], attrs: { ...mode("linear"), antialias: int(1) } },
  cubic: { x: image, scales: [1, 1, 2, 1.5], attrs: { ...mode("cubic"), cubic_coeff_a: float(-0.5) } },
  "cubic, without what is outside": {
    x: image,
    sizes: [2, 1, 3, 9],
    attrs: { ...mode("cubic"), exclude_outside: int(1) },
  },
};

describe("Resize", () => {
  test.each(Object.entries(cases))("%s", async (_, { x, scales, sizes, attrs }) => {
    const inputs = scales ? ["x", "", "scales"] : ["x", "", "", "sizes"];
    await expectGradients({
      nodes: [node("Resize", inputs, ["y"], attrs)],
      inputs: { x: randomFloats(x) },
      constants: {
        ...(scales && { scales: floatTensor([scales.length], scales) }),
        ...(sizes && { sizes: int64Tensor(sizes) }),
      },
    });
  });
});
