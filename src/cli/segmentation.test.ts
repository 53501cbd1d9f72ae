/** @file DICOM segmentations on the command line: predicted, and as the label files of a data set. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import { acsconv } from "../../test/helpers/command-line.ts";
import { folderOf } from "../../test/helpers/data-folders.ts";
import { illegal, saveEnhanced, saveSeries } from "../../test/helpers/dicom.ts";
import { graphOf, node } from "../../test/helpers/graphs.ts";
import { temporaryFolder } from "../../test/helpers/volumes.ts";
import { openFolder, readCase } from "../data/index.ts";
import { symbol } from "../graph/dim.ts";
import { floatTensor } from "../graph/tensor.ts";
import { Model } from "../model/model.ts";
import type { Task } from "../model/task.ts";
import { plainGrid, readSegmentation, withData, writeSegmentation, writeVolume } from "../volume/index.ts";
import { voxelCount } from "../volume/volume.ts";

const D14 = fileURLToPath(new URL("../../test/fixtures/cases/D14_seg/seg.dcm", import.meta.url));

let folder: string;
const at = (name: string): string => join(folder, name);

const TASK: Task = {
  scores: "logits",
  classes: { names: ["background", "liver", "tumour"], values: [0, 1, 4] },
  patch: [4, 4, 4],
  preparation: { window: [0, 200] },
};

/** Scores of three classes of x from 0 to 1: the first below 1/4, the second up to 3/4, the third above. */
async function saveModel(task: Task | undefined): Promise<void> {
  const shape = (channels: number) => [symbol("N"), channels, symbol("D"), symbol("H"), symbol("W")];
  const graph = graphOf([node("Conv", ["x", "w", "b"], ["y"])], {
    inputs: [{ name: "x", dtype: "float32", shape: shape(1) }],
    outputs: [{ name: "y", dtype: "float32", shape: shape(3) }],
    initializers: { w: floatTensor([3, 1, 1, 1, 1], [0, 4, 8]), b: floatTensor([3], [0, -1, -4]) },
  });
  await new Model(graph).withTask(task).save(at("net.onnx"));
}

/** A scan in three slabs of 0, 100 and 200, neither at the origin nor along the patient's axes. */
const grid = {
  ...plainGrid([6, 8, 10], [2.5, 0.8, 0.7]),
  origin: [-20, -30, 5],
  direction: [
    [0, -0.6, 0.8],
    [0, 0.8, 0.6],
    [1, 0, 0],
  ],
} as const;
const scan = withData(
  grid,
  Int16Array.from({ length: voxelCount(grid) }, (_, i) => 100 * Math.floor(i / 160)),
);
/** What the network finds, by the numbers of segments: the standard leaves no gaps. */
const found = Uint8Array.from(scan.data, (x) => x / 100);

beforeEach(async () => {
  folder = temporaryFolder();
  saveSeries(at("ct"), scan);
  await saveModel(TASK);
});

