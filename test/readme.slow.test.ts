/** @file README's export from PyTorch keeps BatchNorm, and what it writes lifts and runs. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lift, load } from "../src/index.ts";
import { readmeBlocks } from "./helpers/readme.ts";

test("export from PyTorch", async () => {
  const folder = mkdtempSync(join(tmpdir(), "acsconv-export-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const blocks = readmeBlocks().filter(({ language }) => language === "python");
  expect(blocks).toHaveLength(1);
  const python = process.env["PYTHON"] ?? "/usr/bin/python3";
  execFileSync(python, ["-c", blocks[0]!.code], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });

  const model2d = await load(join(folder, "resnet18.onnx"));
  const norms = model2d.graph.nodes.filter(({ op }) => op === "BatchNormalization");
  expect(norms).toHaveLength(20);
  expect(model2d.graph.initializers.has("layer1.0.conv1.weight")).toBe(true);

  const input = {
    dtype: "float32",
    dims: [1, 3, 32, 64, 48],
    data: new Float32Array(3 * 32 * 64 * 48).fill(1),
  } as const;
  const model3d = lift(model2d);
  const { logits } = await model3d.run({ input });
  await model3d.dispose();
  expect(logits!.dims).toEqual([1, 1000]);
  expect((logits!.data as Float32Array).every((value) => Number.isFinite(value))).toBe(true);
});
