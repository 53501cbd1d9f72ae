/**
 * @file Experiments from the command line, small enough for minutes. The proof of concept: all
 * its files, interrupted and gone on with, grown by a row; and the data as files. The brain: from the package's own
 * network and scan to the page.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IGNORED } from "acsconv/data";
import { dice } from "acsconv/metrics";
import { readLog } from "acsconv/train";
import { readNpz } from "acsconv/volume";
import { brainData, CLASSES } from "./brain/data.ts";
import type { resultsJson } from "./brain/table.ts";
import type { PocResults } from "./poc/results.ts";

let folder: string;
const at = (name: string): string => join(folder, name);

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** As `npm run experiment` starts it, quietly; what it says is shown. */
const experiment = (...args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [join(ROOT, "build/experiments/main.js"), ...args, "--quiet"], {
    stdio: ["ignore", "inherit", "inherit"],
  });

/** Its exit code, when it ends; null if a signal ended it. */
const codeOf = async (child: ChildProcess): Promise<number | null> =>
  ((await once(child, "exit")) as [number | null])[0];

beforeAll(() => {
  execFileSync("npm", ["run", "--silent", "build"], { cwd: ROOT });
  folder = mkdtempSync(join(tmpdir(), "acsconv-experiment-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const SMALL = "--epochs 2 --test-every 2 --images 64 --volumes 8 --test-volumes 2 --seeds 3".split(" ");
const poc = (models: string, out: string, ...more: string[]) =>
  experiment("poc", "-o", at(out), ...SMALL, "--models", models, ...more);

test("a small experiment, ended by Ctrl-C, gone on with and grown by a row", async () => {
  const interrupted = poc("acs-p", "run");
  const log = at("run/acs-p/seed-3/log.jsonl");
  while (!existsSync(log) || !readLog(log).some(({ step }) => step >= 1)) await pause(20);
  interrupted.kill("SIGINT");
  expect(await codeOf(interrupted)).toBe(130);
  expect(existsSync(at("run/acs-p/seed-3/facts.json"))).toBe(false);
  const source = statSync(at("run/unet-2d/model.onnx")).mtimeMs;

  expect(await codeOf(poc("acs-r,acs-p", "run"))).toBe(0);
  expect(statSync(at("run/unet-2d/model.onnx")).mtimeMs).toBe(source);
  const files = readdirSync(at("run"), { recursive: true }).map(String);
  expect(files.filter((name) => name.includes("tmp"))).toEqual([]);

  // The same training without an interruption.
  for (const name of ["config.json", "unet-2d/model.onnx"]) cpSync(at(`run/${name}`), at(`straight/${name}`));
  expect(await codeOf(poc("acs-p", "straight", "--stage", "acs-p/seed-3"))).toBe(0);
  const [a, b] = ["straight", "run"].map((out) => readFileSync(at(`${out}/acs-p/seed-3/last.safetensors`)));
  expect(a!.equals(b!)).toBe(true);

  const results = JSON.parse(readFileSync(at("run/results.json"), "utf8")) as PocResults;
  const trained = new Map(results.trainings.map(({ id, runs }) => [id, runs[0]!]));
  expect([...trained.keys()]).toEqual(["acs-r", "acs-p"]);
  for (const { epochs, facts, features } of trained.values()) {
    expect(epochs.map(({ metrics }) => metrics !== undefined)).toEqual([false, true]);
    expect(facts!.parameters).toBe(389_286);
    expect(facts!.secondsPerStep).toBeGreaterThan(0);
    expect(facts!.secondsPerExample).toBeGreaterThan(0);
    expect(facts!.peakBytes).toBeGreaterThan(2e8);
    for (const { mean, channels } of [features!.nearest, features!.linear]) {
      expect(channels).toHaveLength(32);
      expect(mean).toBeGreaterThanOrEqual(0.5);
      expect(mean).toBeLessThanOrEqual(1);
    }
  }
  const page = readFileSync(at("run/report.html"), "utf8");
  expect(page).toContain("ACS UNet p.");
  expect(page).toContain("data:image/png;base64,");
});

test("kill -9 of the command ends the stage that it had begun", async () => {
  const killed = poc("acs-r", "killed", "--epochs", "1000");
  const log = at("killed/unet-2d/log.jsonl");
  while (!existsSync(log)) await pause(20);
  killed.kill("SIGKILL");
  while (readLog(log).at(-1)?.type !== "interrupted") await pause(100);
  expect(existsSync(at("killed/unet-2d/last.safetensors"))).toBe(true);
  expect(existsSync(at("killed/report.html"))).toBe(false);
});

test("the data as NumPy files", async () => {
  const sizes = "--images 10 --volumes 2 --test-volumes 1".split(" ");
  expect(await codeOf(experiment("poc", "--save", at("data"), ...sizes))).toBe(0);
  const counts = ["2d/train", "2d/test", "3d/train", "3d/test"].map(
    (part) => readdirSync(at(`data/${part}`)).length,
  );
  expect(counts).toEqual([10, 2, 2, 1]);
  const { voxel, segs } = Object.fromEntries(readNpz(readFileSync(at("data/3d/train/voxel_1.npz"))));
  expect(voxel).toMatchObject({ dtype: "float32", dims: [48, 48, 48] });
  expect(segs!.dims).toEqual([6, 48, 48, 48]);
});

test("writing data ends by Ctrl-C between two files", async () => {
  const saving = experiment("poc", "--save", at("cut"), "--images", "1000000");
  while (!existsSync(at("cut/2d/train/shape_9.npz"))) await pause(20);
  saving.kill("SIGINT");
  expect(await codeOf(saving)).toBe(130);
  expect(readdirSync(at("cut/2d/train")).filter((file) => !file.endsWith(".npz"))).toEqual([]);
});

const brain = (out: string, ...more: string[]) => {
  const small = "--epochs 2 --steps 2 --size 16 --spacing 6 --test-every 2 --seeds 5".split(" ");
  return experiment("brain", "-o", at(out), ...small, ...more);
};

test("half a brain to learn from, ended by Ctrl-C and grown by a seed", async () => {
  const interrupted = brain("brain", "--models", "acs-p,acs-e");
  const log = at("brain/acs-e/seed-5/log.jsonl");
  while (!existsSync(log)) await pause(20);
  interrupted.kill("SIGINT");
  expect(await codeOf(interrupted)).toBe(130);
  expect(await codeOf(brain("brain", "--models", "acs-p,acs-e", "--seeds", "5,6"))).toBe(0);

  const results = JSON.parse(readFileSync(at("brain/results.json"), "utf8")) as ReturnType<
    typeof resultsJson
  >;
  expect(results.rows.map(({ id }) => id)).toEqual(["acs-p", "acs-e"]);
  for (const { runs, transferred } of results.rows) {
    expect(transferred.part).toBeGreaterThan(0.1);
    expect(runs.map(({ epochs }) => epochs.map(({ metrics }) => metrics !== undefined))).toEqual([
      [false, true],
      [false, true],
    ]);
  }
  expect(results.comparisons).toHaveLength(1);
  expect(readFileSync(at("brain/report.html"), "utf8")).toContain("data:image/png;base64,");
  // What is drawn is what the last epoch was measured by.
  const { classes } = Object.fromEntries(readNpz(readFileSync(at("brain/acs-p/seed-5/prediction.npz"))));
  const { test: half } = await brainData(results.config);
  const { target } = await half.get(0, () => 0);
  expect(classes!.dims).toEqual(target.dims);
  const metric = dice({ classes: CLASSES, ignoreIndex: IGNORED });
  metric.add({ name: "half", classes: classes!.bytes, truth: target.data as Uint8Array });
  const { metrics } = results.rows[0]!.runs[0]!.epochs.at(-1)!;
  expect(metric.value()["dice"]).toBeCloseTo(metrics!["dice"]!, 6);
});
