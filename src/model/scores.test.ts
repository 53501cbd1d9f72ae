/** @file What a network's numbers mean, whatever it ends in. */

import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { graphOf, node } from "../../test/helpers/graphs.ts";
import { symbol } from "../graph/dim.ts";
import { type Graph, int, ints, str } from "../graph/graph.ts";
import { floatTensor, int64Tensor } from "../graph/tensor.ts";
import { lift, load, Model } from "./model.ts";
import { readNetwork, readScores } from "./scores.ts";

const at = (name: string): string => join(import.meta.dirname, "../../test/fixtures/ends", name);

/** As 3D networks. In all of them class 1 is what exceeds one half, unless they have three. */
async function network(name: string): Promise<Model> {
  const model = await load(at(name));
  return name.startsWith("2d/") ? lift(model) : model;
}

describe("files that end in", () => {
  test.each([
    ["3d/logit1", "logits", 1, 1],
    ["3d/logits2", "logits", 1, 2],
    ["3d/fp16", "logits", 1, 2],
    ["3d/uint8", "logits", 1, 2],
    ["3d/ndhwc", "logits", 4, 2],
    ["3d/logsoftmax2", "logits", 1, 2],
    ["3d/softmax2", "probabilities", 1, 2],
    ["3d/sigmoid1", "probabilities", 1, 1],
    ["3d/sigmoid1_cast", "probabilities", 1, 1],
    ["3d/sigmoid1_identity", "probabilities", 1, 1],
    ["3d/sigmoid3", "regions", 1, 3],
    ["3d/argmax", "labels", null, 1],
    ["3d/argmax_keep", "labels", 1, 1],
    ["2d/sigmoid_cast", "probabilities", 1, 1],
    ["2d/sigmoid_clip", "probabilities", 1, 1],
    ["2d/hardsigmoid", "probabilities", 1, 1],
    ["2d/fp16_io32", "probabilities", 1, 1],
    ["2d/softmax_cast", "probabilities", 1, 2],
    ["2d/softmax_old", "probabilities", 1, 2],
    ["2d/nhwc", "logits", 4, 2],
    ["2d/nhwc_sigmoid", "probabilities", 4, 1],
    ["2d/nhwc_softmax", "probabilities", 4, 2],
    ["2d/nchw_in_nhwc_out", "logits", 4, 2],
    ["2d/double", "logits", 1, 2],
    ["2d/regions3", "regions", 1, 3],
    ["2d/argmax3_keep", "labels", 1, 1],
  ])("%s: %s, also once lifted, saved and loaded", async (name, scores, axis, classes) => {
    const model = await network(`${name}.onnx`);
    for (const one of [model, await load(model.toBytes())]) {
      expect(readScores(one.graph)).toMatchObject({ scores, axis, classes, sure: true });
    }
    expect(readNetwork(model.graph).channelAxis).toBe(/\/nhwc/.test(name) ? 4 : 1);
  });
});

type Nodes = Parameters<typeof graphOf>[0];

/** Scores of `channels` classes, and what comes after them. */
function ending(nodes: Nodes, channels = 2, constants: Graph["initializers"] = new Map()): Model {
  const w = Float32Array.from({ length: channels }, (_, k) => k - 0.5);
  return new Model(
    graphOf([node("Conv", ["x", "w"], ["z"]), ...nodes], {
      inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 1, symbol("H"), symbol("W")] }],
      initializers: {
        w: floatTensor([channels, 1, 1, 1], w),
        one: floatTensor([], [1]),
        two: floatTensor([], [2]),
        half: floatTensor([], [0.5]),
        six: floatTensor([], [6]),
        three: floatTensor([], [3]),
        zero: floatTensor([], [0]),
        most: floatTensor([], [255]),
        classes: int64Tensor([1]),
        sizes: floatTensor([4], [1, 1, 2, 2]),
        first: int64Tensor([1]),
        last: int64Tensor([2]),
        ...Object.fromEntries(constants),
      },
    }),
  );
}

const softmax = node("Softmax", ["z"], ["p"], { axis: int(1) });
const sigmoid = node("Sigmoid", ["z"], ["p"]);
const resize = node("Resize", ["p", "", "sizes"], ["r"], { mode: str("linear") });
const toByte = { to: int(2) };
const toFloat = { to: int(1) };

