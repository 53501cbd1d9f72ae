import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { symbol } from "../graph/dim.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { Model } from "../model/model.ts";
import { type Volume, plainGrid, readVolume, withData, writeVolume } from "../volume/index.ts";
import { exitCodeOf } from "./errors.ts";
import { createProgram } from "./program.ts";

let folder: string;
let stdout: string;
let stderr: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "acsconv-predict-"));
  stdout = stderr = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => ((stdout += String(text)), true));
  vi.spyOn(process.stderr, "write").mockImplementation((text) => ((stderr += String(text)), true));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const at = (name: string): string => join(folder, name);

/** Runs a command line, and gives its exit code. */
async function acsconv(...args: string[]): Promise<number> {
  try {
    await createProgram().parseAsync(["node", "acsconv", ...args]);
    return 0;
  } catch (error) {
    return exitCodeOf(error);
  }
}

/** Two classes with the scores 0 and x − ½: class 1 is what exceeds one half. */
async function saveThreshold(name: string, axes: readonly string[]): Promise<string> {
  const value = (valueName: string, channels: number): ValueInfo => ({
    name: valueName,
    dtype: "float32",
    shape: [symbol("N"), channels, ...axes.map(symbol)],
  });
  const graph: Graph = {
    name: "threshold",
    inputs: [value("x", 1)],
    outputs: [value("y", 2)],
    nodes: [{ op: "Conv", domain: "", name: "conv", inputs: ["x", "w", "b"], outputs: ["y"], attrs: {} }],
    initializers: new Map([
      ["w", floatTensor([2, 1, ...axes.map(() => 1)], [0, 1])],
      ["b", floatTensor([2], [0, -0.5])],
    ]),
    valueInfos: new Map(),
    opsets: new Map([["", 13]]),
    metadata: new Map(),
  };
  await new Model(graph).save(at(name));
  return at(name);
}

/** Intensities 0 … 199 in a scan of 5 × 8 × 10 voxels. */
async function saveScan(name: string): Promise<Volume> {
  const data = Int16Array.from({ length: 400 }, (_, i) => i % 200);
  const scan = withData({ ...plainGrid([5, 8, 10], [5, 1, 2]), origin: [10, -20, 30] }, data);
  await writeVolume(scan, at(name));
  return scan;
}

const size = ["--patch", "4"];

