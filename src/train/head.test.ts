/** @file A new head changes the last layer, and nothing else. */

import { expect, test } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import { network } from "../../test/helpers/networks.ts";
import { ints, str } from "../graph/graph.ts";
import { floatTensor, int64Tensor, numbersOf } from "../graph/tensor.ts";
import { lift, Model, unlift } from "../model/model.ts";
import { initialise } from "../models/initialise.ts";
import { replaceHead } from "./head.ts";

/** Names of weights whose elements or sizes differ, those that one has alone included. */
function changed(a: Model, b: Model): string[] {
  const names = new Set([...a.graph.initializers.keys(), ...b.graph.initializers.keys()]);
  return [...names].filter((name) => {
    const [x, y] = [a.graph.initializers.get(name), b.graph.initializers.get(name)];
    if (x?.dtype === "int64" || y?.dtype === "int64") return false;
    return !x || !y || x.dims.join() !== y.dims.join() || Buffer.compare(x.bytes, y.bytes) !== 0;
  });
}

const channels = (model: Model): unknown => model.outputs[0]!.shape?.[1];

test.each([
  ["unet_train", ["final.bias", "final.weight"]],
  ["deeplab", ["head.bias", "head.weight"]],
  ["resnet_basic", undefined],
  ["densenet", undefined],
])("%s: in 3D and in its 2D form", async (name, expected) => {
  const model = lift(await network(name), { kind: "acs" });
  const other = replaceHead(model, 7, { seed: 1 });
  expect(channels(model)).not.toBe(7);
  expect(channels(other)).toBe(7);
  expect(channels(unlift(other))).toBe(7);
  const differing = changed(model, other);
  expect(differing).toHaveLength(2);
  if (expected) expect(differing.sort()).toEqual(expected);
  const again = replaceHead(model, 7, { seed: 1 });
  expect(changed(other, again)).toEqual([]);
  expect(changed(other, replaceHead(model, 7, { seed: 2 }))).toHaveLength(1);
  const input = model.inputs[0]!;
  const dims = [1, input.shape![1] as number, 32, 32, 32];
  const feed = { dtype: "float32", dims, data: new Float32Array(dims.reduce((a, b) => a * b)) } as const;
  const y = Object.values(await other.run({ [input.name]: feed }))[0]!;
  await other.dispose();
  expect(y.dims[1]).toBe(7);
});

test("weights that only the 3D network has stay", async () => {
  const model = lift(await network("unet_train"), { kind: "soft-acs" });
  const [logits] = [...model.graph.initializers.keys()].filter((name) => name.endsWith("soft_w_core"));
  const { dims } = model.graph.initializers.get(logits!)!;
  const trained = model.withWeights(
    new Map([[logits!, floatTensor(dims, new Float32Array(dims[0]! * 3).fill(2))]]),
  );
  const other = replaceHead(trained, 2);
  expect(numbersOf(other.graph.initializers.get(logits!)!).every((x) => x === 2)).toBe(true);
});

test.each(["3d", "psc"] as const)("%s: kernels of its own stay, and their biases", async (kind) => {
  const model = initialise(lift(await network("unet_train"), { kind }), { seed: 3 });
  expect(changed(model, replaceHead(model, 2)).sort()).toEqual(["final.bias", "final.weight"]);
});

test("weights are uniform in ±1/√fan-in, the bias added by a node of its own is zero", () => {
  const graph = graphOf(
    [node("MatMul", ["x", "w"], ["m"]), node("Add", ["b", "m"], ["a"]), node("Softmax", ["a"], ["y"])],
    {
      inputs: [value("x", [2, 400])],
      outputs: [value("y", [2, 3])],
      initializers: { w: floatTensor([400, 3], new Float32Array(1200)), b: floatTensor([3], [1, 2, 3]) },
    },
  );
  const { initializers, outputs } = replaceHead(new Model(graph), 5).graph;
  const weights = numbersOf(initializers.get("w")!);
  expect(outputs[0]!.shape).toEqual([2, 5]);
  expect(weights).toHaveLength(2000);
  expect(Math.max(...weights.map(Math.abs))).toBeLessThanOrEqual(0.05);
  expect(Math.max(...weights)).toBeGreaterThan(0.049);
  expect(numbersOf(initializers.get("b")!)).toEqual(new Float32Array(5));
});