describe("by-hand and roundabout endings", () => {
  test.each<[string, Nodes, number, string | undefined]>([
    [
      "1 / (1 + exp(−x))",
      [
        node("Neg", ["z"], ["n"]),
        node("Exp", ["n"], ["e"]),
        node("Add", ["e", "one"], ["s"]),
        node("Div", ["one", "s"], ["y"]),
      ],
      1,
      "probabilities",
    ],
    [
      "(tanh(x) + 1) / 2",
      [node("Tanh", ["z"], ["t"]), node("Add", ["t", "one"], ["s"]), node("Mul", ["s", "half"], ["y"])],
      3,
      "regions",
    ],
    [
      "ReLU6(x + 3) / 6",
      [
        node("Add", ["z", "three"], ["a"]),
        node("Clip", ["a", "zero", "six"], ["c"]),
        node("Div", ["c", "six"], ["y"]),
      ],
      1,
      "probabilities",
    ],
    [
      "softmax written out",
      [
        node("ReduceMax", ["z", "classes"], ["m"]),
        node("Sub", ["z", "m"], ["d"]),
        node("Exp", ["d"], ["e"]),
        node("ReduceSum", ["e", "classes"], ["s"]),
        node("Div", ["e", "s"], ["y"]),
      ],
      3,
      "probabilities",
    ],
    ["softmax, Resize, Cast", [softmax, resize, node("Cast", ["r"], ["y"], toFloat)], 3, "probabilities"],
    [
      "softmax, Clip away from 0 and 1, · 1",
      [softmax, node("Clip", ["p", "tiny", "nearly"], ["c"]), node("Mul", ["c", "one"], ["y"])],
      3,
      "probabilities",
    ],
    [
      "log softmax, exp",
      [node("LogSoftmax", ["z"], ["l"], { axis: int(1) }), node("Exp", ["l"], ["y"])],
      3,
      "probabilities",
    ],
    ["softmax, log", [softmax, node("Log", ["p"], ["y"])], 3, "logits"],
    [
      "the mean of two softmaxes",
      [softmax, node("Add", ["p", "p"], ["s"]), node("Div", ["s", "two"], ["y"])],
      3,
      "probabilities",
    ],
    [
      "softmax, one of two classes",
      [softmax, node("Slice", ["p", "first", "last", "classes"], ["y"])],
      2,
      "probabilities",
    ],
    [
      "1 − p and p",
      [sigmoid, node("Sub", ["one", "p"], ["q"]), node("Concat", ["q", "p"], ["y"], { axis: int(1) })],
      1,
      "probabilities",
    ],
    [
      "softmax, NHWC",
      [softmax, node("Transpose", ["p"], ["y"], { perm: ints([0, 2, 3, 1]) })],
      3,
      "probabilities",
    ],
    ["sigmoid, channel squeezed", [sigmoid, node("Squeeze", ["p", "classes"], ["y"])], 1, "probabilities"],
    [
      "sigmoid, rounded",
      [sigmoid, node("Round", ["p"], ["r"]), node("Cast", ["r"], ["y"], toByte)],
      1,
      "labels",
    ],
    ["x > 0", [node("Greater", ["z", "zero"], ["g"]), node("Cast", ["g"], ["y"], toByte)], 1, "labels"],
    [
      "arg max, Cast, Unsqueeze",
      [
        node("ArgMax", ["z"], ["a"], { axis: int(1), keepdims: int(0) }),
        node("Cast", ["a"], ["c"], toFloat),
        node("Unsqueeze", ["c", "classes"], ["y"]),
      ],
      3,
      "labels",
    ],
    ["scores limited on both sides", [node("Clip", ["z", "low", "six"], ["y"])], 3, "logits"],
    // What cannot be told
    [
      "sigmoid · 255 as bytes",
      [sigmoid, node("Mul", ["p", "most"], ["m"]), node("Cast", ["m"], ["y"], toByte)],
      1,
      undefined,
    ],
    [
      "softmax · 255 as bytes",
      [softmax, node("Mul", ["p", "most"], ["m"]), node("Cast", ["m"], ["y"], toByte)],
      3,
      undefined,
    ],
    ["sigmoid as bytes, which are 0", [sigmoid, node("Cast", ["p"], ["y"], toByte)], 1, undefined],
    ["softmax over a single class", [softmax, node("Identity", ["p"], ["y"])], 1, undefined],
    ["softmax over columns", [node("Softmax", ["z"], ["y"], { axis: int(3) })], 3, undefined],
    [
      "two of three classes of a softmax",
      [softmax, node("Slice", ["p", "first", "three64", "classes"], ["y"])],
      3,
      undefined,
    ],
    ["log sigmoid", [sigmoid, node("Log", ["p"], ["y"])], 1, undefined],
    ["a single score that is never negative", [node("Relu", ["z"], ["y"])], 1, undefined],
    [
      "class numbers, added to",
      [
        node("ArgMax", ["z"], ["a"], { axis: int(1) }),
        node("Cast", ["a"], ["c"], toFloat),
        node("Add", ["c", "one"], ["y"]),
      ],
      3,
      undefined,
    ],
    ["a power of probabilities", [softmax, node("Pow", ["p", "two"], ["y"])], 3, undefined],
  ] as never)("%s", (_, nodes, channels, scores) => {
    const constants = new Map([
      ["tiny", floatTensor([], [1e-7])],
      ["nearly", floatTensor([], [1 - 1e-7])],
      ["low", floatTensor([], [-6])],
      ["three64", int64Tensor([3])],
    ]);
    const flat = ending(nodes, channels, constants);
    expect(readScores(flat.graph).scores).toBe(scores);
    expect(readScores(lift(flat).graph).scores).toBe(scores);
  });
});

