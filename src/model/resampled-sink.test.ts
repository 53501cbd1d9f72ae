import { expect, test } from "vitest";
import { uniform } from "../base/random.ts";
import { toProbabilities } from "../run/sinks.ts";
import { gridWithSpacing } from "../volume/geometry.ts";
import { resampleLike } from "../volume/resample.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { plainGrid, withData } from "../volume/volume.ts";
import { resampledSink } from "./resampled-sink.ts";

// Oracle: trilinear interpolation of the whole volume. Fields of view are equal, so that nothing is "outside".
test.each<[string, Vec3, Vec3, Vec3]>([
  ["finer", [3, 4, 5], [2, 2, 2], [1, 0.5, 1]],
  ["coarser", [6, 8, 12], [1, 1, 1], [2, 4, 3]],
  ["finer and coarser", [4, 8, 6], [3, 1, 1], [1, 2, 0.75]],
  ["a single slice", [1, 4, 4], [6, 1, 1], [2, 2, 2]],
  ["to a single slice", [4, 1, 1], [1, 4, 4], [4, 2, 2]],
])("interpolates planes as the whole volume would be: %s", (_name, shape, spacing, wanted) => {
  const from = plainGrid(shape, spacing);
  const to = gridWithSpacing(from, wanted);
  const [depth, height, width] = shape;
  const random = uniform(7);
  const scores = Float32Array.from({ length: 2 * depth * height * width }, random);

  const sink = resampledSink(from, to, toProbabilities(to.shape, "probabilities"));
  for (let z = 0; z < depth; z++) {
    const plane = new Float32Array(2 * height * width);
    for (let k = 0; k < 2; k++) {
      const start = (k * depth + z) * height * width;
      plane.set(scores.subarray(start, start + height * width), k * height * width);
    }
    sink.plane(z, plane, 2);
  }

  const expected = resampleLike(withData(from, scores, 2), to, "linear");
  expect(sink.result().data).toBeAllClose(expected.data, { rtol: 0, atol: 1e-6 });
});
