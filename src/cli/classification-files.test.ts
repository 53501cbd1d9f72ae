/** @file Classification by what lies in files: which of them are scans, which of them are left out, and what is no class. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ended, acsconv } from "../../test/helpers/command-line.ts";
import { folderOf, volumeOf } from "../../test/helpers/data-folders.ts";
import { node } from "../../test/helpers/graphs.ts";
import { shapeClassifier } from "../../test/helpers/shapes.ts";
import { symbol } from "../graph/dim.ts";
import { int } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { type Model, load, Model as AnyModel } from "../index.ts";

let root: string;
const at = (...names: string[]): string => join(root, ...names);
const run = (text: string): Promise<Ended> =>
  acsconv(...text.split(" ").map((word) => (word.startsWith("@") ? at(word.slice(1)) : word)));
const rows = (name: string): string[] =>
  readFileSync(at(name), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",")[0]!);

const scan = (value: number) => volumeOf([6, 6, 6], (d, h, w) => d * value + h * w);
/** A network of grey or colour images. */
function inColour(): Model {
  const { graph } = shapeClassifier(2, 2);
  const initializers = new Map(graph.initializers);
  initializers.set(
    "first.weight",
    floatTensor(
      [2, 3, 3, 3],
      Array.from({ length: 54 }, (_, i) => Math.sin(i)),
    ),
  );
  const [x] = graph.inputs;
  return new AnyModel({
    ...graph,
    initializers,
    inputs: [{ ...x!, shape: [symbol("N"), 3, symbol("H"), symbol("W")] }],
  });
}
const withOutput = (model: Model, op: string, shape: readonly unknown[], attributes = {}): Model =>
  new AnyModel({
    ...model.graph,
    nodes: [...model.graph.nodes, node(op, ["y"], ["end"], attributes)],
    outputs: [{ name: "end", dtype: "float32", shape: shape as never }],
  });

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "acsconv-class-files-"));
  const names = [
    "a/s_0000.npy",
    "a/s_0001.npy",
    "a/s_0002.npy",
    "a/s_0003.npy",
    "b/s_0000.npy",
    "b/t_0000.npy",
  ];
  await folderOf(Object.fromEntries(names.map((name, i) => [name, scan(i + 1)])), at("data"));
  await inColour().save(at("colour.onnx"));
  await shapeClassifier(2, 2).save(at("grey.onnx"));
  const { code, stderr } = await run("train --model @colour.onnx --data @data -o @run --epochs 1 --quiet");
  if (code !== 0) throw new Error(stderr);
}, 60_000);
afterAll(() => rmSync(root, { recursive: true }));

describe("files are scans as they were in training", () => {
  test("numbered ones of a network that one channel feeds, too", async () => {
    expect((await load(at("run/model.onnx"))).task?.channels).toEqual(["image"]);
    const files = [0, 1, 2].map((i) => `@data/a/s_000${i}.npy`);
    const ended = await run(`predict @run/model.onnx ${files.join(" ")} -o @s.csv --quiet`);
    expect(ended).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(rows("s.csv")).toEqual([0, 1, 2].map((i) => at(`data/a/s_000${i}.npy`)));
  });

  test("a network that does not say is told of", async () => {
    const lifted = (await load(at("run/model.onnx"))).withTask(undefined);
    await lifted.save(at("untold.onnx"));
    const ended = await run("predict @untold.onnx @data/a -o @u.csv --quiet");
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(
      /does not say whether it was trained on several channels, so ".*s_0000\.npy"/,
    );
    expect(rows("u.csv")).toHaveLength(4);
    const evaluated = await run("evaluate --model @untold.onnx --data @data");
    expect(evaluated.stderr).toMatch(/names no classes, and its outputs are taken as a, b, in this order/);
  });

  test("a folder of class folders is its scans", async () => {
    const ended = await run("predict @run/model.onnx @data -o @all.csv --quiet");
    expect(ended).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(rows("all.csv")).toHaveLength(6);
    expect(rows("all.csv")[0]).toBe(at("data/a/s_0000.npy"));
  });
});

test("files that are no scans are left out with a warning", async () => {
  await folderOf(
    { "a/1.npy": scan(1), "a/2.hdr": "", "a/2.img": "", "a/README": "", "a/x.txt": "", "b/1.npy": scan(3) },
    at("mixed"),
  );
  const ended = await run("evaluate --model @run/model.onnx --data @mixed --quiet");
  expect(ended.code).toBe(0);
  expect(ended.stderr).toMatch(
    /holds 2 files that are no scan that we read, and left out, such as ".*2\.hdr"/,
  );
  expect(ended.stderr).not.toContain("README");
});

test("scores that are no numbers are no class", async () => {
  const model = await load(at("run/model.onnx"));
  const initializers = new Map(model.graph.initializers);
  initializers.set("head.bias", floatTensor([2], [Number.NaN, 0]));
  await new AnyModel({ ...model.graph, initializers }).save(at("nan.onnx"));
  const predicted = await run("predict @nan.onnx @data/a/s_0000.npy -o @nan.csv");
  expect(predicted.code).toBe(2);
  expect(predicted.stderr).toMatch(/scores of ".*s_0000\.npy" are no numbers \(NaN\)/);
  const evaluated = await run("evaluate --model @nan.onnx --data @data");
  expect(evaluated.code).toBe(2);
  expect(evaluated.stderr).toMatch(/scores of "a\/s_0000\.npy" are no numbers/);
});

