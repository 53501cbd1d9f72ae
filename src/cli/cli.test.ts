/** @file Bad input on the command line: exit code 2, one sentence on stderr, nothing written. */

import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { acsconv } from "../../test/helpers/command-line.ts";
import { concat, graphOf, node, value } from "../../test/helpers/graphs.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { symbol } from "../graph/dim.ts";
import { floatTensor } from "../graph/tensor.ts";
import { load } from "../index.ts";
import { encodeModel } from "../onnx/encode.ts";
import { plainGrid, withData, writeVolume } from "../volume/index.ts";

let folder: string;
let files: string[];

/** An argument with an `@` is a file in the folder. */
const inFolder = (args: string): string[] =>
  args.split(" ").map((arg) => (arg.startsWith("@") ? join(folder, arg.slice(1)) : arg));

const listed = async (): Promise<string[]> => (await readdir(folder, { recursive: true })).sort();

const relu = (from: string, to: string): Node => node("Relu", [from], [to]);
const image = value("x", [1, 3, 16, 16]);
const GRAPHS: Readonly<Record<string, Graph>> = {
  "conv.onnx": graphOf([node("Conv", ["x", "w"], ["y"])], {
    inputs: [image],
    initializers: { w: floatTensor([4, 3, 3, 3], new Float32Array(108).fill(0.1)) },
  }),
  "two-inputs.onnx": graphOf([node("Add", ["x", "z"], ["y"])], {
    inputs: [image, value("z", [1, 3, 16, 16])],
  }),
  "no-input.onnx": graphOf([relu("w", "y")], { inputs: [], initializers: { w: floatTensor([1], [1]) } }),
  "volume.onnx": graphOf([relu("x", "y")], { inputs: [value("x", [1, 3, 16, 16, 16])] }),
  "flat.onnx": graphOf([relu("x", "y")], { inputs: [value("x", [1, 10])] }),
  "any-channels.onnx": graphOf([relu("x", "y")], {
    inputs: [{ name: "x", dtype: "float32", shape: ["N", "C", "H", "W"].map(symbol) }],
  }),
  "custom.onnx": {
    ...graphOf([{ ...node("MagicOp", ["x"], ["y"]), name: "magic", domain: "com.example" }], {
      inputs: [image],
    }),
    opsets: new Map([
      ["", 18],
      ["com.example", 1],
    ]),
  },
  "cycle.onnx": graphOf([node("Add", ["x", "b"], ["a"]), relu("a", "b"), relu("b", "y")], {
    inputs: [image],
  }),
  "twice.onnx": graphOf([relu("x", "y"), relu("x", "y")], { inputs: [image] }),
  "missing-weight.onnx": graphOf([node("Conv", ["x", "w"], ["y"])], { inputs: [image] }),
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acsconv-cli-"));
  const at = (name: string): string => join(folder, name);
  for (const [name, graph] of Object.entries(GRAPHS)) await writeFile(at(name), concat(encodeModel(graph)));
  const whole = await readFile(at("conv.onnx"));
  await writeFile(at("truncated.onnx"), whole.subarray(0, whole.length / 2));
  await writeFile(
    at("garbage.onnx"),
    Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251),
  );
  await writeFile(at("empty.onnx"), "");
  await writeFile(at("page.onnx"), "<!DOCTYPE html><title>Not found</title>");
  await mkdir(at("folder.onnx"));
  await symlink("conv.onnx", at("link.onnx"));
  for (const name of ["mixer", "lstm", "head_flat"]) {
    const source = new URL(`../../test/fixtures/wild/${name}_static.onnx`, import.meta.url);
    await copyFile(source, at(`${name}.onnx`));
  }
  await writeVolume(withData(plainGrid([8, 8, 8]), new Float32Array(512).fill(1)), at("scan.nii"));
  await writeVolume(withData(plainGrid([8, 8, 8]), new Float32Array(2 * 512), 2), at("two-channels.nii"));
  await acsconv(...inFolder("lift @conv.onnx -o @lifted.onnx --quiet"));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  files = await listed();
});

/** What is wrong, the command line, and what the sentence says. */
type BadCase = readonly [what: string, args: string, message: RegExp];