describe("predict -o seg.dcm", () => {
  test("writes a segmentation of the series, and a picture beside it", async () => {
    const { code, stderr, stdout } = await acsconv("predict", at("net.onnx"), at("ct"), "-o", at("seg.dcm"));
    expect([code, stderr.replaceAll(/ {2}predicting.*\n/g, "")]).toEqual([0, ""]);
    expect(stdout).toContain(`wrote ${at("seg.dcm")} in`);
    expect(readFileSync(at("seg.png")).length).toBeGreaterThan(100);
    const { data, segments } = await readSegmentation(at("seg.dcm"), scan);
    expect(data).toEqual(found);
    expect(segments).toEqual([
      { number: 1, label: "liver" },
      { number: 2, label: "tumour" },
    ]);
  });

  test("may lie among the images, and be written again", async () => {
    const args = ["predict", at("net.onnx"), at("ct"), "-o", at("ct/seg.dcm"), "--no-preview", "-q"];
    for (let i = 0; i < 2; i++) expect(await acsconv(...args)).toMatchObject({ code: 0, stderr: "" });
    expect((await readSegmentation(at("ct/seg.dcm"), scan)).data).toEqual(found);
  });

  test("names segments by their labels where the network names none", async () => {
    await saveModel(undefined);
    const args = ["--window", "0,200", "--patch", "4", "--no-preview", "-q"];
    const { code, stderr } = await acsconv("predict", at("net.onnx"), at("ct"), "-o", at("SEG.DCM"), ...args);
    expect([code, stderr]).toEqual([0, ""]);
    expect((await readSegmentation(at("SEG.DCM"), scan)).segments.map(({ label }) => label)).toEqual([
      "label 1",
      "label 2",
    ]);
  });

  test("in a folder, one for each series, named by a pattern", async () => {
    saveSeries(at("mr"), scan);
    const args = ["-o", at("out"), "--name", "{case}_seg.dcm", "--no-preview", "-q"];
    const { code, stderr } = await acsconv("predict", at("net.onnx"), at("ct"), at("mr"), ...args);
    expect([code, stderr]).toEqual([0, ""]);
    expect((await readSegmentation(at("out/mr_seg.dcm"), scan)).data).toEqual(found);
    expect((await readSegmentation(at("out/ct_seg.dcm"), scan)).data).toEqual(found);
  });

  test("of masks that may overlap makes a segment of each", async () => {
    const classes = { names: ["a", "b", "c"], values: [1, 2, 3] };
    await saveModel({ ...TASK, scores: "regions", classes });
    const args = ["-o", at("seg.dcm"), "--no-preview", "-q"];
    const { code, stderr } = await acsconv("predict", at("net.onnx"), at("ct"), ...args);
    expect([code, stderr]).toEqual([0, ""]);
    await expect(readSegmentation(at("seg.dcm"), scan)).rejects.toThrow(
      /segments \d \("[abc]"\) and \d \("[abc]"\) overlap/,
    );
  });

  test("tells what of the images' headers cannot be repeated, before it predicts", async () => {
    saveSeries(at("ct"), scan, illegal({ PatientBirthDate: "01.02.1990", PatientName: "N".repeat(200) }));
    const args = ["-o", at("seg.dcm"), "--no-preview", "-q"];
    const { code, stderr } = await acsconv("predict", at("net.onnx"), at("ct"), ...args);
    expect([code, stderr.split("\n")]).toEqual([
      0,
      [
        expect.stringMatching(/^acsconv: warning: .* PatientName that is against the standard, "N+": /),
        expect.stringMatching(
          /^acsconv: warning: .* PatientBirthDate that is against the standard, "01\.02\.1990": /,
        ),
        "",
      ],
    ]);
    expect((await readSegmentation(at("seg.dcm"), scan)).data).toEqual(found);

    saveSeries(at("ct"), scan, illegal({ StudyInstanceUID: `1.2.${"3".repeat(80)}` }));
    const refused = await acsconv("predict", at("net.onnx"), at("ct"), "-o", at("no.dcm"), "--no-preview");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /\/ct\/\d\.dcm" has a StudyInstanceUID \(0020,000d\) that is no UID, .* of 84 characters: .*\.nii\.gz\.\n$/,
    );
    expect(refused.stderr).not.toContain("predicting");
    expect(existsSync(at("no.dcm"))).toBe(false);
  });

  test("is refused for what is no DICOM, no labels, or an image of the series", async () => {
    await writeVolume(scan, at("scan.nii.gz"));
    const run = (input: string, out: string, ...more: string[]) =>
      acsconv("predict", at("net.onnx"), at(input), "-o", at(out), "--no-preview", "-q", ...more);
    expect(await run("scan.nii.gz", "seg.dcm")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/refers to the DICOM images .* or write \.nii\.gz\.\n$/) as string,
    });
    expect(await run("ct", "seg.dcm", "--output", "probabilities")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/holds labels, not probabilities/) as string,
    });
    expect(await run("ct", "ct/1.dcm")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/1\.dcm" would be replaced/) as string,
    });
    expect((await run("ct", "other.dcm", "--name", "x.dcm")).stderr).toMatch(
      /--name names the files in a folder/,
    );
    expect((await run("ct", "seg.txt")).stderr).toMatch(/or in \.dcm for a DICOM segmentation/);
  });
});

/** A data set of one case whose label is the file of that name. */
const describeData = (label: string, labels: object, image = "ct"): void =>
  writeFileSync(at("dataset.json"), JSON.stringify({ labels, training: [{ image, label }] }));

