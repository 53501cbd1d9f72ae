/** @file Classes of whole scans: what the network sees, what its scores become, and measures of them. */

import { describe, expect, test } from "vitest";
import { volumeOf } from "../../test/helpers/data-folders.ts";
import { graphOf, node } from "../../test/helpers/graphs.ts";
import { symbol } from "../graph/dim.ts";
import { type Attrs, int } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { accuracy, confusionMatrix, recall, rocAuc } from "../metrics/index.ts";
import type { LabelledCase } from "./evaluate.ts";
import { Model } from "./model.ts";
import type { Task } from "./task.ts";

/** The mean m of the image, and scores w·m + b of each class; `end` after them. */
function network(
  w: readonly number[],
  b: readonly number[],
  {
    end,
    size = ["D", "H", "W"].map((name) => symbol(name)),
  }: { end?: string; size?: (number | ReturnType<typeof symbol>)[] } = {},
): Model {
  const attrs: Attrs = end === "Softmax" ? { axis: int(1) } : {};
  return new Model(
    graphOf(
      [
        node("GlobalAveragePool", ["x"], ["m"]),
        node("Flatten", ["m"], ["f"]),
        node("Gemm", ["f", "w", "b"], end ? ["s"] : ["y"], { transB: int(1) }),
        ...(end ? [node(end, ["s"], ["y"], attrs)] : []),
      ],
      {
        inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 1, ...size] }],
        outputs: [{ name: "y", dtype: "float32", shape: [symbol("N"), w.length] }],
        initializers: { w: floatTensor([w.length, 1], w), b: floatTensor([b.length], b) },
      },
    ),
  );
}

const RAW = { normalize: "none" } as const;
const flat = (value: number, shape: [number, number, number] = [2, 3, 4]) =>
  volumeOf(shape, () => value, "float32");
const task = (names: readonly string[], more: Task = {}): Task => ({
  classes: { names, values: names.map((_, k) => k) },
  ...more,
});

