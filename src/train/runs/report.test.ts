/** @file The page of a training run: what it shows, when, and that nobody's names become markup. */

import { decode } from "fast-png";
import { describe, expect, test } from "vitest";
import type { TrainEvent } from "../events.ts";
import { plainGrid, withData } from "../../volume/volume.ts";
import { encodePng } from "../../report/image.ts";
import { comparison } from "./pictures.ts";
import { trainingReport } from "./report.ts";

const CLASSES = ["background", "liver", 'tumour <script>alert("x")</script>'];

/** Epochs of so many steps; the loss falls, Dice rises. */
function history(epochs: number, stepsPerEpoch: number, total = epochs): TrainEvent[] {
  const events: TrainEvent[] = [{ type: "start", epoch: 1, step: 0, epochs: total, stepsPerEpoch }];
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (let i = 0; i < stepsPerEpoch; i++) {
      const step = (epoch - 1) * stepsPerEpoch + i + 1;
      const loss = 1 / Math.sqrt(step) + 0.1 * Math.sin(step) ** 2;
      events.push({
        type: "step",
        epoch,
        step,
        loss,
        learningRate: 1e-3 / epoch,
        seconds: 2,
        stepsPerSecond: 0.5,
      });
    }
    const dice = 1 - 0.5 / epoch;
    const metrics = {
      loss: 0.5 / epoch,
      dice,
      "dice.liver": dice,
      [`dice.${CLASSES[2]}`]: epoch === 1 ? NaN : dice / 2,
    };
    const step = epoch * stepsPerEpoch;
    events.push({ type: "epoch", epoch, step, loss: 0.3, metrics, best: true, seconds: 2 * stepsPerEpoch });
  }
  return events;
}

const ended = (events: readonly TrainEvent[]): TrainEvent[] => [
  ...events,
  { type: "end", epoch: 3, step: 12, best: { epoch: 3, value: 0.8 } },
];

const count = (page: string, piece: string): number => page.split(piece).length - 1;
const charts = (page: string): string[] =>
  [...page.matchAll(/role="img" aria-label="([^"]*)"><svg/g)].map(([, label]) => label!);

/** The cells of the row that begins with these. */
function rowOf(page: string, ...cells: readonly string[]): string[] | undefined {
  const rows = [...page.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, row]) =>
    [...row!.matchAll(/<t[dh][^>]*>(.*?)<\/t[dh]>/g)].map(([, cell]) => cell!),
  );
  return rows.find((row) => cells.every((cell, i) => row[i] === cell));
}