describe("acsconv predict", () => {
  test("writes labels on the scan's grid and a picture, and says how much of each there is", async () => {
    const model = await saveThreshold("model.onnx", ["D", "H", "W"]);
    const scan = await saveScan("scan.nii.gz");
    const code = await acsconv(
      "predict",
      model,
      at("scan.nii.gz"),
      "-o",
      at("seg.nii.gz"),
      "--window",
      "0,200",
      ...size,
    );
    expect([stderr.replaceAll(/ {2}predicting.*\n/g, ""), code]).toEqual(["", 0]);
    const labels = await readVolume(at("seg.nii.gz"));
    expect(labels.data).toEqual(Uint8Array.from(scan.data, (x) => (x > 100 ? 1 : 0)));
    expect(labels).toMatchObject({ shape: scan.shape, spacing: scan.spacing, origin: scan.origin });
    expect(stdout).toMatch(/windows of \[4, 4, 4\] voxels, intensities: 0 to 200 as 0 to 1/);
    expect(stdout).toMatch(/^ +1 +198 +2\.0 ml +49\.5 %$/m);
    // 25 × 8 × 20 mm: 25 mm are 320 pixels
    const { height } = decode(await readFile(at("seg.png")));
    expect(height).toBe(6 + 2 * (320 + 17 + 6));
    expect(stderr).toMatch(/ {2}predicting: 100% · \d+\/\d+ windows/);
  });

  test("understands windows below zero, and is quiet when asked", async () => {
    const model = await saveThreshold("model.onnx", ["D", "H", "W"]);
    const scan = await saveScan("scan.nii.gz");
    const args = ["--window", "-100,100", "--output", "probabilities", "--no-preview", "--quiet", ...size];
    expect(await acsconv("predict", model, at("scan.nii.gz"), "-o", at("p.npz"), ...args)).toBe(0);
    expect(stdout + stderr).toBe("");
    const { data, channels } = await readVolume(at("p.npz"));
    expect(channels).toBe(2);
    const x = Array.from(scan.data, (value) => Math.min((value + 100) / 200, 1));
    expect(data.subarray(400)).toBeAllClose(
      x.map((value) => 1 / (1 + Math.exp(0.5 - value))),
      { rtol: 0, atol: 1e-6 },
    );
    expect((await readdir(folder)).sort()).toEqual(["model.onnx", "p.npz", "scan.nii.gz"]);
  });

  test("does all scans of a folder, and reports at the end that one failed", async () => {
    const model = await saveThreshold("model.onnx", ["D", "H", "W"]);
    await mkdir(at("scans"));
    await saveScan("scans/a.nii.gz");
    await writeFile(at("scans/b.nii"), "garbage");
    await saveScan("scans/c.nrrd");
    expect(await acsconv("predict", model, at("scans"), "-o", at("out"), ...size)).toBe(2);
    expect((await readdir(at("out"))).sort()).toEqual(["a.nii.gz", "a.png", "c.nii.gz", "c.png"]);
    expect(stderr).toMatch(/^acsconv: .*b\.nii: .+\.$/m);
    expect(stderr).toMatch(/^acsconv: 1 of 3 scans failed, for the reasons above\.$/m);
  });

  test("warns of NaN and goes on", async () => {
    const model = await saveThreshold("model.onnx", ["D", "H", "W"]);
    const data = Float32Array.from({ length: 64 }, (_, i) => (i === 7 ? NaN : 1));
    await writeVolume(withData(plainGrid([4, 4, 4]), data), at("nan.nii"));
    const args = ["--normalize", "none", "--no-preview", ...size];
    expect(await acsconv("predict", model, at("nan.nii"), "-o", at("seg.nii"), ...args)).toBe(0);
    expect(stderr).toMatch(/^acsconv: warning: Voxels that are NaN or infinite are taken as 0: 1 of 64\.$/m);
    expect((await readVolume(at("seg.nii"))).data).toEqual(Uint8Array.from(data, (x) => (x > 0.5 ? 1 : 0)));
  });

  test("a picture of the user's beside a new result stays, and one beside an old result is renewed", async () => {
    const model = await saveThreshold("model.onnx", ["D", "H", "W"]);
    await writeVolume(withData(plainGrid([4, 4, 4]), new Float32Array(64).fill(1)), at("s.nii"));
    await writeFile(at("own.png"), "mine");
    const args = ["predict", model, at("s.nii"), "-o", at("own.nii"), "--normalize", "none", ...size];
    expect(await acsconv(...args)).toBe(0);
    expect(stderr).toMatch(/^acsconv: warning: ".*own\.png" is there already: the preview is not written/m);
    expect(await readFile(at("own.png"), "utf8")).toBe("mine");
    expect(await acsconv(...args)).toBe(0);
    expect(await readFile(at("own.png"), "utf8")).toMatch(/PNG/);
  });

  test.each([
    [
      "a 2D network",
      ["flat.onnx", "scan.nii.gz", "-o", "seg.nii.gz"],
      /This is a 2D network .*: lift it first/,
    ],
    [
      "a missing folder",
      ["model.onnx", "scan.nii.gz", "-o", "none/seg.nii.gz"],
      /Cannot write ".*": there is no such/,
    ],
    ["an unknown format", ["model.onnx", "scan.nii.gz", "-o", "seg.jpg"], /its name should end in \.nii\.gz/],
    [
      "replacing the scan",
      ["model.onnx", "scan.nii.gz", "-o", "scan.nii.gz"],
      /is one of the scans, and would be replaced/,
    ],
    [
      "a missing scan",
      ["model.onnx", "no.nii.gz", "-o", "seg.nii.gz"],
      /Cannot read ".*no\.nii\.gz": there is no such/,
    ],
    [
      "one file for two scans",
      ["model.onnx", "scan.nii.gz", "two.nii.gz", "-o", "seg.nii.gz"],
      /name a folder for them/,
    ],
  ])("refuses %s with one sentence, and writes nothing", async (_name, names, message) => {
    await saveThreshold("model.onnx", ["D", "H", "W"]);
    await saveThreshold("flat.onnx", ["H", "W"]);
    await saveScan("scan.nii.gz");
    await saveScan("two.nii.gz");
    const before = (await readdir(folder)).sort();
    expect(await acsconv("predict", ...names.map((name) => (name === "-o" ? name : at(name))), ...size)).toBe(
      2,
    );
    expect(stderr).toMatch(/^acsconv: .*\.\n$/);
    expect(stderr).toMatch(message);
    expect((await readdir(folder)).sort()).toEqual(before);
  });

  test.each([
    [["predct"], /unknown command 'predct'; did you mean predict\? \(see "acsconv --help"\)\.$/m],
    [
      ["predict", "m", "s", "-o", "x", "--pach", "4"],
      /unknown option '--pach'; did you mean --patch\? \(see "acsconv predict --help"\)\.$/m,
    ],
    [
      ["predict", "m", "s", "-o", "x", "--patch", "4,x"],
      /argument '4,x' is invalid: expected depth,height,width/,
    ],
    [["predict", "m", "s", "-o", "x", "--overlap", "1"], /expected a number from 0 to below 1/],
    [["predict", "m", "s", "-o", "x", "--window", "5,1"], /expected a lower and a higher intensity/],
    [["predict", "m", "s", "-o", "x", "--device", "tpu"], /allowed choices are cpu, cuda/],
  ])("explains a wrong command line: %j", async (args, message) => {
    expect(await acsconv(...args)).toBe(2);
    expect(stderr).toMatch(/^acsconv: /);
    expect(stderr).toMatch(message);
  });

  test("shows help with examples, for the program and the command", async () => {
    expect(await acsconv("--help")).toBe(0);
    expect(stdout).toMatch(/\$ acsconv predict /);
    stdout = "";
    expect(await acsconv("help", "predict")).toBe(0);
    for (const line of [
      "--patch <d,h,w> .*\\(default: as it was trained, else the model's size, or up to 96\\)",
      "--overlap <part> .*\\(default: 0\\.5\\)",
      "--spacing <d,h,w> .*\\(default: as it was trained, else the scan's\\)",
      "--window <low,high> .*\\(default: as it was trained\\)",
      "--device <name> .*\\(default: cpu\\)",
    ])
      expect(stdout.replaceAll(/\s+/g, " ")).toMatch(new RegExp(line));
    expect(stdout).toMatch(/Examples:[^]*\$ acsconv predict liver\.acs\.onnx/);
  });
});

test("a bug of ours is no fault of the input: exit code 1, with the stack", () => {
  expect(exitCodeOf(new TypeError("x is undefined"))).toBe(1);
  expect(stderr).toMatch(/TypeError: x is undefined\n +at [^]*please report it/);
});