describe("a segmentation as a label file", () => {
  const LABELS = { background: 0, liver: 1, tumour: 4 };

  test("is measured by evaluate as what predict found", async () => {
    await acsconv("predict", at("net.onnx"), at("ct"), "-o", at("seg.dcm"), "--no-preview", "-q");
    describeData("seg.dcm", LABELS);
    const { code, stderr, stdout } = await acsconv(
      "evaluate",
      "--model",
      at("net.onnx"),
      "--data",
      folder,
      "-q",
    );
    expect([code, stderr, stdout]).toEqual([0, "", ""]);
    const args = ["--model", at("net.onnx"), "--data", folder, "--out", at("r.json")];
    expect((await acsconv("evaluate", ...args)).stdout).toMatch(/^tumour +1\.0000/m);
    // Segments have the names of classes: the second is label 4.
    const data = await openFolder(folder);
    const { label } = await readCase(data.cases[0]!, data);
    expect(label.data).toEqual(found);
  });

  test("trains a network", async () => {
    await writeSegmentation(withData(scan, found), at("seg.dcm"), { source: at("ct") });
    describeData("seg.dcm", { background: 0, one: 1, two: 2 });
    const args = `--data ${folder} --size 4 --patches 2 --epochs 1 --lr 0.01 -q -o ${at("run")}`.split(" ");
    await saveModel(undefined);
    const { code, stderr } = await acsconv("train", "--model", at("net.onnx"), ...args);
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("in a folder of its own, in nnU-Net's layout, and with names that say otherwise", async () => {
    mkdirSync(at("labels"));
    const segments = [
      { value: 1, name: "tumour" },
      { value: 2, name: "spleen" },
    ];
    await writeSegmentation(withData(scan, found), at("labels/1-1.dcm"), { source: at("ct"), segments });
    const data = async (): Promise<Uint8Array> => {
      const opened = await openFolder(folder);
      return (await readCase(opened.cases[0]!, opened, (sentence) => told.push(sentence))).label.data;
    };
    const told: string[] = [];
    describeData("labels", { background: 0, liver: 1, tumour: 2 });
    expect(await data()).toEqual(found);
    expect(told).toEqual([
      expect.stringMatching(
        /taken by number: 1 "tumour", which is "liver" there; 2 "spleen", which is "tumour" there\.$/,
      ),
    ]);
    told.length = 0;
    // All names are those of classes, in another order: names count.
    describeData("labels", { background: 0, spleen: 1, tumour: 2 });
    expect(await data()).toEqual(found.map((label) => [0, 2, 1][label]!));
    expect(told).toEqual([
      `"${at("labels")}" numbers segments otherwise than the data set does, and they are taken by name: segment 1 "tumour" is label 2, though 1 is "spleen" there; segment 2 "spleen" is label 1, though 2 is "tumour" there.`,
    ]);

    mkdirSync(at("nn/imagesTr"), { recursive: true });
    saveEnhanced(at("nn/imagesTr"), scan);
    const image = readFileSync(at("nn/imagesTr/enhanced.dcm"));
    await folderOf({}, at("nn"));
    writeFileSync(at("nn/imagesTr/a_0000.dcm"), image);
    mkdirSync(at("nn/labelsTr"));
    writeFileSync(at("nn/labelsTr/a.dcm"), readFileSync(at("labels/1-1.dcm")));
    const labels = { background: 0, spleen: 1, tumour: 2 };
    writeFileSync(
      at("nn/dataset.json"),
      JSON.stringify({ channel_names: { 0: "CT" }, labels, file_ending: ".dcm" }),
    );
    expect((await openFolder(at("nn"))).cases[0]!.label).toBe(at("nn/labelsTr/a.dcm"));
  });

  test("of another patient is told by evaluate", async () => {
    saveSeries(at("other"), scan, { PatientID: "P-2" });
    await writeSegmentation(withData(scan, found), at("seg.dcm"), { source: at("other") });
    describeData("seg.dcm", { background: 0, one: 1, two: 2 });
    await saveModel({ ...TASK, classes: { names: ["background", "one", "two"], values: [0, 1, 2] } });
    const args = ["--model", at("net.onnx"), "--data", folder, "-q"];
    const { code, stderr } = await acsconv("evaluate", ...args);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^acsconv: warning: .*seg\.dcm" is by its header not of ".*ct": its PatientID \(0010,0020\) is "P-2", not "P-1"; it is taken .*\n$/,
    );
  });

  test("of others: two labels at five positions", async () => {
    const place = { ...plainGrid([8, 16, 16], [2.5, 0.8, 0.7]), origin: [-20, -30, 5] } as const;
    await writeVolume(withData(place, new Int16Array(2048)), at("scan.nii"));
    writeFileSync(at("seg.dcm"), readFileSync(D14));
    describeData("seg.dcm", { background: 0, a: 1, b: 2 }, "scan.nii");
    const opened = await openFolder(folder);
    const told: string[] = [];
    const { label } = await readCase(opened.cases[0]!, opened, (sentence) => told.push(sentence));
    const sums = Array.from({ length: 8 }, (_, d) => new Set(label.data.subarray(d * 256, (d + 1) * 256)));
    expect(sums.map((set) => [...set].sort((a, b) => a - b))).toEqual([
      [0, 1],
      [0, 1, 2],
      [0, 1, 2],
      [0, 1, 2],
      [0, 2],
      [0],
      [0],
      [0],
    ]);
    expect(told).toEqual([]);
    describeData("seg.dcm", { background: 0, a: 1 }, "scan.nii");
    const fewer = await openFolder(folder);
    await expect(readCase(fewer.cases[0]!, fewer)).rejects.toThrow(/has the label 2 in 64 voxels/);
  });
});