describe("classify", () => {
  test("gives names, probabilities and the most probable class", async () => {
    const model = network([1, 2, -1], [0, 0, 1]).withTask(task(["a", "b", "c"]));
    const { classes, probabilities, predicted } = await model.classify(flat(2), RAW);
    expect(classes).toEqual(["a", "b", "c"]);
    const scores = [2, 4, -1].map(Math.exp);
    const total = scores.reduce((x, y) => x + y);
    expect(probabilities).toBeAllClose(
      scores.map((x) => x / total),
      { rtol: 1e-6, atol: 0 },
    );
    expect(predicted).toBe(1);
  });

  test.each([
    ["a logit", undefined, 1 / (1 + Math.exp(-3))],
    ["a probability", "Sigmoid", 1 / (1 + Math.exp(-3))],
  ])("of a single score, %s, tells two classes apart", async (_, end, p) => {
    const model = network([1], [0], end === undefined ? {} : { end });
    const said = await model.classify(flat(3), RAW);
    expect(said.classes).toEqual(["0", "1"]);
    expect(said.probabilities).toBeAllClose([1 - p, p], { rtol: 1e-5, atol: 0 });
    expect(said.predicted).toBe(1);
    expect((await model.classify(flat(-3), RAW)).predicted).toBe(0);
  });

  test("does not apply a softmax twice", async () => {
    const plain = await network([1, 2], [0, 0]).classify(flat(1), RAW);
    const ended = await network([1, 2], [0, 0], { end: "Softmax" }).classify(flat(1), RAW);
    expect(ended.probabilities).toBeAllClose(plain.probabilities, { rtol: 1e-6, atol: 0 });
  });

  test("sees the middle of the scan, between zeros where it is smaller, with the task's intensities", async () => {
    // Two scores whose difference is the mean of what the network sees.
    const model = network([1, 0], [0, 0]).withTask(task(["a", "b"], { patch: [2, 4, 4] }));
    const mean = async (scan: ReturnType<typeof flat>, options = {}): Promise<number> => {
      const {
        probabilities: [a, b],
      } = await model.classify(scan, { ...RAW, ...options });
      return Math.log(a! / b!);
    };
    // Of 5 planes ⌊5/2⌋ − 1 = 1 and 2 are seen; of 3 rows and columns all, and one of zeros in front.
    const scan = volumeOf([5, 3, 3], (d) => d, "float32");
    expect(await mean(scan)).toBeCloseTo((1.5 * 9) / 16, 5);
    // All of it where nothing says how much.
    const open = network([1, 0], [0, 0]);
    const {
      probabilities: [a, b],
    } = await open.classify(scan, RAW);
    expect(Math.log(a! / b!)).toBeCloseTo(2, 5);
    // Intensities are measured on the whole scan, and what lies around it is 0 after them.
    expect(await mean(scan, { normalize: "minmax" })).toBeCloseTo((0.375 * 9) / 16, 5);
    // At twice the spacing the same voxels reach twice as far.
    const squares = volumeOf([4, 8, 8], (_d, _h, w) => w * w, "float32");
    expect(await mean(squares)).toBeCloseTo((4 + 9 + 16 + 25) / 4, 4);
    expect(await mean(squares, { spacing: [1, 2, 2] })).toBeCloseTo((0.5 + 6.5 + 20.5 + 42.5) / 4, 4);
    expect(
      await mean(
        volumeOf([5, 2, 2], () => 7, "float32"),
        { patch: [2, 2, 2] },
      ),
    ).toBeCloseTo(7, 5);
  });

  test("keeps to the network's own size", async () => {
    const model = network([1, 0], [0, 0], { size: [2, 2, 2] });
    const scan = volumeOf([2, 2, 6], (_d, _h, w) => w, "float32");
    const {
      probabilities: [a, b],
    } = await model.classify(scan, RAW);
    expect(Math.log(a! / b!)).toBeCloseTo(2.5, 5);
    await expect(model.classify(scan, { ...RAW, patch: [2, 2, 4] })).rejects.toThrow(
      /^The model takes scans of \[2, 2, 2\] voxels, not \[2, 2, 4\]/,
    );
  });

  test("refuses what is no classifier, and predict what is one", async () => {
    await expect(network([1, 0], [0, 0]).predict(flat(1))).rejects.toThrow(
      /needs an output with a score for every voxel, .* this model gives "y" \[.*\], the scores of a classifier: use classify, or acsconv predict with a table as its output, -o scores\.csv\.$/,
    );
    await expect(network([1, 0], [0, 0], { end: "Sigmoid" }).classify(flat(1))).rejects.toThrow(
      /gives a probability to each class by itself, so that a scan may have several/,
    );
    const shape = [symbol("N"), 1, symbol("D"), symbol("H"), symbol("W")];
    const voxels = new Model(
      graphOf([node("Relu", ["x"], ["y"])], {
        inputs: [{ name: "x", dtype: "float32", shape }],
        outputs: [{ name: "y", dtype: "float32", shape }],
      }),
    );
    await expect(voxels.classify(flat(1))).rejects.toThrow(
      /scores of the whole scan, \[N, K\]; .*scores of every voxel: use predict\.$/,
    );
    const named = network([1, 0], [0, 0]).withTask(task(["a", "b", "c"]));
    await expect(named.classify(flat(1))).rejects.toThrow(/gives 2 scores .*its task names 3 classes/);
  });
});

