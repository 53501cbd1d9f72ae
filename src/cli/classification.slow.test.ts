/** @file A classifier of whole scans learns: balls from boxes, 28³ voxels as MedMNIST's, lifted from 2D. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { acsconv } from "../../test/helpers/command-line.ts";
import {
  saveAsArchive,
  saveAsFolders,
  saveAsTable,
  shapeClassifier,
  shapes,
} from "../../test/helpers/shapes.ts";

test(
  "more than 95 % are told, the same from folders, a table and an archive",
  { timeout: 600_000 },
  async () => {
    const root = mkdtempSync(join(tmpdir(), "acsconv-shapes-"));
    onTestFinished(() => rmSync(root, { recursive: true }));
    const at = (name: string): string => join(root, name);
    const all = shapes({ train: 96, val: 16, test: 40 }, 28);
    const data = [
      await saveAsFolders(all, at("folders")),
      await saveAsTable(all, at("table")),
      saveAsArchive(all, at("set.npz")),
    ];
    await shapeClassifier(2, 8).save(at("net.onnx"));
    const metrics: object[] = [];
    for (const [i, path] of data.entries()) {
      const run = at(`run${i}`);
      const settings = ["--epochs", "14", "--batch", "8", "--lr", "0.02", "--quiet"];
      const trained = await acsconv(
        "train",
        "--model",
        at("net.onnx"),
        "--data",
        path,
        "-o",
        run,
        ...settings,
      );
      expect(trained).toEqual({ code: 0, stdout: "", stderr: "" });
      const out = at(`${i}.json`);
      const measured = await acsconv(
        "evaluate",
        "--model",
        join(run, "model.onnx"),
        "--data",
        path,
        "--out",
        out,
        "--quiet",
      );
      expect(measured).toEqual({ code: 0, stdout: "", stderr: "" });
      const found = (JSON.parse(readFileSync(out, "utf8")) as { metrics: Record<string, number> }).metrics;
      expect(found["accuracy"]).toBeGreaterThan(0.95);
      expect(found["auc"]).toBeGreaterThan(0.99);
      metrics.push(Object.values(found));
    }
    expect(metrics[1]).toEqual(metrics[0]);
    expect(metrics[2]).toEqual(metrics[0]);
  },
);
