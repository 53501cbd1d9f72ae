/** @file Parameters, multiply-adds and activation memory, by hand. */

import { describe, expect, test } from "vitest";
import { graphOf, node } from "../../test/helpers/graphs.ts";
import { network, random } from "../../test/helpers/networks.ts";
import { symbol } from "../graph/dim.ts";
import type { Graph } from "../graph/graph.ts";
import { int, ints } from "../graph/graph.ts";
import { floatTensor, int64Tensor, tensorOf } from "../graph/tensor.ts";
import { lift, Model } from "../model/model.ts";
import { costsByKind, liftReport } from "./lift-report.ts";
import { summarise } from "./summary.ts";

const weights = (...dims: number[]) => floatTensor(dims, random(dims).data);
const sizes = (entries: Record<string, number>): Map<string, number> => new Map(Object.entries(entries));

test("a small ResNet, layer by layer", async () => {
  const { graph } = await network("resnet_basic");
  const summary = summarise(graph, sizes({}));
  const costs = (op: string) =>
    summary.layers
      .filter((layer) => layer.op === op)
      .map(({ parameters, multiplyAdds }) => [parameters, multiplyAdds]);
  // [outputs × inputs × k × k + biases, outputs × pixels × inputs × k × k]
  expect(costs("Conv")).toEqual([
    [8 * 3 * 49 + 8, 8 * 16 * 16 * 3 * 49],
    [8 * 8 * 9 + 8, 8 * 8 * 8 * 8 * 9],
    [8 * 8 * 9 + 8, 8 * 8 * 8 * 8 * 9],
    [16 * 8 * 9 + 16, 16 * 4 * 4 * 8 * 9],
    [16 * 16 * 9 + 16, 16 * 4 * 4 * 16 * 9],
    [16 * 8 + 16, 16 * 4 * 4 * 8],
  ]);
  expect(costs("Gemm")).toEqual([[5 * 16 + 5, 5 * 16]]);
  expect(summary.parameters).toBe(6069);
  expect(summary.parameterBytes).toBe(4 * 6069);
  expect(summary.multiplyAdds).toBe(301056 + 2 * 36864 + 18432 + 36864 + 2048 + 80);
  const stem = summary.layers[0]!;
  expect(stem.outputShape).toEqual([1, 8, 16, 16]);
  expect(stem.activationBytes).toBe(4 * 8 * 16 * 16);
});

/** One convolution, 6 → 9 channels, K = 3, at 8³: the paper's Table 2 for it. */
describe("one convolution in each kind (paper, Table 2)", () => {
  const graph: Graph = {
    ...graphOf(
      [node("Conv", ["x", "w", "b"], ["y"], { kernel_shape: ints([3, 3]), pads: ints([1, 1, 1, 1]) })],
      {
        initializers: { w: weights(9, 6, 3, 3), b: weights(9) },
      },
    ),
    inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 6, symbol("H"), symbol("W")] }],
  };
  const costs = new Map(
    costsByKind(lift(new Model(graph)), [8, 8, 8]).map(({ kind, summary }) => [kind, summary]),
  );
  const kernel = 9 * 6 * 9;

  test.each([
    ["2d", kernel + 9],
    ["acs", kernel + 9],
    ["mean-acs", kernel + 9],
    ["2.5d", kernel + 9],
    ["i3d", kernel + 9],
    ["soft-acs", kernel + 9 + 9 * 3], // three logits per output channel
    ["3d", 3 * kernel + 9], // K × acs
    ["psc", 3 * (6 * 6 * 9) + 9 * 6 * 3 + 9], // ⌊9·6·27 / (6·9 + 9·3)⌋ / 3 = 6 channels between plane and line
  ] as const)("%s: parameters", (kind, parameters) => {
    expect(costs.get(kind)!.parameters).toBe(parameters);
    expect(costs.get(kind)!.parameterBytes).toBe(4 * parameters);
  });

  test.each([
    ["2d", 64, 1],
    ["acs", 512, 1],
    ["2.5d", 512, 1],
    ["mean-acs", 512, 3], // one dense kernel
    ["soft-acs", 512, 3],
    ["i3d", 512, 3],
    ["3d", 512, 3],
  ] as const)("%s: multiply-adds, and memory once", (kind, voxels, ratio) => {
    expect(costs.get(kind)!.multiplyAdds).toBe(voxels * kernel * ratio);
    expect(costs.get(kind)!.activationBytes).toBe(4 * 9 * voxels);
  });

  test("psc: multiply-adds of planes and lines, and memory of all that is between", () => {
    const { multiplyAdds, activationBytes } = costs.get("psc")!;
    expect(multiplyAdds).toBe(512 * (3 * (6 * 6 * 9) + 9 * 6 * 3));
    // Planes, their activations, lines, and the join.
    expect(activationBytes).toBe(4 * 512 * (3 * 6 + 3 * 6 + 9 + 9));
  });

  test("psc: another form of it, also where the model has one", () => {
    const one = new Map(
      costsByKind(lift(new Model(graph)), [8, 8, 8], { streams: 1 }).map(({ kind, summary }) => [
        kind,
        summary,
      ]),
    );
    const parameters = 9 * 6 * 9 + 9 * 9 * 3 + 9;
    expect(one.get("psc")!.parameters).toBe(parameters);
    expect(one.get("3d")).toEqual(costs.get("3d"));
    const model = lift(new Model(graph), { kind: "psc", psc: { streams: 1 } });
    const parametersOf = (psc?: { streams: number }): number | undefined =>
      costsByKind(model, [8, 8, 8], psc).find(({ kind }) => kind === "psc")?.summary.parameters;
    expect(parametersOf()).toBe(parameters);
    expect(parametersOf({ streams: 3 })).toBe(costs.get("psc")!.parameters);
  });
});

