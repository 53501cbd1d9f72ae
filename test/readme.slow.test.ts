/**
 * @file README's examples, run one by one as a reader would; and its export from PyTorch keeps BatchNorm, and what
 * it writes lifts and runs.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transformWithOxc } from "vite";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { lift, load } from "../src/index.ts";
import { readmeFolder } from "./helpers/readme-folder.ts";
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

describe("examples", () => {
  const { folder, run, remove } = readmeFolder();
  afterAll(remove);

  test.each(readmeBlocks().filter(({ note }) => note === undefined))(
    "$language, line $line",
    async ({ language, code, line }) => {
      if (language === "sh") {
        expect(run("bash", ["-euc", code])).not.toBe("");
      } else {
        const script = join(folder, `line${line}.mjs`);
        writeFileSync(script, (await transformWithOxc(code, `line${line}.ts`)).code);
        run("node", [script]);
      }
    },
  );

  test("results are what the text says", () => {
    expect(readFileSync(join(folder, "scan.png")).subarray(1, 4).toString()).toBe("PNG");
    expect(readFileSync(join(folder, "seg.png")).subarray(1, 4).toString()).toBe("PNG");
    expect(readFileSync(join(folder, "prepared.nrrd")).subarray(0, 4).toString()).toBe("NRRD");
    expect(readFileSync(join(folder, "run/report.html"), "utf8")).toContain("<svg");
    expect(readFileSync(join(folder, "tissues.png")).subarray(1, 4).toString()).toBe("PNG");
    expect(JSON.parse(readFileSync(join(folder, "report.json"), "utf8"))).toHaveProperty("before.parameters");
  });
});
