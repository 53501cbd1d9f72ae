/** @file Training learns, says what it does, and goes on after an interruption as if there had been none. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { blobs, tinyRun, tinyNetwork } from "../../test/helpers/training.ts";
import type { Dataset } from "../model/dataset.ts";
import { numbersOf } from "../graph/tensor.ts";
import { dice } from "../metrics/overlap.ts";
import { readSafetensors } from "../formats/safetensors.ts";
import type { TrainEvent } from "./events.ts";
import { readLog, trainLog } from "./log.ts";
import { type FitOptions, type FitResult, Trainer } from "./trainer.ts";
import type { TrainerOptions } from "./trainer-options.ts";

let folder: string;
const model = tinyNetwork();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "acsconv-trainer-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Event<T extends TrainEvent["type"]> = Extract<TrainEvent, { type: T }>;
const only = <T extends TrainEvent["type"]>(events: readonly TrainEvent[], type: T): Event<T>[] =>
  events.filter((event): event is Event<T> => event.type === type);
const brief = (events: readonly TrainEvent[]): string[] =>
  events.map(
    (event) =>
      `${event.type} ${event.epoch}/${event.step}${event.type === "checkpoint" ? ` ${event.kind}` : ""}`,
  );

async function fit(
  trainer: Trainer,
  options: FitOptions = {},
): Promise<{ result: FitResult; events: TrainEvent[] }> {
  const events: TrainEvent[] = [];
  const onEvent = (event: TrainEvent): void => {
    events.push(event);
    options.onEvent?.(event);
  };
  return { result: await trainer.fit({ ...options, onEvent }), events };
}

/** Aborts as soon as something has happened. */
function abortAt(when: (event: TrainEvent) => boolean): Required<FitOptions> {
  const controller = new AbortController();
  return { signal: controller.signal, onEvent: (event) => void (when(event) && controller.abort()) };
}

const bytesIn = (path: string): Buffer => readFileSync(path);

test("a run learns, tells each step, keeps its checkpoints, and ends with weights that predict", async () => {
  const trainer = new Trainer(
    model,
    tinyRun({ learningRate: 0.1, epochs: 3, checkpoint: { folder: join(folder, "run") } }),
  );
  const before = await trainer.evaluate(blobs(2, 12), [dice({ classes: 4 })]);
  const { result, events } = await fit(trainer);
  const steps = only(events, "step");
  const epochs = only(events, "epoch");
  expect(brief(events.slice(0, 4))).toEqual(["start 1/0", "step 1/1", "step 1/2", "step 1/3"]);
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  // A third of a cosine: (1 + cos π/3) / 2.
  expect(steps[0]!.learningRate).toBe(0.1);
  expect(steps[3]!.learningRate).toBeCloseTo(0.075, 12);
  expect(
    epochs.map(
      ({ loss }, i) => loss - steps.slice(3 * i, 3 * i + 3).reduce((a, { loss }) => a + loss, 0) / 3,
    ),
  ).toEqual([0, 0, 0]);
  expect(epochs[2]!.loss).toBeLessThan(0.98 * epochs[0]!.loss);
  expect(epochs[2]!.metrics.dice).toBeGreaterThan(before.dice!);
  expect(brief(events).at(-1)).toBe("end 3/9");
  const best = epochs.reduce((a, b) => (b.metrics.dice! > a.metrics.dice! ? b : a));
  expect(result).toEqual({
    interrupted: false,
    epochs: 3,
    steps: 9,
    best: { epoch: best.epoch, value: best.metrics.dice },
  });
  expect(readdirSync(join(folder, "run")).sort()).toEqual(["best.safetensors", "last.safetensors"]);
  const { tensors } = await readSafetensors(join(folder, "run", "last.safetensors"));
  expect([...tensors.keys()]).toContain("first.weight");
  expect([...tensors.keys()]).toContain("first.weight.exp_avg");

  const bestModel = trainer.model("best");
  expect(bestModel.lifted).toBe(model.lifted);
  await bestModel.save(join(folder, "model.onnx"));
  const again = await trainer.evaluate(blobs(2, 12), [dice({ classes: 4 })]);
  expect(again.dice).toBe(epochs[2]!.metrics.dice);
});

