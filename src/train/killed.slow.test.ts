/** @file `kill -9` at any moment: checkpoints stay whole, little is lost, and the run ends with the same bits. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { tinyNetwork, tinyRun } from "../../test/helpers/training.ts";
import { readCheckpoint } from "./checkpoint.ts";
import type { TrainEvent } from "./events.ts";
import { readLog } from "./log.ts";
import { Trainer } from "./trainer.ts";

const CHILD = fileURLToPath(new URL("../../test/helpers/train-child.ts", import.meta.url));
const EPOCHS = 60;
const STEPS_PER_EPOCH = 3;
const EVERY_STEPS = 2;
const ROUNDS = 8;

const start = (folder: string): ChildProcess =>
  spawn(
    process.execPath,
    ["--conditions=acsconv-source", "--import", "jiti/register", CHILD, folder, String(EPOCHS)],
    { stdio: ["ignore", "inherit", "inherit"] },
  );

const losses = (events: readonly TrainEvent[]): unknown[] =>
  events.flatMap((event) => (event.type === "step" ? [[event.step, event.loss]] : []));

test("a run that is killed again and again is the run that never was", async () => {
  const root = mkdtempSync(join(tmpdir(), "acsconv-killed-"));
  const [folder, straight] = [join(root, "killed"), join(root, "straight")];
  mkdirSync(folder);
  const log = join(folder, "log.jsonl");
  const steps: number[] = [];

  for (let round = 0; round < ROUNDS; round++) {
    const before = existsSync(log) ? readFileSync(log).length : 0;
    const child = start(folder);
    const exit = once(child, "exit");
    // Loading takes longest; what matters comes after the first line of the log.
    while (child.exitCode === null && (!existsSync(log) || readFileSync(log).length <= before))
      await pause(5);
    await pause(400 * Math.random());
    child.kill("SIGKILL");
    expect((await exit)[1]).toBe("SIGKILL");

    const last = join(folder, "last.safetensors");
    const logged = Math.max(...readLog(log).map(({ step }) => step));
    const { epoch, batch } = existsSync(last)
      ? (await readCheckpoint(last)).progress
      : { epoch: 0, batch: 0 };
    const kept = epoch * STEPS_PER_EPOCH + batch;
    expect(logged - kept).toBeLessThanOrEqual(EVERY_STEPS);
    expect(kept).toBeGreaterThanOrEqual(steps.at(-1) ?? 0);
    if (existsSync(join(folder, "best.safetensors"))) await readCheckpoint(join(folder, "best.safetensors"));
    steps.push(kept);
  }
  expect(steps.at(-1)).toBeGreaterThan(0);
  expect(steps.at(-1)).toBeLessThan(EPOCHS * STEPS_PER_EPOCH);

  const [code] = (await once(start(folder), "exit")) as [number];
  expect(code).toBe(0);
  const checkpoint = { folder: straight, everySteps: EVERY_STEPS };
  const events: TrainEvent[] = [];
  const trainer = new Trainer(tinyNetwork(), tinyRun({ epochs: EPOCHS, checkpoint }));
  await trainer.fit({ onEvent: (event) => events.push(event) });
  for (const name of ["last.safetensors", "best.safetensors"])
    expect(readFileSync(join(folder, name)).equals(readFileSync(join(straight, name)))).toBe(true);
  expect(losses(readLog(log))).toEqual(losses(events));
  // What was being written when a process died is gone.
  expect(readdirSync(folder).sort()).toEqual(["best.safetensors", "last.safetensors", "log.jsonl"]);
  rmSync(root, { recursive: true });
});
