/**
 * @file The proof of concept from the command line, small enough for minutes: all
 * its files, interrupted and gone on with, grown by a row; and the data as files.
 */

import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { acsconv, codeOf } from "../../test/helpers/command.ts";
import type { PocResults } from "../experiments/poc/results.ts";
import { readLog } from "../train/log.ts";
import { readNpz } from "../volume/npz.ts";

let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "acsconv-experiment-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const SMALL = "--epochs 2 --test-every 2 --images 128 --volumes 8 --test-volumes 2 --seeds 3".split(" ");
const poc = (models: string, out: string, ...more: string[]) =>
  acsconv("experiment", "poc", "-o", at(out), ...SMALL, "--models", models, ...more);

test("a small experiment, ended by Ctrl-C and gone on with, is that which was not", async () => {
  expect(await codeOf(poc("acs-p,3d-r", "straight"))).toBe(0);

  const interrupted = poc("acs-p", "interrupted");
  const log = at("interrupted/acs-p/seed-3/log.jsonl");
  while (!existsSync(log) || !readLog(log).some(({ step }) => step >= 1)) await pause(20);
  interrupted.kill("SIGINT");
  expect(await codeOf(interrupted)).toBe(130);
  expect(existsSync(at("interrupted/acs-p/seed-3/facts.json"))).toBe(false);
  const source = statSync(at("interrupted/unet-2d/model.onnx")).mtimeMs;

  // The same, and another row.
  expect(await codeOf(poc("3d-r,acs-p", "interrupted"))).toBe(0);
  expect(statSync(at("interrupted/unet-2d/model.onnx")).mtimeMs).toBe(source);
  for (const name of ["unet-2d", "acs-p/seed-3", "3d-r/seed-3", "3d-r-default/seed-3"]) {
    const [a, b] = ["straight", "interrupted"].map((run) =>
      readFileSync(at(`${run}/${name}/last.safetensors`)),
    );
    expect(a!.equals(b!), name).toBe(true);
    expect(readdirSync(at(`interrupted/${name}`)).filter((file) => file.includes("tmp"))).toEqual([]);
  }

  const results = JSON.parse(readFileSync(at("interrupted/results.json"), "utf8")) as PocResults;
  const trained = new Map(results.trainings.map(({ id, runs }) => [id, runs[0]!]));
  expect([...trained.keys()]).toEqual(["3d-r", "3d-r-default", "acs-p"]);
  expect(trained.get("3d-r")!.facts!.parameters).toBe(1_164_582);
  expect(trained.get("acs-p")!.facts!.parameters).toBe(389_286);
  for (const { epochs, facts, features } of trained.values()) {
    expect(epochs.map(({ metrics }) => metrics !== undefined)).toEqual([false, true]);
    expect(facts!.secondsPerStep).toBeGreaterThan(0);
    expect(facts!.secondsPerExample).toBeGreaterThan(0);
    expect(facts!.peakBytes).toBeGreaterThan(2e8);
    for (const { mean, channels } of [features!.nearest, features!.linear]) {
      expect(channels).toHaveLength(32);
      expect(mean).toBeGreaterThanOrEqual(0.5);
      expect(mean).toBeLessThanOrEqual(1);
    }
  }
  const page = readFileSync(at("interrupted/report.html"), "utf8");
  expect(page).toContain("ACS UNet p.");
  expect(page).toContain("data:image/png;base64,");
});

test("an experiment in whose folder another one is, is refused", async () => {
  expect(await codeOf(poc("acs-p", "straight", "--epochs", "3"))).toBe(2);
});

test("kill -9 of the command ends the stage that it had begun", async () => {
  const killed = poc("acs-r", "killed");
  const log = at("killed/unet-2d/log.jsonl");
  while (!existsSync(log)) await pause(20);
  killed.kill("SIGKILL");
  await once(killed, "exit");
  await pause(3000);
  const { length } = readLog(log);
  await pause(3000);
  expect(readLog(log)).toHaveLength(length);
});

test("the data as NumPy files", async () => {
  const sizes = "--images 10 --volumes 2 --test-volumes 1".split(" ");
  expect(await codeOf(acsconv("experiment", "poc", "--save", at("data"), ...sizes))).toBe(0);
  const counts = ["2d/train", "2d/test", "3d/train", "3d/test"].map(
    (part) => readdirSync(at(`data/${part}`)).length,
  );
  expect(counts).toEqual([10, 2, 2, 1]);
  const { voxel, segs } = Object.fromEntries(readNpz(readFileSync(at("data/3d/train/voxel_1.npz"))));
  expect(voxel).toMatchObject({ dtype: "float32", dims: [48, 48, 48] });
  expect(segs!.dims).toEqual([6, 48, 48, 48]);
});
