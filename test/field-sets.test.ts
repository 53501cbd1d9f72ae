/** @file Data sets as people have them, through the library (`planTraining`) and the commands `train` and `evaluate`. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Model, lift, load } from "../src/index.ts";
import { predictVolume } from "../src/model/index.ts";
import { planTraining, type TrainPlan } from "../src/train/index.ts";
import { readVolume } from "../src/volume/index.ts";
import { acsconv } from "./helpers/command-line.ts";
import { fieldFile, fieldSet } from "./helpers/field-sets.ts";

/** The cases of a run, and how many files each has. */
const filesOf = ({ data }: TrainPlan): [name: string, files: number][] =>
  data.kind === "segmentation" ? data.cases.map(({ name, images }) => [name, images.length]) : [];

const NET = fieldFile("nets/tiny2d.onnx");
const SIZE = [16, 16, 16] as const;
const CASES = ["c00", "c01", "c02"];

let folder: string;
let lifted: Model;
/** Dice of the lifted network on each of the shared scans, by counting. */
const dice: Record<string, number> = {};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "acsconv-sets-"));
  lifted = lift(await load(NET));
  await lifted.save(join(folder, "net.onnx"));
  const session = await lifted.session();
  for (const name of CASES) {
    const scan = await readVolume(fieldFile(`blobs/imagesTr/${name}_0000.nii.gz`));
    const { data: found } = await predictVolume(session, scan, { patch: SIZE });
    const { data: truth } = await readVolume(fieldFile(`blobs/labelsTr/${name}.nii.gz`));
    const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
    dice[name] = (2 * sum(found.map((x, i) => x * truth[i]!))) / (sum(found) + sum(truth));
  }
  await session.dispose();
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Measured {
  readonly code: number;
  readonly stderr: string;
  /** Dice of each case. */
  readonly dice: Readonly<Record<string, number>>;
}

async function evaluate(data: string, model = join(folder, "net.onnx")): Promise<Measured> {
  const out = join(folder, "result.json");
  const args = ["--metrics", "dice", "--patch", "16", "--out", out, "-q"];
  const { code, stderr } = await acsconv("evaluate", "--model", model, "--data", data, ...args);
  if (code !== 0) return { code, stderr, dice: {} };
  const { cases } = JSON.parse(readFileSync(out, "utf8")) as {
    cases: { name: string; metrics: { dice: number } }[];
  };
  return { code, stderr, dice: Object.fromEntries(cases.map(({ name, metrics }) => [name, metrics.dice])) };
}

const config = (data: string, classes = 2) => ({
  model: NET,
  data,
  classes,
  size: SIZE,
  patchesPerCase: 1,
  epochs: 1,
});
/** A dry run reads all headers and takes two steps. */
const train = (data: string, ...more: string[]) =>
  acsconv(
    "train",
    "--model",
    NET,
    "--data",
    data,
    "--size",
    "16",
    "--patches",
    "1",
    "--epochs",
    "1",
    ...more,
  );

/** One sentence for the three cases, in which the numbers differ. */
const SLIGHTLY_OFF =
  /Case "c00": .* has (\w+) \[(.*)\], but its label .* has \1 \[(?!\2\]).*\], which is 0\.00\d+ of a voxel .* \(and 2 more such warnings\)\.$/;

describe.each<[name: string, warning?: RegExp]>([
  ["T01_nnunet_v1/Task500_Blobs"],
  ["T03_nearly_same_grid/direction", SLIGHTLY_OFF],
  ["T03_nearly_same_grid/spacing", SLIGHTLY_OFF],
  ["T04_bom"],
  ["T05_backslashes"],
])("%s holds the shared scans", (name, warning) => {
  test("for planTraining and train", async () => {
    const data = fieldSet(name);
    const warnings: string[] = [];
    const plan = await planTraining(config(data), { onWarning: (sentence) => warnings.push(sentence) });
    expect(filesOf(plan)).toEqual(CASES.map((one) => [one, 1]));
    expect(plan.data.channels).toEqual(["CT"]);
    expect(warnings).toEqual(warning ? [expect.stringMatching(warning)] : []);
    const { code, stderr } = await train(data, "--dry-run");
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(warning ? new RegExp(`^acsconv: warning: ${warning.source}\\n$`, "m") : /^$/);
    expect(stderr.split("\n")).toHaveLength(warning ? 2 : 1);
  });

  test("for evaluate", async () => {
    const found = await evaluate(fieldSet(name));
    expect(found.code, found.stderr).toBe(0);
    expect(Object.keys(found.dice)).toEqual(CASES);
    expect(Object.values(found.dice)).toBeAllClose(Object.values(dice), { rtol: 1e-12, atol: 0 });
    expect(found.stderr).toMatch(warning ? new RegExp(warning, "m") : /^$/);
  });
});

