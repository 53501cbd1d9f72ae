/** @file Networks that know their task: what predict writes, and what evaluate compares. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { graphOf, node } from "../../test/helpers/graphs.ts";
import { symbol } from "../graph/dim.ts";
import { floatTensor } from "../graph/tensor.ts";
import { Model } from "../model/model.ts";
import type { Task } from "../model/task.ts";
import { plainGrid, readVolume, withData, writeVolume } from "../volume/index.ts";
import { exitCodeOf } from "./errors.ts";
import { createProgram } from "./program.ts";

let folder: string;
let [stdout, stderr] = ["", ""];
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "acsconv-evaluate-"));
  stdout = stderr = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => ((stdout += String(text)), true));
  vi.spyOn(process.stderr, "write").mockImplementation((text) => ((stderr += String(text)), true));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

async function acsconv(...args: string[]): Promise<number> {
  return createProgram()
    .parseAsync(["node", "acsconv", ...args])
    .then(() => 0, exitCodeOf);
}

const LABELS = [0, 1, 4] as const;
const TASK: Task = {
  scores: "logits",
  classes: { names: ["background", "a", "b"], values: [...LABELS] },
  patch: [4, 4, 4],
  preparation: { window: [0, 200], spacing: [2, 2, 2] },
};

/**
 * Scores of three classes of x from 0 to 1: the first below 1/4, the second up to 3/4, the third above.
 *
 * @param order - which of them each channel is
 */
async function saveModel(task: Task | undefined, order = [0, 1, 2]): Promise<void> {
  const graph = graphOf([node("Conv", ["x", "w", "b"], ["y"])], {
    inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 1, symbol("D"), symbol("H"), symbol("W")] }],
    outputs: [
      { name: "y", dtype: "float32", shape: [symbol("N"), 3, symbol("D"), symbol("H"), symbol("W")] },
    ],
    initializers: {
      w: floatTensor(
        [3, 1, 1, 1, 1],
        order.map((k) => [0, 4, 8][k]!),
      ),
      b: floatTensor(
        [3],
        order.map((k) => [0, -1, -4][k]!),
      ),
    },
  });
  await new Model(graph).withTask(task).save(at("model.onnx"));
}

/** A scan in three slabs of 0, 100 and 200 at 2 mm, and its labels. */
async function saveData(names: readonly string[], values: readonly number[] = LABELS): Promise<Uint8Array> {
  await mkdir(at("data/imagesTr"), { recursive: true });
  await mkdir(at("data/labelsTr"), { recursive: true });
  const slab = (i: number): number => Math.floor(i / 128);
  const grid = plainGrid([6, 8, 8], [2, 2, 2]);
  await writeVolume(
    withData(
      grid,
      Int16Array.from({ length: 384 }, (_, i) => 100 * slab(i)),
    ),
    at("data/imagesTr/c_0000.nii"),
  );
  // The k-th name stands for the k-th slab by its own value.
  const label = Uint8Array.from({ length: 384 }, (_, i) => values[slab(i)]!);
  await writeVolume(withData(grid, label), at("data/labelsTr/c.nii"));
  const labels = Object.fromEntries(names.map((name, k) => [name, values[k]]));
  const json = { channel_names: { 0: "CT" }, labels, numTraining: 1, file_ending: ".nii" };
  await writeFile(at("data/dataset.json"), JSON.stringify(json));
  return label;
}

const predict = (...more: string[]): Promise<number> =>
  acsconv(
    "predict",
    at("model.onnx"),
    at("data/imagesTr/c_0000.nii"),
    "-o",
    at("out.nii"),
    "--no-preview",
    ...more,
  );
const evaluate = (...more: string[]): Promise<number> =>
  acsconv("evaluate", "--model", at("model.onnx"), "--data", at("data"), "--out", at("r.json"), ...more);

