/** @file Classifying whole scans from the command line: the same data in three layouts give the same numbers. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ended, acsconv } from "../../test/helpers/command-line.ts";
import { folderOf, volumeOf } from "../../test/helpers/data-folders.ts";
import {
  SHAPES,
  saveAsArchive,
  saveAsFolders,
  saveAsTable,
  shapeClassifier,
  shapes,
} from "../../test/helpers/shapes.ts";
import { symbol } from "../graph/dim.ts";
import { load, Model } from "../index.ts";
import { readLog } from "../train/log.ts";
import { readVolume } from "../volume/index.ts";

let root: string;
const at = (...names: string[]): string => join(root, ...names);
const run = (text: string): Promise<Ended> =>
  acsconv(...text.split(" ").map((word) => (word.startsWith("@") ? at(word.slice(1)) : word)));
const all = shapes({ train: 8, val: 4, test: 6 }, 10);
const DATA = { folders: "@folders", table: "@table/table.csv", archive: "@set.npz" } as const;
const LAYOUTS = Object.keys(DATA) as (keyof typeof DATA)[];
const TRAIN = "--batch 4 --epochs 1 --lr 0.01 --seed 3 --quiet";
const json = (name: string) =>
  JSON.parse(readFileSync(at(name), "utf8")) as {
    metrics: Record<string, number>;
    cases: { name: string; class: string; predicted: string; probabilities: Record<string, number> }[];
  };

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "acsconv-classes-"));
  await saveAsFolders(all, at("folders"));
  await saveAsTable(all, at("table"));
  saveAsArchive(all, at("set.npz"));
  await shapeClassifier(2, 3).save(at("net.onnx"));
  for (const layout of LAYOUTS) {
    const { code, stderr } = await run(
      `train --model @net.onnx --data ${DATA[layout]} -o @run-${layout} ${TRAIN}`,
    );
    if (code !== 0 || stderr !== "") throw new Error(stderr);
  }
}, 60_000);
afterAll(() => rmSync(root, { recursive: true }));

describe("three layouts of the same data", () => {
  const eventsOf = (layout: string): unknown[] =>
    readLog(at(`run-${layout}`, "log.jsonl")).flatMap((event) =>
      event.type === "step"
        ? [event.loss]
        : event.type === "epoch"
          ? [event.loss, Object.values(event.metrics)]
          : [],
    );

  test("train to the same bits, with their own names of the classes", async () => {
    const events = eventsOf("folders");
    expect(events).toHaveLength(2 + 2);
    for (const layout of LAYOUTS) expect(eventsOf(layout)).toEqual(events);
    const models = await Promise.all(LAYOUTS.map((layout) => load(at(`run-${layout}`, "model.onnx"))));
    const [first, second, third] = models;
    expect(second!.graph.initializers).toEqual(first!.graph.initializers);
    expect(third!.graph.initializers).toEqual(first!.graph.initializers);
    expect(first!.task).toMatchObject({
      classes: { names: SHAPES, values: [0, 1] },
      patch: [10, 10, 10],
      preparation: { normalize: "zscore" },
    });
    expect(third!.task!.classes).toEqual({ names: ["0", "1"], values: [0, 1] });
    const config = JSON.parse(readFileSync(at("run-table", "config.json"), "utf8")) as object;
    expect(config).toMatchObject({
      loss: "crossEntropy",
      metrics: ["accuracy", "rocAuc"],
      size: [10, 10, 10],
    });
    expect(config).not.toHaveProperty("patchesPerCase");
    const page = readFileSync(at("run-folders", "report.html"), "utf8");
    expect(page).toMatch(/val\/ball\/\d{4}\.npy: (ball|box), and is ball/);
  });

  test("evaluate and predict the part to test with, to the same numbers", async () => {
    const results: ReturnType<typeof json>[] = [];
    for (const layout of LAYOUTS) {
      const out = `@${layout}.json`;
      const model = `@run-${layout}/model.onnx`;
      const ended = await run(`evaluate --model ${model} --data ${DATA[layout]} --out ${out}`);
      expect(ended).toMatchObject({ code: 0 });
      expect(ended.stdout).toContain("scans that are");
      results.push(json(`${layout}.json`));
    }
    const [folders, table, archive] = results;
    const values = (one: (typeof results)[number]) => [
      Object.values(one.metrics),
      one.cases.map(({ probabilities }) => Object.values(probabilities)),
    ];
    expect(folders!.cases).toHaveLength(6);
    expect(folders!.metrics).toHaveProperty("accuracy");
    expect(folders!.metrics).toHaveProperty("auc");
    expect(folders!.metrics).toHaveProperty("recall.box");
    expect(values(table!)).toEqual(values(folders!));
    expect(values(archive!)).toEqual(values(folders!));
    // By hand.
    const right = folders!.cases.filter((one) => one.class === one.predicted).length;
    expect(folders!.metrics["accuracy"]).toBe(right / 6);

    // The same probabilities by predict, in a table, and by the library.
    const files = folders!.cases.map(({ name }) => `@folders/${name}`);
    expect(await run(`predict @run-folders/model.onnx ${files.join(" ")} -o @s.csv --quiet`)).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
    const rows = readFileSync(at("s.csv"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(","));
    expect(rows[0]).toEqual(["file", "class", "ball", "box"]);
    expect(rows.slice(1).map(([file, predicted, ...p]) => [file, predicted, ...p.map(Number)])).toEqual(
      folders!.cases.map(({ name, predicted, probabilities }) => [
        at("folders", name),
        predicted,
        ...Object.values(probabilities),
      ]),
    );
    const model = await load(at("run-folders/model.onnx"));
    const said = await model.classify(await readVolume(at("folders", folders!.cases[0]!.name)));
    expect(said.probabilities).toEqual(Object.values(folders!.cases[0]!.probabilities));

    const shown = await run("predict @run-archive/model.onnx @set.npz -o @t.csv");
    expect(shown.stdout).toMatch(/test\/5 +[01] +[01]\.\d{4}\nwrote /);
    expect(await run("predict @run-folders/model.onnx @table/table.csv -o @u.csv --quiet")).toMatchObject({
      code: 0,
    });
    expect(readFileSync(at("u.csv"), "utf8").replaceAll(/^[^,]*,/gm, "")).toBe(
      readFileSync(at("s.csv"), "utf8").replaceAll(/^[^,]*,/gm, ""),
    );
    const archived = readFileSync(at("t.csv"), "utf8").trim().split("\n").slice(1);
    expect(archived.map((line) => line.split(",").slice(2).map(Number))).toEqual(
      rows.slice(1).map((row) => row.slice(2).map(Number)),
    );
  });

  test("other parts are named; a model of one is measured on another by the names of classes", async () => {
    const model = "--model @run-folders/model.onnx";
    expect(
      await run(`evaluate ${model} --data @table/table.csv --split val --out @val.json --quiet`),
    ).toMatchObject({
      code: 0,
    });
    const last = readLog(at("run-folders", "log.jsonl")).findLast(
      (event) => event.type === "epoch" && event.best,
    );
    // What validation said while training.
    expect(json("val.json").metrics).toMatchObject((last as { metrics: object }).metrics);
    const other = await run(`evaluate ${model} --data @set.npz`);
    expect(other).toMatchObject({ code: 2 });
    expect(other.stderr).toMatch(
      /has the classes 0, 1, and the network has ball, box: "0" and "1" are not among them/,
    );
  });
});

describe("what the command refuses, and what to do", () => {
  test("networks and data of different kinds", async () => {
    const label = volumeOf([10, 10, 10], (d) => (d > 4 ? 1 : 0));
    await folderOf(
      {
        "x.npy": all[0]!.scan,
        "l.npy": label,
        "dataset.json": {
          labels: { 0: "no", 1: "yes" },
          modality: { 0: "MR" },
          training: [{ image: "x.npy", label: "l.npy" }],
        },
      },
      at("voxels"),
    );
    const { graph } = shapeClassifier(2, 3);
    const map = [symbol("N"), 3, symbol("A"), symbol("B")];
    await new Model({
      ...graph,
      nodes: graph.nodes.slice(0, 1),
      outputs: [{ name: "a", dtype: "float32", shape: map }],
    }).save(at("maps.onnx"));
    for (const command of ["train", "evaluate"]) {
      const more = command === "train" ? " -o @none" : "";
      const model = command === "train" ? "@net.onnx" : "@run-folders/model.onnx";
      const onVoxels = await run(`${command} --model ${model} --data @voxels${more}`);
      expect(onVoxels.code).toBe(2);
      expect(onVoxels.stderr).toMatch(
        /The network classifies whole scans \("y" is \[.*\]\), and the data have a label for every voxel: use a segmentation network, .* or data with one class for each scan/,
      );
    }
    const onScans = await run("train --model @maps.onnx --data @folders -o @none");
    expect(onScans).toMatchObject({ code: 2 });
    expect(onScans.stderr).toMatch(
      /no scores of whole scans, \[N, K\], and the data have one class for each scan \(ball, box\): use a classifier/,
    );
  });

  test.each<[string, string, RegExp]>([
    [
      "settings of patches",
      "train --model @net.onnx --data @folders -o @none --patches 4",
      /"patchesPerCase" \(--patches\) is for labels of voxels/,
    ],
    [
      "a share where there is a part",
      "train --model @net.onnx --data @folders -o @none --validation 0.2",
      /has scans of its own to validate on \("val"\)/,
    ],
    [
      "regions",
      "evaluate --model @run-folders/model.onnx --data @folders --region left",
      /--region is for labels of voxels/,
    ],
    [
      "windows, in evaluation",
      "evaluate --model @run-folders/model.onnx --data @folders --overlap 0.25",
      /--overlap is for labels of voxels/,
    ],
    [
      "windows and names of volumes, in prediction",
      "predict @run-folders/model.onnx @folders/test/box -o @x.csv --overlap 0.25 --name {case}.nii",
      /for which --overlap and --name mean nothing/,
    ],
    [
      "arrays of labels",
      "train --model @net.onnx --data @folders -o @none --label-array y",
      /leave `labelArray` out \(--label-array\)/,
    ],
    [
      "an array of a whole data set",
      "evaluate --model @run-folders/model.onnx --data @set.npz --array test_images",
      /leave `array` out \(--array\)/,
    ],
    [
      "a volume for a class",
      "predict @run-folders/model.onnx @folders/test/box -o @x.nii.gz",
      /its result is a table: name a \.csv file for it with -o, not ".*x\.nii\.gz"/,
    ],
    [
      "scans in the place of the table",
      "predict @run-folders/model.onnx @table/table.csv -o @table/table.csv",
      /table\.csv/,
    ],
  ])("%s", async (_, command, message) => {
    const ended = await run(command);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(message);
  });

  test("a bad scan does not cost the others their scores", async () => {
    writeFileSync(at("bad.npy"), "no array");
    const ended = await run("predict @run-folders/model.onnx @bad.npy @table/scans/0000.npy -o @some.csv");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/bad\.npy.*is not a NumPy file[^]*1 of 2 scans failed/);
    expect(readFileSync(at("some.csv"), "utf8").split("\n")).toHaveLength(3);
  });
});

test("a run goes on to the same bits; another number of classes gets another last layer", async () => {
  const whole = "--batch 4 --epochs 2 --lr 0.01 --quiet --classes 2";
  await shapeClassifier(5, 3).save(at("five.onnx"));
  const refused = await run(`train --model @five.onnx --data @set.npz -o @five`);
  expect(refused.stderr).toMatch(
    /tells 5 classes apart and the data set has 2 \(0, 1\): train with --classes 2/,
  );
  expect(await run(`train --model @five.onnx --data @set.npz -o @five ${whole}`)).toMatchObject({ code: 0 });
  const short = whole.replace("--epochs 2", "--epochs 1");
  expect(await run(`train --model @five.onnx --data @set.npz -o @resumed ${short}`)).toMatchObject({
    code: 0,
  });
  expect(await run("train --resume -o @resumed --epochs 2 --quiet")).toMatchObject({ code: 0 });
  const [there, here] = await Promise.all(["five", "resumed"].map((name) => load(at(name, "model.onnx"))));
  expect(here!.graph.initializers).toEqual(there!.graph.initializers);
});