test.each(["train --epochs 1 --validation 0.5 -o @none", "evaluate"])(
  "%s: no metrics of voxels",
  async (command) => {
    const ended = await run(`${command} --model @run/model.onnx --data @data --metrics dice,iou`);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(
      /"dice" measures labels of voxels, .* choose among accuracy, recall, confusionMatrix, rocAuc/,
    );
  },
);

test("a run goes on with its own cases only", async () => {
  await folderOf({ "a/1.npy": scan(1), "a/2.npy": scan(2), "b/3.npy": scan(3) }, at("before"));
  const train = "--model @grey.onnx -o @going --quiet --batch 1";
  expect(await run(`train ${train} --data @before --epochs 1`)).toMatchObject({ code: 0 });
  // The same files in each other's place.
  await folderOf({ "a/1.npy": scan(1), "b/2.npy": scan(2), "b/3.npy": scan(3) }, at("after"));
  const ended = await run(`train ${train} --data @after --epochs 2 --resume`);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(/began with other cases, or cases of other classes or parts/);
  expect(await run(`train ${train} --data @before --epochs 2 --resume`)).toMatchObject({ code: 0 });
  // As older versions left them.
  rmSync(at("going/data.json"));
  expect(await run(`train ${train} --data @after --epochs 3 --resume`)).toMatchObject({ code: 0 });
});

describe("before anything is made", () => {
  test.each<[string, () => Model, RegExp]>([
    [
      "2D networks",
      () => shapeClassifier(2, 2),
      /^[^\n]*This is a 2D network \("x" is .*lift it first[^\n]*\n$/,
    ],
    [
      "scores without an axis of their own",
      () => {
        const { graph } = withOutput(shapeClassifier(1, 2), "ReduceMax", [symbol("N")], { keepdims: int(0) });
        const [x] = graph.inputs;
        return new AnyModel({ ...graph, inputs: [{ ...x!, shape: [symbol("N"), 1, 6, 6, 6] }] });
      },
      /this model gives "end" \[N\]: export it without the squeeze/,
    ],
  ])("%s are refused, once", async (_, make, message) => {
    await make().save(at("odd.onnx"));
    const ended = await run("predict @odd.onnx @data/a -o @odd/y.csv --quiet");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(message);
    expect(existsSync(at("odd"))).toBe(false);
  });

  test("layouts that the input contradicts", async () => {
    const ended = await run("predict @run/model.onnx @data/a -o @l.csv --layout channels-last --quiet");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(
      /said to be channels-last, and "x" is \[.*, 3, .*\], whose channels are first/,
    );
  });

  test("validation data that are trained on", async () => {
    const ended = await run("train --model @grey.onnx --data @data --validation @data --epochs 1 --dry-run");
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/validation data are those that are trained on/);
  });
});

test("one class is enough to measure a network that names its classes, and for nothing else", async () => {
  await folderOf({ "B/1.npy": scan(1), "B/2.npy": scan(2) }, at("one"));
  expect(await run("evaluate --model @run/model.onnx --data @one --out @one.json --quiet")).toMatchObject({
    code: 0,
  });
  expect(JSON.parse(readFileSync(at("one.json"), "utf8"))).toMatchObject({
    cases: [{ class: "b" }, { class: "b" }],
  });
  for (const command of [
    "train --model @grey.onnx -o @none",
    "train --model @run/model.onnx -o @none",
    "evaluate --model @grey.onnx",
  ]) {
    const ended = await run(`${command} --data @one`);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/have one class only, "b": to tell classes apart takes two at least/i);
  }
});

test("a network keeps the numbers of its classes where data have fewer", async () => {
  await folderOf({ "2/1.npy": scan(1), "10/2.npy": scan(2), "30/3.npy": scan(3) }, at("three"));
  await folderOf({ "10/2.npy": scan(2), "30/3.npy": scan(3) }, at("two"));
  await shapeClassifier(3, 2).save(at("net3.onnx"));
  const more = "--batch 1 --epochs 1 --quiet";
  expect(await run(`train --model @net3.onnx --data @three -o @r3 ${more}`)).toMatchObject({ code: 0 });
  expect(await run(`train --model @r3/model.onnx --data @two -o @r2 ${more}`)).toMatchObject({ code: 0 });
  expect((await load(at("r2/model.onnx"))).task?.classes?.names).toEqual(["2", "10", "30"]);
  // Outputs without names are numbers.
  await (await load(at("r3/model.onnx"))).withTask(undefined).save(at("plain3.onnx"));
  await folderOf({ "0/2.npy": scan(2), "2/3.npy": scan(3) }, at("numbers"));
  const ended = await run("evaluate --model @plain3.onnx --data @numbers");
  expect(ended).toMatchObject({ code: 0 });
  expect(ended.stderr).toMatch(/taken as 0, 1, 2, in this order/);
});

test("probabilities of each class by itself are no classes to train", async () => {
  const lifted = await load(at("run/model.onnx"));
  await withOutput(lifted.withTask(undefined), "Sigmoid", [symbol("N"), 2]).save(at("sigmoid.onnx"));
  const ended = await run("train --model @sigmoid.onnx --data @data --validation 0.5 -o @none");
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(
    /export the network without its sigmoid, so that it ends in one number for each class/,
  );
});