describe("predict", () => {
  test("writes the data set's labels, names them, and prepares scans as the model was trained", async () => {
    const label = await saveData(["background", "a", "b"]);
    await saveModel(TASK);
    expect(await predict(), stderr).toBe(0);
    expect((await readVolume(at("out.nii"))).data).toEqual(label);
    expect(stdout).toMatch(/^ +label +class +voxels/m);
    expect(stdout).toMatch(/^ +4 +b +128 /m);
    expect(stdout).toMatch(/^ {2}as the model was trained: spacing 2 × 2 × 2, window 0 × 200$/m);
    expect(stdout).toMatch(/windows of \[4, 4, 4\] voxels, intensities: 0 to 200 as 0 to 1/);
  });

  test("says what a flag changes of that, and numbers classes where nothing names them", async () => {
    await saveData(["background", "a", "b"]);
    await saveModel(TASK);
    expect(await predict("--window", "0,400"), stderr).toBe(0);
    expect(stdout).toMatch(/window 0 × 400 as asked for, where the model was trained with 0 × 200$/m);
    expect(new Set((await readVolume(at("out.nii"))).data)).toEqual(new Set([0, 1]));
    await saveModel(undefined);
    expect(await predict("--window", "0,200"), stderr).toBe(0);
    expect(new Set((await readVolume(at("out.nii"))).data)).toEqual(new Set([0, 1, 2]));
  });

  test("needs more than a byte for large labels", async () => {
    await saveData(["background", "a", "b"]);
    await saveModel({ ...TASK, classes: { names: ["background", "a", "b"], values: [0, 1, 1000] } });
    expect(await predict(), stderr).toBe(0);
    const { data } = await readVolume(at("out.nii"));
    expect([data.constructor, data.at(-1)]).toEqual([Uint16Array, 1000]);
  });

  test("of regions writes a mask each, with a picture, and of scores that cannot be told says so", async () => {
    await saveData(["background", "a", "b"]);
    await saveModel({ ...TASK, classes: { names: ["x", "y", "z"], values: [0, 1, 2] }, scores: "regions" });
    const picture = ["--preview", at("p.png")];
    const scan = at("data/imagesTr/c_0000.nii");
    expect(await acsconv("predict", at("model.onnx"), scan, "-o", at("m.nii"), ...picture), stderr).toBe(0);
    const masks = await readVolume(at("m.nii"));
    expect(masks.channels).toBe(3);
    // Scores 0, 4x − 1 and 8x − 4 above one half.
    const share = (k: number): number =>
      masks.data.subarray(384 * k, 384 * (k + 1)).filter((v) => v > 0).length;
    expect([share(0), share(1), share(2)]).toEqual([0, 256, 128]);
    expect(stdout).toMatch(/^ +mask +class +voxels/m);
    expect((await readFile(at("p.png"))).length).toBeGreaterThan(100);
  });

  test("does not believe a broken task", async () => {
    await saveData(["background", "a", "b"]);
    await saveModel(undefined);
    const { graph } = await import("../index.ts").then(({ load }) => load(at("model.onnx")));
    await new Model({
      ...graph,
      metadata: new Map([["acsconv.task", '{"version":1,"patch":"large"}']]),
    }).save(at("model.onnx"));
    expect(await predict()).toBe(2);
    expect(stderr).toMatch(
      /^acsconv: The task in the model's metadata .* as "patch", not "large"[^\n]*\.\n$/,
    );
  });
});

describe("evaluate", () => {
  test.each<[string, readonly string[], readonly number[]]>([
    ["in the same order", ["background", "a", "b"], [0, 1, 4]],
    ["in another order", ["background", "b", "a"], [0, 1, 2]],
    ["with other gaps and background by another name", ["Rest", "a", "b"], [0, 7, 9]],
  ])("matches classes by name: %s", async (_, names, values) => {
    await saveData(names, values);
    // The k-th slab is the data set's k-th class: the model's classes follow by their names.
    const model = ["background", "a", "b"];
    const order = model.map((name, k) => (k === 0 ? 0 : names.indexOf(name)));
    await saveModel(TASK, order);
    expect(await evaluate("--metrics", "dice,rocAuc"), stderr).toBe(0);
    const { metrics } = JSON.parse(await readFile(at("r.json"), "utf8")) as {
      metrics: Record<string, number>;
    };
    expect(metrics).toMatchObject({ dice: 1, "dice.a": 1, "dice.b": 1, auc: 1 });
    expect(stderr).toMatch(/^as the model was trained: spacing 2 × 2 × 2, window 0 × 200$/m);
  });

  test.each([
    [
      ["background", "a", "c"],
      /tells the classes background, a, b apart, and the labels have background, a, c/,
    ],
    [["background", "a"], /3 classes apart and the data set has 2/],
  ])("refuses data with other classes: %j", async (names, message) => {
    await saveData(names, [0, 1, 1 + names.length].slice(0, 3));
    await saveModel(TASK);
    if (names.length === 2) await saveData(names, [0, 1, 1]);
    expect(await evaluate("-q")).toBe(2);
    expect(stderr).toMatch(message);
  });

  test("says what a flag changes; a file without a task is prepared as config.json beside it says", async () => {
    await saveData(["background", "a", "b"]);
    await saveModel(TASK);
    expect(await evaluate("--window", "0,400", "--spacing", "2"), stderr).toBe(0);
    expect(stderr).toMatch(/^window 0 × 400 as asked for, where the model was trained with 0 × 200$/m);
    expect(stderr).not.toMatch(/spacing .* as asked for/);
    await saveModel(undefined);
    await writeFile(at("config.json"), JSON.stringify({ model: "m", data: "d", window: [0, 200] }));
    expect(await evaluate(), stderr).toBe(0);
    expect(stderr).toMatch(/^prepared as ".*config\.json" says, because the network's file does not$/m);
    const { metrics } = JSON.parse(await readFile(at("r.json"), "utf8")) as {
      metrics: Record<string, number>;
    };
    expect(metrics["dice"]).toBe(1);
  });
});
