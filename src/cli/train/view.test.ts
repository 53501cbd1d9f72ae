import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { TrainEvent } from "../../train/events.ts";
import { figure, startTrainView } from "./view.ts";

let written: string;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  written = "";
  Object.defineProperty(process.stderr, "isTTY", { configurable: true, get: () => false });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => ((written += String(text)), true));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const start: TrainEvent = { type: "start", epoch: 1, step: 0, epochs: 2, stepsPerEpoch: 4 };
const step = (number: number, loss: number): TrainEvent => ({
  type: "step",
  epoch: Math.ceil(number / 4),
  step: number,
  loss,
  learningRate: 1e-3,
  gradientNorm: 1,
  seconds: 0.5,
  stepsPerSecond: 2,
});
const epoch = (number: number, dice: number, best: boolean): TrainEvent => ({
  type: "epoch",
  epoch: number,
  step: 4 * number,
  loss: 0.5,
  metrics: { dice, "dice.liver": dice },
  best,
  seconds: 3,
});

describe("the view of training", () => {
  test("on a terminal keeps a line for every epoch, above a block that is drawn over and over", () => {
    vi.spyOn(process.stderr, "isTTY", "get").mockReturnValue(true);
    const view = startTrainView("dice", false);
    view.onEvent(start);
    for (const [number, loss] of [
      [1, 1],
      [2, 0.5],
    ] as const) {
      vi.advanceTimersByTime(500);
      view.onEvent(step(number, loss));
    }
    expect(written).toBe(
      "\u001B[Jepoch 1/2  ██████░░░░░░░░░░░░░░░░░░  1/4 steps · 2.0 steps/s · 3.5 s left\n" +
        "loss 1.000 · learning rate 0.001\n" +
        "\u001B[2F\u001B[Jepoch 1/2  ████████████░░░░░░░░░░░░  2/4 steps · 2.0 steps/s · 3.0 s left\n" +
        "loss 0.7500 · learning rate 0.001\n",
    );
    written = "";
    view.onEvent(step(3, 0.6));
    expect(written).toBe("");
    view.onEvent(step(4, 0.6));
    vi.advanceTimersByTime(1000);
    view.onEvent(epoch(1, 0.8, true));
    expect(written.split("\n").slice(-2)).toEqual([
      "\u001B[2F\u001B[Jepoch 1/2 · loss 0.5000 · dice 0.8000 · 3.0 s  ← best",
      "",
    ]);
    written = "";
    vi.advanceTimersByTime(500);
    view.onEvent(step(5, 0.6));
    // Three more steps at 2 per second, and an evaluation that took a second.
    expect(written).toMatch(
      /1\/4 steps · 2\.0 steps\/s · 2\.5 s left\n.* · best dice 0\.8000 \(epoch 1\)\n$/,
    );
    written = "";
    view.stop();
    expect(written).toBe("\u001B[2F\u001B[J");
  });

  test("elsewhere writes a line for every epoch, and one every 10 s", () => {
    const view = startTrainView("dice", false);
    view.onEvent({ ...start, step: 4, epoch: 2 });
    vi.advanceTimersByTime(6000);
    view.onEvent(step(5, 0.9));
    vi.advanceTimersByTime(6000);
    view.onEvent(step(6, 0.7));
    view.onEvent(epoch(2, 0.7, false));
    view.onEvent({ type: "stop", epoch: 2, step: 8, best: { epoch: 1, value: 0.8 }, patience: 1 });
    view.stop();
    expect(written.trimEnd().split("\n")).toEqual([
      "going on after step 4, in epoch 2",
      "epoch 2/2 · 2/4 steps · loss 0.8000 · learning rate 0.001 · 2.0 steps/s · 1.0 s left",
      "epoch 2/2 · loss 0.5000 · dice 0.7000 · 3.0 s",
      "stopped: no better epoch than 1 in the last 1",
    ]);
  });

  test("draws nothing when quiet", () => {
    const view = startTrainView("loss", true);
    for (const event of [start, step(1, 1), epoch(1, 1, true)]) view.onEvent(event);
    view.stop();
    expect(written).toBe("");
  });

  test.each([
    [0.41324, "0.4132"],
    [0, "0"],
    [1e-5, "0.00001"],
    [2.5e-7, "2.5e-7"],
    [NaN, "NaN"],
  ])("writes %d as %s", (value, text) => {
    expect(figure(value)).toBe(text);
  });
});