test.each([
  ["T06_float_labels", /Case "c02": ".*c02\.nii\.gz" has the label 0\.9999999403953552 in 908 voxels, but/],
  ["T09_255", /Case "c00": ".*c00\.nii\.gz" has the label 255 in 898 voxels, but the classes are/],
  ["T10_regions", /dataset\.json": two classes have the label 2; give each its own/],
])("%s is refused in one sentence", async (name, message) => {
  const data = fieldSet(name);
  // Of labels that are wrong training finds the first at once, and the others when their turn comes.
  if (name !== "T06_float_labels") await expect(planTraining(config(data))).rejects.toThrow(message);
  for (const { code, stderr } of [await train(data, "--dry-run"), await evaluate(data)]) {
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^acsconv: [^\n]+\.\n$/);
    expect(code).toBe(2);
  }
});

test.each<[string, (of: Record<string, number>) => void]>([
  ["T07_empty_label", (of) => expect(of).toEqual({ ...dice, c01: 0 })],
  ["T07b_all_empty", (of) => expect(of).toEqual({ c00: 0, c01: 0, c02: 0 })],
  // Three slices, where patches take sixteen.
  [
    "T08_thin_case",
    ({ c01, ...of }) => expect([c01! > 0, of]).toEqual([true, { c00: dice["c00"], c02: dice["c02"] }]),
  ],
])("%s is trained on and measured", async (name, check) => {
  const data = fieldSet(name);
  const { stepsPerEpoch } = (await planTraining(config(data))).trainer;
  expect(stepsPerEpoch).toBe(1);
  expect(await train(data, "--dry-run")).toMatchObject({ code: 0, stderr: "" });
  const found = await evaluate(data);
  expect(found.code, found.stderr).toBe(0);
  check(found.dice);
});

test("T12_label_gaps: a network writes the labels that it was trained on", async () => {
  const data = fieldSet("T12_label_gaps");
  const run = join(data, "run");
  const { model, data: set } = await planTraining(config(data, 3));
  expect(set.classes.values).toEqual([[0], [1], [4]]);
  expect(model.task?.classes).toEqual({ names: ["background", "a", "b"], values: [0, 1, 4] });
  expect(await train(data, "--classes", "3", "-q", "-o", run)).toMatchObject({ code: 0, stderr: "" });
  const written = join(data, "c00.nii.gz");
  const scan = join(data, "imagesTr/c00_0000.nii.gz");
  const predicted = await acsconv("predict", join(run, "model.onnx"), scan, "-o", written, "--no-preview");
  expect(predicted).toMatchObject({ code: 0 });
  const labels = new Set((await readVolume(written)).data);
  expect([...labels].filter((label) => ![0, 1, 4].includes(label))).toEqual([]);
  expect(labels.size).toBeGreaterThan(1);
  const found = await evaluate(data, join(run, "model.onnx"));
  expect([found.code, Object.keys(found.dice)]).toEqual([0, CASES]);
});

test("T11_two_channels: a case is both of its files", async () => {
  const data = fieldSet("T11_two_channels");
  const two = fieldFile("T11_two_channels/two.onnx");
  const plan = await planTraining({ ...config(data), model: two });
  expect(filesOf(plan).map(([, files]) => files)).toEqual([2, 2, 2]);
  expect([plan.scan.channels, plan.model.task?.channels]).toEqual([2, ["T1", "FLAIR"]]);
  const trained = await train(data, "--model", two, "--dry-run");
  expect(trained.stdout).toMatch(/^scans +2 × \[24, 28, 26\] voxels/m);
  const refused = await train(data, "--dry-run");
  expect(refused.stderr).toBe('acsconv: Case "c00" has 2 channels, but the network takes 1.\n');
});