describe("evaluate", () => {
  const labels = ["a", "b", "c"];
  const metrics = () => [
    accuracy({ classes: labels }),
    rocAuc({ classes: labels }),
    recall({ classes: labels }),
    confusionMatrix({ classes: labels }),
  ];
  /** Scores (m, 0, −m): a above 0, c below; b never, but as probable as both at 0. */
  const model = (names: readonly string[], order = [0, 1, 2]): Model =>
    network(
      order.map((k) => [1, 0, -1][k]!),
      order.map((k) => [0, 0.5, 0][k]!),
    ).withTask(task(order.map((k) => names[k]!)));
  const values = [2, 1, -3, 0.2, -1, 3];
  const truth = [0, 1, 2, 1, 0, 0];
  const cases = values.map((value, i): LabelledCase => ({
    name: `scan ${i}`,
    image: flat(value),
    label: truth[i]!,
  }));

  test("gives what is computed by hand, in the labels' order whatever the network's is", async () => {
    const { metrics: found, cases: each } = await model(labels).evaluate(cases, { ...RAW, labels, metrics });
    // Predicted: a, a, c, b, c, a.
    expect(each.map(({ classification }) => classification!.predicted)).toEqual([0, 0, 2, 1, 2, 0]);
    expect(each.map(({ classification }) => classification!.truth)).toEqual(truth);
    expect(found).toMatchObject({
      accuracy: 4 / 6,
      recall: (2 / 3 + 1 / 2 + 1) / 3,
      "recall.a": 2 / 3,
      "confusion.a as c": 1,
      "confusion.b as a": 1,
      // a: {2, −1, 3} against {1, −3, 0.2}: 3 + 1 + 3 of 9
      "auc.a": 7 / 9,
      // b is the more probable the nearer to 0: {1, 0.2} against {2, 3, −1, 3}, of which −1 is as near as 1
      "auc.b": 7.5 / 8,
      "auc.c": 1,
      auc: (7 / 9 + 7.5 / 8 + 1) / 3,
    });
    const turned = await model(labels, [2, 0, 1]).evaluate(cases, { ...RAW, labels, metrics });
    expect(turned.metrics).toEqual(found);
    expect(turned.cases.map(({ classification }) => classification!.probabilities)).toEqual(
      each.map(({ classification }) => classification!.probabilities),
    );
  });

  test("of a single score in the other order turns it round", async () => {
    const two = ["no", "yes"];
    const pair = cases.slice(0, 3).map((one, i) => ({ ...one, label: [1, 1, 0][i]! }));
    const of = { ...RAW, labels: two, metrics: () => [accuracy({ classes: two }), rocAuc({ classes: two })] };
    const right = await network([1], [0]).withTask(task(two)).evaluate(pair, of);
    expect(right.metrics).toMatchObject({ accuracy: 1, auc: 1 });
    const turned = await network([-1], [0])
      .withTask(task(["yes", "no"]))
      .evaluate(pair, of);
    expect(turned.metrics).toEqual(right.metrics);
    expect(turned.cases[0]!.classification!.probabilities).toBeAllClose(
      right.cases[0]!.classification!.probabilities,
      { rtol: 1e-6, atol: 0 },
    );
    const ended = await network([-1], [0], { end: "Sigmoid" })
      .withTask(task(["yes", "no"]))
      .evaluate(pair, of);
    expect(ended.metrics).toEqual(right.metrics);
  });

  test("the first class of scans is no background that goes by many names", async () => {
    const other = model(["none", "b", "c"]).evaluate(cases, { ...RAW, labels, metrics });
    await expect(other).rejects.toThrow(/tells the classes none, b, c apart, and the labels have a, b, c/);
  });

  test("refuses other classes, and labels of voxels", async () => {
    const evaluate = (more: object) => model(labels).evaluate(cases, { ...RAW, labels, metrics, ...more });
    await expect(evaluate({ labels: ["a", "b", "d"] })).rejects.toThrow(/both need the same names/);
    await expect(network([1, 0], [0, 0]).evaluate(cases, { ...RAW, labels, metrics })).rejects.toThrow(
      /Case "scan 0": the network tells 2 classes apart, and there are labels of 3 \(a, b, c\)/,
    );
    const label = volumeOf([2, 3, 4], () => 0) as never;
    await expect(
      model(labels).evaluate([{ name: "x", image: flat(1), label }], { ...RAW, labels, metrics }),
    ).rejects.toThrow(/scores of a classifier/);
  });
});
