/** @file A log has a line per event, and a run that goes on repeats none. */

import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { TrainEvent } from "./events.ts";
import { readLog, trainLog } from "./log.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "acsconv-log-"));
  path = join(folder, "log.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

const start = (epoch: number, step: number): TrainEvent => ({
  type: "start",
  epoch,
  step,
  epochs: 3,
  stepsPerEpoch: 2,
});
const step = (epoch: number, step: number, loss = step): TrainEvent => ({
  type: "step",
  epoch,
  step,
  loss,
  learningRate: 0.1,
  gradientNorm: 1,
  seconds: 1,
  stepsPerSecond: 1,
});
const epoch = (epoch: number, step: number, dice: number): TrainEvent => ({
  type: "epoch",
  epoch,
  step,
  loss: 1,
  metrics: { dice },
  best: false,
  seconds: 1,
});

function write(...events: readonly TrainEvent[]): void {
  const log = trainLog(path);
  for (const event of events) log(event);
}

test("each event is a line at once, NaN included", () => {
  const log = trainLog(path);
  const events = [start(1, 0), step(1, 1), step(1, 2), epoch(1, 2, Number.NaN)];
  events.forEach((event, i) => {
    log(event);
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(i + 2);
    expect(readLog(path)).toEqual(events.slice(0, i + 1));
  });
  expect(readdirSync(folder)).toEqual(["log.jsonl"]);
});

test("a run that goes on drops what comes again, and a line that was cut off", () => {
  write(start(1, 0), step(1, 1), step(1, 2), epoch(1, 2, 0.5), step(2, 3), step(2, 4), epoch(2, 4, 0.6));
  appendFileSync(path, '{"type":"step","epo');
  // Killed in front of the checkpoint after epoch 2; the last one is of step 3.
  write(start(2, 3), step(2, 4, -4));
  const kept = [start(1, 0), step(1, 1), step(1, 2), epoch(1, 2, 0.5), step(2, 3)];
  expect(readLog(path)).toEqual([...kept, start(2, 3), step(2, 4, -4)]);
  // An epoch whose steps are done, but whose evaluation comes again.
  write(epoch(2, 4, 0.7), start(2, 4), epoch(2, 4, 0.8));
  expect(readLog(path)).toEqual([...kept, start(2, 3), step(2, 4, -4), start(2, 4), epoch(2, 4, 0.8)]);
});

test("a run that begins anew empties the log", () => {
  write(start(1, 0), step(1, 1));
  write(start(1, 0));
  expect(readLog(path)).toEqual([start(1, 0)]);
});

test("another file is refused, and one that cannot be written", () => {
  writeFileSync(path, '{"type":"start","step":0}\nhello\n');
  expect(() => readLog(path)).toThrow(`"${path}" is no log of a training run: remove line 2, or the file.`);
  expect(() => write(start(2, 3))).toThrow("is no log of a training run");
  expect(() => trainLog(join(folder, "none", "log"))(start(1, 0))).toThrow(/no such file or folder/);
  expect(() => readLog(join(folder, "none"))).toThrow(/no such file or folder/);
});