describe("the same bits", () => {
  const runIn = (folder: string, changes: Partial<TrainerOptions> = {}): TrainerOptions =>
    tinyRun({ patience: 3, checkpoint: { folder, everySteps: 2 }, ...changes });
  /** The final checkpoints, and where the log is, of a run without interruption. */
  async function straight(changes: Partial<TrainerOptions> = {}) {
    const inner = mkdtempSync(join(tmpdir(), "acsconv-straight-"));
    const log = join(inner, "log.jsonl");
    await new Trainer(model, runIn(inner, changes)).fit({ onEvent: trainLog(log) });
    const [last, best] = ["last", "best"].map((kind) => bytesIn(join(inner, `${kind}.safetensors`)));
    const logged = numbers(log);
    rmSync(inner, { recursive: true });
    return { last: last!, best: best!, logged };
  }
  const numbers = (path: string): unknown[] =>
    readLog(path).flatMap((event): unknown[] => {
      if (event.type === "step")
        return [[event.epoch, event.step, event.loss, event.gradientNorm, event.learningRate]];
      return event.type === "epoch" ? [[event.epoch, event.step, event.loss, event.metrics]] : [];
    });

  let expected: Awaited<ReturnType<typeof straight>>;
  beforeAll(async () => {
    expected = await straight();
  });

  test("from the same seed with two threads, and others from another", async () => {
    const [a, b] = [await straight({ session: { threads: 2 } }), await straight({ session: { threads: 2 } })];
    expect(b).toEqual(a);
    expect((await straight({ seed: 2 })).last.equals(expected.last)).toBe(false);
  });

  test.each<[string, (event: TrainEvent) => boolean]>([
    ["in the middle of an epoch", (event) => event.type === "step" && event.step === 4],
    ["between the last step and the evaluation", (event) => event.type === "step" && event.step === 6],
    ["after an epoch", (event) => event.type === "checkpoint" && event.step === 3],
    ["before the first step", (event) => event.type === "start"],
  ])("after an interruption %s, from a new trainer", async (_, when) => {
    const options = runIn(join(folder, "run"));
    const log = join(folder, "run.jsonl");
    const aborting = abortAt(when);
    const write = trainLog(log);
    const first = await fit(new Trainer(model, options), {
      ...aborting,
      onEvent(event) {
        write(event);
        aborting.onEvent(event);
      },
    });
    expect(first.result.interrupted).toBe(true);
    expect(only(first.events, "interrupted")[0]!.resume).toBe(
      `Training was interrupted after step ${first.result.steps} of 9 and saved: resume("${join(folder, "run", "last.safetensors")}") and then fit() go on.`,
    );
    expect(first.result.steps).toBeLessThan(9);

    const second = new Trainer(model, options);
    await second.resume();
    expect(second.steps).toBe(first.result.steps);
    const { result } = await fit(second, { onEvent: trainLog(log) });
    expect(result.interrupted).toBe(false);
    expect(bytesIn(join(folder, "run", "last.safetensors")).equals(expected.last)).toBe(true);
    expect(bytesIn(join(folder, "run", "best.safetensors")).equals(expected.best)).toBe(true);
    expect(numbers(log)).toEqual(expected.logged);
  });

  test("after an interruption, in the same trainer, without files", async () => {
    const options = tinyRun({ validation: undefined, accumulate: 2, batch: 1 });
    const [whole, parts] = [new Trainer(model, options), new Trainer(model, options)];
    const { best } = await whole.fit();
    expect(best!.epoch).toBe(3);
    const { events } = await fit(
      parts,
      abortAt((event) => event.step === 5),
    );
    expect(only(events, "interrupted")[0]!.resume).toContain("fit() goes on while this process lives");
    expect((await parts.fit()).steps).toBe(9);
    expect(Buffer.compare(parts.model().toBytes(), whole.model().toBytes())).toBe(0);
  });
});

test("validation every second epoch and after the last; the best is one of these", async () => {
  const validation = { ...tinyRun().validation!, every: 2 };
  const { events, result } = await fit(new Trainer(model, tinyRun({ epochs: 5, validation })));
  const epochs = only(events, "epoch");
  expect(epochs.map(({ metrics }) => Object.keys(metrics).length > 0)).toEqual([
    false,
    true,
    false,
    true,
    true,
  ]);
  expect(epochs.filter(({ best }) => best).at(-1)!.epoch).toBe(result.best!.epoch);
  expect([2, 4, 5]).toContain(result.best!.epoch);
});

test("training ends early when nothing gets better, and stays ended", async () => {
  const data = fixed(blobs(7, 8));
  const changes = { learningRate: 1e-30, epochs: 9, patience: 2, batchNorm: "frozen", data } as const;
  const trainer = new Trainer(model, tinyRun(changes));
  const { result, events } = await fit(trainer);
  expect(result).toMatchObject({ epochs: 3, interrupted: false });
  expect(result.best!.epoch).toBe(1);
  expect(brief(events).slice(-2)).toEqual(["stop 3/9", "end 3/9"]);
  const again = await fit(trainer);
  expect(only(again.events, "step")).toEqual([]);
  expect(again.result).toEqual(result);
});