describe("what no layer and no activation makes of probabilities is not guessed", () => {
  const sigmoid = node("Sigmoid", ["z"], ["p"]);
  const softmax = node("Softmax", ["z"], ["p"], { axis: int(1) });
  const constants = new Map([
    ["scale", floatTensor([], [1 / 128])],
    ["weights", floatTensor([1, 3, 1, 1], [0, 1, 2])],
    ["mask", floatTensor([1, 1, 1, 1], [0.5])],
    ["mean", floatTensor([1, 1, 3, 3], new Float32Array(9).fill(1 / 9))],
    ["learned", floatTensor([1, 1, 3, 3], [1, -2, 1, 0, 3, 0, -1, 2, 1])],
    ["axis", int64Tensor([1])],
    ["k", int64Tensor([1])],
  ]);
  const filter = { pads: ints([1, 1, 1, 1]) };
  test.each<[string, Nodes, number, string | undefined]>([
    [
      "quantised there and back",
      [
        sigmoid,
        node("QuantizeLinear", ["p", "scale"], ["q"]),
        node("DequantizeLinear", ["q", "scale"], ["y"]),
      ],
      1,
      undefined,
    ],
    ["its norm", [sigmoid, node("ReduceL2", ["p", "axis"], ["y"])], 1, undefined],
    ["a mean filter", [sigmoid, node("Conv", ["p", "mean"], ["y"], filter)], 1, undefined],
    ["a learned filter", [sigmoid, node("Conv", ["p", "learned"], ["y"], filter)], 1, "logits"],
    [
      "a weighted sum",
      [softmax, node("Mul", ["p", "weights"], ["s"]), node("ReduceSum", ["s", "axis"], ["y"])],
      3,
      undefined,
    ],
    ["its square root", [softmax, node("Sqrt", ["p"], ["y"])], 3, undefined],
    [
      "times the image",
      [softmax, node("Sigmoid", ["z"], ["m"]), node("Mul", ["p", "m"], ["y"])],
      3,
      undefined,
    ],
    ["indices of TopK", [node("TopK", ["z", "k"], ["v", "y"], { axis: int(1) })], 3, undefined],
    [
      "two of two, joined again",
      [
        softmax,
        node("Split", ["p"], ["a", "b"], { axis: int(1) }),
        node("Concat", ["a", "b"], ["y"], { axis: int(1) }),
      ],
      2,
      undefined,
    ],
  ])("%s", (_, nodes, channels, scores) => {
    expect(readScores(ending(nodes, channels, constants).graph).scores).toBe(scores);
  });
});