const BAD: Readonly<Record<string, readonly BadCase[]>> = {
  models: [
    ["truncated", "lift @truncated.onnx -o @o.onnx", /cannot be parsed.*the file is damaged/],
    ["garbage", "lift @garbage.onnx -o @o.onnx", /Expected an ONNX model/],
    ["nothing", "lift @empty.onnx -o @o.onnx", /contain no graph/],
    ["a web page", "lift @page.onnx -o @o.onnx", /Expected an ONNX model/],
    ["a folder", "lift @folder.onnx -o @o.onnx", /it is a folder; name a file/],
    ["a missing file", "lift @none.onnx -o @o.onnx", /there is no such file/],
    ["two inputs", "lift @two-inputs.onnx -o @o.onnx", /one image input, found 2 \("x", "z"\)/],
    ["no input", "lift @no-input.onnx -o @o.onnx", /one image input, found 0 \(none\)/],
    ["3D already", "lift @volume.onnx -o @o.onnx", /4-D image .*It looks 3D already/],
    ["no image", "lift @flat.onnx -o @o.onnx", /to be a 4-D image/],
    ["channels open", "lift @any-channels.onnx -o @o.onnx", /does not say how many channels it has/],
    ["an unknown operator", "lift @custom.onnx -o @o.onnx", /MagicOp "magic" .*com\.example/],
    [
      "a network of tokens",
      "lift @mixer.onnx -o @o.onnx",
      /E_MATMUL_PLANE: MatMul .*to lift what comes before it/,
    ],
    ["a recurrent network", "lift @lstm.onnx -o @o.onnx", /E_UNKNOWN_OP: LSTM .*cut the graph before it/],
    ["a cycle", "lift @cycle.onnx -o @o.onnx", /cycle/],
    ["a value made twice", "lift @twice.onnx -o @o.onnx", /"y"/],
    ["a missing weight", "lift @missing-weight.onnx -o @o.onnx", /"w"/],
    ["garbage, inspected", "inspect @garbage.onnx", /Expected an ONNX model/],
    ["a folder, inspected", "inspect @folder.onnx", /it is a folder/],
    ["a cycle, inspected", "inspect @cycle.onnx", /cycle/],
  ],
  outputs: [
    ["in a missing folder", "lift @conv.onnx -o @none/o.onnx", /there is no such file or folder/],
    ["a folder", "lift @conv.onnx -o @folder.onnx", /it is a folder; name a file/],
    ["below a file", "lift @conv.onnx -o @empty.onnx/o.onnx", /not a folder/],
    ["no file at all", "lift @conv.onnx -o /dev/null", /it is no regular file/],
    ["the input", "lift @conv.onnx -o @conv.onnx", /would be replaced by/],
    ["the input by another name", "lift @conv.onnx -o @link.onnx", /would be replaced by/],
    ["the report", "lift @conv.onnx -o @o.onnx --report @o.onnx", /would be replaced by/],
    [
      "a report in a missing folder",
      "lift @conv.onnx -o @o.onnx --report @none/r.json",
      /no such file or folder/,
    ],
    [
      "a picture over the scan",
      "predict @lifted.onnx @scan.nii -o @o.nii --preview @scan.nii",
      /would be replaced/,
    ],
  ],
  options: [
    ["no share at all", "lift @conv.onnx -o @o.onnx --split 0,0,0", /split must be three .* positive sum/],
    ["two shares", "lift @conv.onnx -o @o.onnx --split 1,2", /invalid: expected three shares/],
    ["negative shares", "lift @conv.onnx -o @o.onnx --split=-1,1,1", /expected three shares/],
    [
      "two channels",
      "lift @conv.onnx -o @o.onnx --channels 2",
      /not possible for a network of 3 input channels/,
    ],
    ["no channels", "lift @conv.onnx -o @o.onnx --channels 0", /expected a whole number from 1 on/],
    ["two sizes", "lift @conv.onnx -o @o.onnx --size 1,2", /expected depth,height,width/],
    ["half a voxel", "lift @conv.onnx -o @o.onnx --size 1.5,8,8", /expected depth,height,width/],
    ["a kind there is not", "lift @conv.onnx -o @o.onnx --kind 4d", /allowed choices are acs, /],
    [
      "a form of psc for acs",
      "lift @conv.onnx -o @o.onnx --psc 3,1",
      /psc is for kind "psc", got kind "acs"/,
    ],
    ["no streams", "lift @conv.onnx -o @o.onnx --kind psc --psc 0,1", /psc\.streams must be one of 1, 2, 3/],
    [
      "one number for psc",
      "lift @conv.onnx -o @o.onnx --kind psc --psc 3",
      /expected streams and planes in each/,
    ],
    ["a stride of three", "lift @conv.onnx -o @o.onnx --depth-stride 3", /expected 1 or height/],
    ["an output there is not", "lift @conv.onnx -o @o.onnx --outputs nope", /No value "nope" .* are "y"\./],
    ["a head's other size", "lift @head_flat.onnx -o @o.onnx --size 8,32,32", /use height 16 and width 16/],
    ["an unknown option", "lift @conv.onnx -o @o.onnx --kin acs", /did you mean --kind\?/],
    ["no output", "lift @conv.onnx", /'-o, --out <path>' not specified/],
    ["nothing to inspect", "inspect", /missing required argument 'model\.onnx'/],
    ["an unknown command", "lft @conv.onnx", /did you mean lift\?/],
  ],
  scans: [
    ["too many channels", "predict @lifted.onnx @two-channels.nii -o @o.nii", /takes 3 channels, .* has 2/],
    ["a window too small", "predict @lifted.onnx @scan.nii -o @o.nii --patch 2", /too small for the network/],
    ["a window too large", "predict @lifted.onnx @scan.nii -o @o.nii --patch 4096", /do not fit into memory/],
    [
      "a batch too large",
      "predict @lifted.onnx @scan.nii -o @o.nii --batch 99999999",
      /do not fit into memory/,
    ],
    ["a spacing too fine", "predict @lifted.onnx @scan.nii -o @o.nii --spacing 1e-4", /choose a coarser one/],
    ["no network", "predict @garbage.onnx @scan.nii -o @o.nii", /Expected an ONNX model/],
    ["a model for a scan", "predict @lifted.onnx @conv.onnx -o @o.nii", /is no volume that we read/],
    ["a folder without scans", "predict @lifted.onnx @folder.onnx -o @o.nii", /holds no DICOM images/],
  ],
};

describe.each(Object.entries(BAD))("bad %s", (_what, cases) => {
  test.each(cases)("%s", async (_name, args, message) => {
    const { code, stderr } = await acsconv(...inFolder(args), "--quiet");
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^acsconv: [^\n]+\.\n$/);
    expect(code).toBe(2);
    expect(await listed()).toEqual(files);
  });
});

test("a lifted network can be lifted again, in another way", async () => {
  const { code } = await acsconv(...inFolder("lift @lifted.onnx -o @again.onnx --kind i3d --quiet"));
  expect(code).toBe(0);
  expect((await load(join(folder, "again.onnx"))).lifted?.options.kind).toBe("i3d");
});