test("acs keeps the parameters of every network", async () => {
  for (const name of ["resnext", "unet_train", "mobilenet_v2", "densenet"]) {
    const model = await network(name);
    const report = liftReport(lift(model), [32, 32, 32]);
    expect(report.after.parameters).toBe(report.before.parameters);
    expect(report.nodes.length).toBeGreaterThan(10);
    expect(report.after.multiplyAdds! / report.before.multiplyAdds!).toBeGreaterThan(8);
  }
});

test.each(["acs", "psc", "3d"] as const)("%s: what nodes cost is what the network costs", async (kind) => {
  const model = await network("mobilenet_v2");
  const { nodes, after } = liftReport(lift(model, { kind }), [32, 32, 32]);
  const total = (value: (node: (typeof nodes)[number]) => number | undefined): number =>
    nodes.reduce((sum, node) => sum + value(node)!, 0);
  expect(total((node) => node.parameters)).toBe(after.parameters);
  expect(total((node) => node.multiplyAdds)).toBe(after.multiplyAdds);
});

describe("what counts", () => {
  const of = (nodes: Graph["nodes"], initializers: Record<string, ReturnType<typeof weights>>): Graph => ({
    ...graphOf([...nodes], { initializers }),
    inputs: [{ name: "x", dtype: "float32", shape: [1, 4, 6, 6] }],
  });
  const parameters = (graph: Graph): number[] =>
    summarise(graph, sizes({})).layers.map((layer) => layer.parameters);

  test("a weight that two layers share counts once", () => {
    const pads = { pads: ints([1, 1, 1, 1]) };
    const graph = of([node("Conv", ["x", "w"], ["a"], pads), node("Conv", ["a", "w"], ["y"], pads)], {
      w: weights(4, 4, 3, 3),
    });
    expect(parameters(graph)).toEqual([144, 0]);
  });

  test("statistics, scale factors, limits, shapes and scalars are no parameters", () => {
    const graph = of(
      [
        node("BatchNormalization", ["x", "s", "s2", "m", "v"], ["a"]),
        node("Clip", ["a", "zero", "six"], ["b"]),
        node("Resize", ["b", "", "scales"], ["c"]),
        node("Mul", ["c", "six"], ["d"]),
        node("Mul", ["d", "gate"], ["e"]),
        node("Reshape", ["e", "shape"], ["y"]),
      ],
      {
        s: weights(4),
        s2: weights(4),
        m: weights(4),
        v: weights(4),
        zero: floatTensor([], [0]),
        six: floatTensor([], [6]),
        scales: floatTensor([4], [1, 1, 2, 2]),
        gate: weights(4, 1, 1),
        shape: int64Tensor([1, -1]),
      },
    );
    expect(parameters(graph)).toEqual([8, 0, 0, 0, 4, 0]);
  });

  test("a convolution of one channel has a bias of one; a transposed one multiplies per input pixel", () => {
    const graph = of(
      [node("ConvTranspose", ["x", "t", "b1"], ["y"], { strides: ints([2, 2]), kernel_shape: ints([2, 2]) })],
      { t: weights(4, 1, 2, 2), b1: weights(1) },
    );
    const [layer] = summarise(graph, sizes({})).layers;
    expect(layer).toMatchObject({ parameters: 17, multiplyAdds: 4 * 36 * 4, activationBytes: 4 * 144 });
  });

  test("groups", () => {
    const graph = of([node("Conv", ["x", "w"], ["y"], { group: int(4) })], { w: weights(8, 1, 3, 3) });
    expect(summarise(graph, sizes({})).layers[0]).toMatchObject({ parameters: 72, multiplyAdds: 8 * 16 * 9 });
  });

  test("half precision takes half the bytes", () => {
    const half = {
      ...of([node("Conv", ["x", "w"], ["y"])], {
        w: tensorOf("float16", [4, 4, 1, 1], new Float32Array(16)),
      }),
    };
    const graph = { ...half, inputs: [{ ...half.inputs[0]!, dtype: "float16" as const }] };
    const summary = summarise(graph, sizes({}));
    expect([summary.parameterBytes, summary.activationBytes]).toEqual([32, 2 * 4 * 36]);
  });

  test("sizes that nobody gave leave what depends on them open, and nothing else", () => {
    const graph: Graph = {
      ...of([node("Conv", ["x", "w"], ["y"])], { w: weights(4, 4, 1, 1) }),
      inputs: [{ name: "x", dtype: "float32", shape: [1, 4, symbol("H"), 6] }],
    };
    const summary = summarise(graph, sizes({}));
    expect(summary).toMatchObject({ parameters: 16, multiplyAdds: undefined, activationBytes: undefined });
    expect(summary.layers[0]!.outputShape).toEqual([1, 4, "H", 6]);
    expect(summarise(graph, sizes({ H: 2 })).multiplyAdds).toBe(4 * 12 * 4);
  });
});
