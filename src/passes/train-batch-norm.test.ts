/** @file BatchNormalization in training: against its definition in double, far from 0 too. */

import { describe, expect, test } from "vitest";
import { randomFloats } from "../../test/helpers/gradients.ts";
import { evaluate, type Floats, graphOf, node, value } from "../../test/helpers/graphs.ts";
import type { Graph } from "../graph/graph.ts";
import { float } from "../graph/graph.ts";
import { elementCount, floatTensor } from "../graph/tensor.ts";
import { lowerTrainBatchNorm, trainBatchNorm } from "./train-batch-norm.ts";

const EPSILON = 1e-3;
const SCALE = [0.5, 1, 2];
const BIAS = [-1, 0, 3];

const network = (dims: readonly number[]): Graph =>
  graphOf(
    [
      node("BatchNormalization", ["x", "s", "b", "rm", "rv"], ["y"], {
        epsilon: float(EPSILON),
        momentum: float(0.75),
      }),
    ],
    {
      inputs: [value("x", [...dims])],
      outputs: [value("y", [...dims])],
      initializers: {
        s: floatTensor([3], SCALE),
        b: floatTensor([3], BIAS),
        rm: floatTensor([3], [9, 9, 9]),
        rv: floatTensor([3], [9, 9, 9]),
      },
    },
  );

/** y, mean and variance per feature, of x [N, 3, …]. */
function reference({ dims, data }: Floats): { y: number[]; mean: number[]; variance: number[] } {
  const pixels = elementCount(dims.slice(2));
  const feature = (i: number): number => Math.floor(i / pixels) % 3;
  const average = (f: (i: number) => number): number[] => {
    const sums = [0, 0, 0];
    data.forEach((_, i) => (sums[feature(i)]! += f(i)));
    return sums.map((sum) => (3 * sum) / data.length);
  };
  const mean = average((i) => data[i]!);
  const variance = average((i) => (data[i]! - mean[feature(i)]!) ** 2);
  const y = Array.from(data, (x, i) => {
    const c = feature(i);
    return (SCALE[c]! * (x - mean[c]!)) / Math.sqrt(variance[c]! + EPSILON) + BIAS[c]!;
  });
  return { y, mean, variance };
}

const largestError = (got: Float32Array, wanted: readonly number[]): number =>
  wanted.reduce((max, w, i) => Math.max(max, Math.abs(got[i]! - w)), 0);

async function trained(x: Floats) {
  const { graph, statistics } = trainBatchNorm(network(x.dims));
  const [record] = statistics;
  const { batchMean, batchVariance } = record!;
  const outputs = [value("y"), value(batchMean), value(batchVariance)];
  const got = await evaluate(lowerTrainBatchNorm({ ...graph, outputs }), { x });
  return { record, y: got["y"]!.data, mean: got[batchMean]!.data, variance: got[batchVariance]!.data };
}

describe("trainBatchNorm", () => {
  test.each([[[8, 3]], [[4, 3, 6]], [[2, 3, 5, 4]], [[2, 3, 4, 5, 3]]])("of %j", async (dims) => {
    const x = randomFloats(dims, 1, -2, 3);
    const got = await trained(x);
    const wanted = reference(x);
    expect(largestError(got.y, wanted.y)).toBeLessThan(5e-6);
    expect(largestError(got.mean, wanted.mean)).toBeLessThan(1e-6);
    expect(largestError(got.variance, wanted.variance)).toBeLessThan(2e-6);
    expect(got.record).toMatchObject({
      mean: "rm",
      variance: "rv",
      momentum: 0.75,
      count: elementCount(dims) / 3,
    });
  });

  // Uniform in ±1 has a deviation of 0.58: means of 17 and 1700 deviations. Float32 tells 1000 from 1000 + 6·10⁻⁵.
  test.each([
    { centre: 10, variance: 1e-6, y: 1e-5 },
    { centre: 1000, variance: 1e-6, y: 1e-3 },
  ])("of 10⁵ values around $centre", async ({ centre, variance, y }) => {
    const x = randomFloats([2, 3, 24, 32, 32], 2, centre - 1, centre + 1);
    const got = await trained(x);
    const wanted = reference(x);
    expect(largestError(got.variance, wanted.variance)).toBeLessThan(variance);
    expect(largestError(got.y, wanted.y)).toBeLessThan(y);
  });

  test("refuses a batch of one value per feature", () => {
    expect(() => trainBatchNorm(network([1, 3, 1, 1]))).toThrow(
      'BatchNormalization "y" has one value per feature, [1, 3, 1, 1], to take statistics of; train on larger batches or patches, or freeze batch normalisation.',
    );
  });

  test("leaves alone what has no running statistics of its own", () => {
    const graph = network([2, 3, 4]);
    const initializers = new Map([...graph.initializers].filter(([name]) => name !== "rm"));
    const computed = { ...graph, inputs: [...graph.inputs, value("rm", [3])], initializers };
    expect(trainBatchNorm(computed)).toEqual({ graph: computed, statistics: [] });
  });
});