/** The same examples in every epoch. */
const fixed = (data: Dataset): Dataset => ({
  length: data.length,
  get: (index) => data.get(index, () => 0.5),
});

describe("is refused in a sentence", () => {
  const make = (changes: Partial<TrainerOptions>): Trainer => new Trainer(model, tinyRun(changes));

  test("options that make no sense", () => {
    expect(() => make({ epochs: 0 })).toThrow("epochs must be a positive whole number, not 0.");
    expect(() => make({ learningRate: Number.NaN })).toThrow("The learning rate must be a positive number");
    expect(() => make({ monitor: "dise" })).toThrow(
      'Cannot watch "dise" for the best epoch: there are "loss", "dice"',
    );
    expect(() => make({ batch: 8 })).toThrow("A step takes 8 examples, but the data set has 7");
    expect(() => make({ data: { ...blobs(0, 8), length: 0 } })).toThrow("The data set is empty");
    expect(() => make({}).model("best")).toThrow("There are no best weights yet");
  });

  test("a checkpoint of another run, a cut one, or none", async () => {
    const checkpoint = { folder };
    await make({ epochs: 1, checkpoint }).fit();
    const path = join(folder, "last.safetensors");
    await expect(make({ checkpoint, batch: 1 }).resume()).rejects.toThrow(
      `"${path}" is a checkpoint of another run: "batch" was 2 there and is 1 here`,
    );
    await expect(make({ checkpoint, groups: [{ match: "first.*", frozen: true }] }).resume()).rejects.toThrow(
      /is a checkpoint of another network or optimiser: "first\.\w+" is float32 \[[\d, ]+\] there and is missing here/,
    );
    writeFileSync(path, bytesIn(path).subarray(0, -1));
    await expect(make({ checkpoint }).resume()).rejects.toThrow(`"${path}" is truncated`);
    await expect(make({ checkpoint: { folder: join(folder, "none") } }).resume()).rejects.toThrow(
      /no such file/,
    );
    await expect(make({}).resume()).rejects.toThrow("Name the checkpoint from which to go on.");
  });

  test("a folder that cannot be written, before the first step", async () => {
    writeFileSync(join(folder, "file"), "");
    const events: TrainEvent[] = [];
    const fitting = make({ checkpoint: { folder: join(folder, "file") } }).fit({
      onEvent: (event) => events.push(event),
    });
    await expect(fitting).rejects.toThrow(/^Cannot write/);
    expect(events).toEqual([]);
    expect(existsSync(join(folder, "file"))).toBe(true);
  });

  test("a loss that is no number; weights and checkpoint stay those of before", async () => {
    const data: Dataset = {
      length: 6,
      async get(index, random) {
        const example = await blobs(6, 8).get(index, random);
        if (trainer.steps >= 3) example.image.data[7] = Number.NaN;
        return example;
      },
    };
    const trainer: Trainer = new Trainer(
      model,
      tinyRun({ data, validation: undefined, checkpoint: { folder } }),
    );
    await expect(trainer.fit()).rejects.toMatchObject({
      kind: "train",
      message: expect.stringMatching(/^The loss is NaN/),
    });
    expect(trainer.steps).toBeGreaterThanOrEqual(3);
    expect((await readSafetensors(join(folder, "last.safetensors"))).metadata.get("progress")).toMatch(
      /^{"epoch":1,/,
    );
    const { initializers } = trainer.model().graph;
    for (const [name, tensor] of initializers)
      if (name.includes("weight")) expect(numbersOf(tensor).every(Number.isFinite)).toBe(true);
  });

  test("a second fit while the first runs; the first ends well", async () => {
    const trainer = make({ epochs: 1 });
    const first = trainer.fit();
    await expect(trainer.fit()).rejects.toThrow("This trainer is training already");
    await expect(trainer.resume("x")).rejects.toThrow("This trainer is training already");
    expect((await first).steps).toBe(3);
  });

  test("examples of another size, and trouble in the data", async () => {
    await expect(make({ data: blobs(4, 12) }).fit()).rejects.toThrow(
      "Expected images as float32 [2, 1, 8, 8, 8], found float32 [2, 1, 12, 12, 12].",
    );
    const broken: Dataset = { length: 4, get: () => Promise.reject(new Error("the disk is gone")) };
    await expect(make({ data: broken }).fit()).rejects.toThrow("the disk is gone");
  });
});