test("a bias [1, 1, classes] of tokens has them last", () => {
  const graph = graphOf([node("MatMul", ["x", "w"], ["m"]), node("Add", ["m", "b"], ["y"])], {
    inputs: [value("x", [2, 9, 8])],
    outputs: [value("y", [2, 9, 3])],
    initializers: {
      w: floatTensor([8, 3], new Float32Array(24)),
      b: floatTensor([1, 1, 3], [1, 2, 3]),
    },
  });
  const { initializers, outputs } = replaceHead(new Model(graph), 5).graph;
  expect(initializers.get("b")!.dims).toEqual([1, 1, 5]);
  expect(outputs[0]!.shape).toEqual([2, 9, 5]);
});

test("a bias [1, 1, 1, 1] of a node of its own gets its classes on the channels", () => {
  const graph = graphOf(
    [
      node("ConvTranspose", ["x", "w"], ["m"], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }),
      node("Add", ["m", "b"], ["a"]),
      node("Sigmoid", ["a"], ["y"]),
    ],
    {
      inputs: [value("x", [1, 8, 16, 16])],
      outputs: [value("y", [1, 1, 32, 32])],
      initializers: { w: floatTensor([8, 1, 2, 2], new Float32Array(32)), b: floatTensor([1, 1, 1, 1], [1]) },
    },
  );
  const { initializers, outputs } = replaceHead(new Model(graph), 4).graph;
  expect(initializers.get("b")!.dims).toEqual([1, 4, 1, 1]);
  expect(outputs[0]!.shape).toEqual([1, 4, 32, 32]);
});

test("a bias that the file stores once for all layers changes in the last one alone", () => {
  const graph = graphOf(
    [
      node("Conv", ["x", "a", "zeros"], ["m"]),
      node("Conv", ["m", "b", "zeros"], ["n"]),
      node("HardSigmoid", ["n"], ["y"]),
    ],
    {
      inputs: [value("x", [1, 2, 4, 4])],
      outputs: [value("y", [1, 2, 4, 4])],
      initializers: {
        a: floatTensor([2, 2, 1, 1], [1, 0, 0, 1]),
        b: floatTensor([2, 2, 1, 1], [1, 2, 3, 4]),
        zeros: floatTensor([2], [0, 0]),
      },
    },
  );
  const { initializers, outputs, nodes } = replaceHead(new Model(graph), 5).graph;
  expect(outputs[0]!.shape).toEqual([1, 5, 4, 4]);
  const biases = nodes.flatMap(({ inputs: [, , bias] }) => (bias ? [initializers.get(bias)!.dims] : []));
  expect(biases).toEqual([[2], [5]]);
});

test("an Einsum is a layer like others", () => {
  const graph = graphOf([node("Einsum", ["x", "w"], ["y"], { equation: str("nchw,oc->nohw") })], {
    inputs: [value("x", [1, 2, 4, 4])],
    outputs: [value("y", [1, 3, 4, 4])],
    initializers: { w: floatTensor([3, 2], [1, 2, 3, 4, 5, 6]) },
  });
  const { initializers, outputs } = replaceHead(new Model(graph), 5).graph;
  expect(initializers.get("w")!.dims).toEqual([5, 2]);
  expect(outputs[0]!.shape).toEqual([1, 5, 4, 4]);
});

test("an output that no layer makes is refused by name", () => {
  const graph = graphOf([node("Relu", ["x"], ["y"])], { inputs: [value("x", [1, 2, 4, 4])] });
  expect(() => replaceHead(new Model(graph), 3)).toThrow(
    'Cannot give the network 3 classes: its output "y" comes from Relu "y", not from a Conv, ConvTranspose, Gemm or MatMul with weights of its own; name the layer\'s output as the output.',
  );
  expect(() => replaceHead(new Model(graph), 0)).toThrow("classes must be a positive whole number, got 0.");
});

test("what follows the last layer and leaves out classes is told", () => {
  const graph = graphOf([node("Conv", ["x", "w"], ["z"]), node("Slice", ["z", "one", "two", "one"], ["y"])], {
    inputs: [value("x", [1, 1, 4, 4])],
    outputs: [value("y", [1, 1, 4, 4])],
    initializers: { w: floatTensor([2, 1, 1, 1], [1, 2]), one: int64Tensor([1]), two: int64Tensor([2]) },
  });
  expect(() => replaceHead(new Model(graph), 3)).toThrow(
    /^Cannot give the network 3 classes: what follows its last layer makes \[1, 1, 4, 4\] of them; name that layer's output, "z"/,
  );
});