describe("trainingReport", () => {
  const png = encodePng({ width: 2, height: 1, data: Uint8Array.of(255, 0, 0, 0, 0, 255) });
  const page = trainingReport({
    title: "liver & <b>tumour</b>",
    events: ended(history(3, 4)),
    classes: CLASSES,
    config: { model: "unet.onnx", optimiser: { name: "adam", weightDecay: 1e-4 }, patch: [48, 48, 48] },
    overlays: [
      { title: '"case" <1>', png },
      { title: "case 2", png },
    ],
  });

  test("draws loss and learning rate by step, and every metric by epoch", () => {
    expect(charts(page)).toEqual(["Loss", "Learning rate", "dice"]);
    // Every epoch's value can be pointed at: the mean's, and the tumour's but for the first.
    expect(page).toContain("<title>mean, 2: 0.7500</title>");
    expect(count(page, ", 1: ")).toBe(count(page, ", 2: ") - 1);
  });

  test("says where the run stands", () => {
    for (const fact of ["finished", "epoch 3 of 3", "step 12 of 12", "best epoch 3"]) {
      expect(page).toContain(`<li>${fact}</li>`);
    }
    expect(page).toContain("<li>24 s of training, 2 s per step</li>");
  });

  test("lists last and best values: of a loss the lowest, of other metrics the highest", () => {
    expect(rowOf(page, "loss")).toEqual(["loss", "", "0.1667", "0.1667", "3"]);
    expect(rowOf(page, "dice", "liver")).toEqual(["dice", "liver", "0.8333", "0.8333", "3"]);
    const falling = history(3, 4).map((event) =>
      event.type === "epoch" ? { ...event, metrics: { dice: 1 / event.epoch, loss: event.epoch } } : event,
    );
    const worse = trainingReport({ title: "", events: falling });
    expect(rowOf(worse, "dice")).toEqual(["dice", "", "0.3333", "1", "1"]);
    expect(rowOf(worse, "loss")).toEqual(["loss", "", "3", "1", "1"]);
  });

  test("shows the configuration, one leaf a row", () => {
    expect(rowOf(page, "optimiser.weightDecay")).toEqual(["optimiser.weightDecay", "0.0001"]);
    expect(rowOf(page, "patch")).toEqual(["patch", "[48,48,48]"]);
  });

  test("holds its pictures", () => {
    const sources = [...page.matchAll(/<img alt="[^"]*" src="data:image\/png;base64,([^"]*)">/g)];
    expect(sources).toHaveLength(2);
    expect(Buffer.from(sources[0]![1]!, "base64")).toEqual(Buffer.from(png));
  });

  test("is one file without scripts, whatever names say", () => {
    expect(page).not.toContain("<script");
    expect(page).not.toContain("<b>");
    expect(page).toContain("<title>liver &#38; &#60;b&#62;tumour&#60;/b&#62;</title>");
    expect(page).toContain('alt="&#34;case&#34; &#60;1&#62;"');
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(page).not.toMatch(/url\(|@import/);
    expect(page).toContain("default-src 'none'");
  });

  test("can be read from the first moment on, and reads itself again while the run goes on", () => {
    const refresh = '<meta http-equiv="refresh" content="30">';
    const nothing = trainingReport({ title: "run", events: [] });
    expect(nothing).toContain("No values yet.");
    expect(charts(nothing)).toEqual([]);
    const oneStep = trainingReport({ title: "run", events: history(1, 1, 50).slice(0, 2) });
    expect(charts(oneStep)).toEqual(["Loss", "Learning rate"]);
    const oneEpoch = trainingReport({ title: "run", events: history(1, 5, 50) });
    expect(charts(oneEpoch)).toEqual(["Loss", "Learning rate", "dice"]);
    expect(oneEpoch).toContain("<li>running</li>");
    expect(oneEpoch).toContain("<li>about 8 min left</li>");
    for (const each of [nothing, oneStep, oneEpoch]) {
      expect(each).toContain(refresh);
      expect(each).not.toMatch(/NaN|undefined|Infinity/);
    }
    expect(page).not.toContain(refresh);
  });

  test("an interrupted run stands still until it is resumed", () => {
    const events: TrainEvent[] = [
      ...history(1, 2, 5),
      { type: "interrupted", epoch: 2, step: 2, resume: "acsconv train --resume" },
    ];
    const stopped = trainingReport({ title: "run", events });
    expect(stopped).toContain("<li>interrupted</li>");
    expect(stopped).not.toContain('http-equiv="refresh"');
    expect(trainingReport({ title: "run", events: [...events, ...history(1, 2, 5)] })).toContain(
      "<li>running</li>",
    );
  });

  test("a loss that is not finite is a gap", () => {
    const broken = history(1, 8).map((event) =>
      event.type === "step" && event.step > 4 ? { ...event, loss: NaN } : event,
    );
    const diverged = trainingReport({ title: "run", events: broken });
    expect(charts(diverged)).toContain("Loss");
    expect(diverged).not.toContain("NaN");
  });

  test("counts stand in a table of true against predicted classes", () => {
    const metrics = {
      "confusion.0 as 0": 30,
      "confusion.0 as 1": 10,
      "confusion.1 as 0": 0,
      "confusion.1 as 1": 1200,
    };
    const events = history(1, 1).map((event) => (event.type === "epoch" ? { ...event, metrics } : event));
    const counted = trainingReport({ title: "run", events });
    expect(rowOf(counted, "0")).toEqual(["0", "30 · 75%", "10 · 25%"]);
    expect(rowOf(counted, "1")).toEqual(["1", "0 · 0%", "1,200 · 100%"]);
    expect(charts(counted)).toEqual(["Loss", "Learning rate"]);
  });

  test("a hundred thousand steps are thinned", () => {
    const long = trainingReport({ title: "run", events: history(100, 1000) });
    expect(long.length).toBeLessThan(200_000);
    expect(long).toContain("step 100,000 of 100,000");
  });
});

test("comparison draws truth above prediction, through the middle of the true labels", () => {
  const shape = [4, 6, 8] as const;
  const labels = (at: number): Uint8Array<ArrayBuffer> => new Uint8Array(4 * 6 * 8).fill(1, at, at + 1);
  const grid = plainGrid(shape);
  const scan = withData(grid, new Float32Array(4 * 6 * 8));
  const isColoured = (truth: number, predicted: number): boolean[] => {
    const image = comparison(scan, withData(grid, labels(truth)), withData(grid, labels(predicted)));
    const { data } = decode(encodePng(image));
    const half = data.length / 2;
    return [data.subarray(0, half), data.subarray(half)].map((pixels) =>
      Array.from({ length: pixels.length / 3 }, (_, i) => pixels.subarray(3 * i, 3 * i + 3)).some(
        ([red, green, blue]) => red !== green || green !== blue,
      ),
    );
  };
  const [inside, elsewhere] = [(1 * 6 + 2) * 8 + 3, (3 * 6 + 5) * 8 + 7];
  expect(isColoured(inside, inside)).toEqual([true, true]);
  // Another voxel on none of the three planes
  expect(isColoured(inside, elsewhere)).toEqual([true, false]);
});
