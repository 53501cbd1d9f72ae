/** @file `acsconv weights`: what it prints of a file, and what it says of one that it cannot read. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acsconv } from "../../test/helpers/command-line.ts";
import { concat } from "../../test/helpers/graphs.ts";
import { floatTensor, tensorOf } from "../graph/tensor.ts";
import { encodeSafetensors } from "../formats/safetensors.ts";

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acsconv-weights-"));
  path = join(folder, "a.safetensors");
  const tensors = new Map([
    ["conv.weight", floatTensor([300, 10, 3, 3], new Float32Array(27_000))],
    ["conv.bias", tensorOf("float16", [300], new Float32Array(300))],
    ["bn.num_batches_tracked", tensorOf("int64", [], [5])],
  ]);
  const metadata = new Map([["made by", "\u001B[31mred\n"]]);
  await writeFile(path, concat(encodeSafetensors({ tensors, metadata })));
});
afterAll(() => rm(folder, { recursive: true }));

test("lists names, types, shapes and sums", async () => {
  const { code, stdout } = await acsconv("weights", path);
  expect(code).toBe(0);
  expect(stdout).toBe(
    [
      `${path}: safetensors`,
      "",
      "made by: \\u001b[31mred\\n",
      "",
      "name                    type     shape              size",
      "──────────────────────  ───────  ───────────────  ──────",
      "bn.num_batches_tracked  int64    []                  8 B",
      "conv.weight             float32  [300, 10, 3, 3]  108 kB",
      "conv.bias               float16  [300]             600 B",
      "",
      "total: 3 tensors, 27.3 k numbers (109 kB)",
      "",
    ].join("\n"),
  );
});

test("lists what matches only", async () => {
  const { stdout } = await acsconv("weights", path, "--grep", "^conv.*t$");
  expect(stdout).toMatch(/^conv\.weight/m);
  expect(stdout).not.toMatch(/bias|tracked/);
  expect(stdout).toMatch(/^total: 1 of 3 tensors, 27\.0 k numbers \(108 kB\)$/m);
});

test("prints JSON", async () => {
  const { stdout } = await acsconv("weights", path, "--json", "--grep", "bias");
  expect(JSON.parse(stdout)).toEqual({
    format: "safetensors",
    tensors: 1,
    parameters: 300,
    bytes: 600,
    weights: [{ name: "conv.bias", dtype: "float16", shape: [300] }],
    metadata: { "made by": "\u001B[31mred\n" },
  });
});

describe("says in one sentence what is wrong", () => {
  const fixture = fileURLToPath(
    new URL("../../test/fixtures/checkpoints/torch/command.pth", import.meta.url),
  );
  test.each([
    ["a pickle that would run a command", [fixture], /asks for the Python object "posix\.system"/],
    ["a missing file", ["none.pth"], /there is no such file/],
    ["a broken pattern", [fixture, "--grep", "("], /expected a regular expression/],
  ])("%s", async (_, args, message) => {
    const { code, stdout, stderr } = await acsconv("weights", ...args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^acsconv: [^\n]+\.\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});
